// Imports that are found when they are first called. Contract: the public documentation.
//
// A program's stub calls with the slot that it jumps through; the slot's place in its table is the name's place in the table of names.
// In the books: "image loader: delay-loaded imports". BOO-01
#include "k32.h"

#include "ntimage.h"

namespace {

/// A DLL's part of the table of such imports (the public specification of PE images). Places count from the image's base.
struct DELAY_DESCRIPTOR {
    ULONG Attributes;
    ULONG DllName;
    ULONG ModuleHandle; ///< of a HMODULE: nullptr until the DLL is there
    ULONG Addresses;
    ULONG Names;
    ULONG BoundAddresses;
    ULONG UnloadAddresses;
    ULONG TimeDateStamp;
};
PUBLIC_SIZE(DELAY_DESCRIPTOR, 32);

using FAILURE_HOOK = FARPROC NTAPI(PCSTR dll, PCSTR name); ///< as programs import DelayLoadFailureHook

} // namespace

extern "C" {

/// @param SystemHook what is called when DLL or routine is missing. @returns the routine
FARPROC NTAPI ResolveDelayLoadedAPI(UCHAR* Base, const DELAY_DESCRIPTOR* Descriptor, PVOID, FAILURE_HOOK* SystemHook,
                                    FARPROC* Slot, ULONG) {
    auto* const module = reinterpret_cast<HMODULE*>(Base + Descriptor->ModuleHandle);
    const auto* const dll = reinterpret_cast<PCSTR>(Base + Descriptor->DllName);
    const SIZE_T index = Slot - reinterpret_cast<FARPROC*>(Base + Descriptor->Addresses);
    const ULONG entry = reinterpret_cast<const ULONG*>(Base + Descriptor->Names)[index];
    const auto name = (entry & IMAGE_ORDINAL_FLAG32)
                          ? reinterpret_cast<PCSTR>(ULONG_PTR(entry & ~IMAGE_ORDINAL_FLAG32))
                          : reinterpret_cast<PCSTR>(Base + entry + sizeof(USHORT)); // behind the hint
    // Two threads may find the same: each loads the DLL once, and it stays for good.
    if (!*module) *module = LoadLibraryA(dll);
    FARPROC routine = *module ? GetProcAddress(*module, name) : nullptr;
    if (!routine) return SystemHook ? SystemHook(dll, name) : nullptr;
    *Slot = routine;
    return routine;
}

/// The caller cannot go on: an exception tells of the DLL or the routine that is missing.
FARPROC NTAPI DelayLoadFailureHook(PCSTR Dll, PCSTR Name) {
    constexpr DWORD moduleMissing = 0xC06D007E, routineMissing = 0xC06D007F; // documented
    const ULONG_PTR told[] = {reinterpret_cast<ULONG_PTR>(Dll), reinterpret_cast<ULONG_PTR>(Name)};
    const HMODULE module = GetModuleHandleA(Dll);
    (void)DbgPrint(module ? "%s does not have the routine %s\n" : "%s is missing\n", Dll, Name);
    RaiseException(module ? routineMissing : moduleMissing, EXCEPTION_NONCONTINUABLE, 2, told);
    return nullptr;
}
}
