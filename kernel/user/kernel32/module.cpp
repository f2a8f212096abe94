// DLLs by name. Contract: kernel32.h.
#include "k32.h"

namespace {

HMODULE Handle(const UNICODE_STRING* name) {
    PVOID base = nullptr;
    return BaseSucceeded(LdrGetDllHandle(nullptr, nullptr, name, &base)) ? base : nullptr;
}

HMODULE Load(const UNICODE_STRING* name) {
    PVOID base = nullptr;
    return BaseSucceeded(LdrLoadDll(nullptr, nullptr, name, &base)) ? base : nullptr;
}

constexpr ULONG_PTR HIGHEST_ORDINAL = 0xFFFF; ///< a name that is no more than this is an ordinal

} // namespace

extern "C" {

HMODULE NTAPI GetModuleHandleA(PCSTR ModuleName) {
    if (!ModuleName) return NtCurrentPeb()->ImageBaseAddress;
    BASE_WIDE name(ModuleName);
    return BaseSucceeded(name.Status()) ? Handle(name.Get()) : nullptr;
}
HMODULE NTAPI GetModuleHandleW(PCWSTR ModuleName) {
    if (!ModuleName) return NtCurrentPeb()->ImageBaseAddress;
    UNICODE_STRING name;
    return BaseSucceeded(RtlInitUnicodeStringEx(&name, ModuleName)) ? Handle(&name) : nullptr;
}

HMODULE NTAPI LoadLibraryA(PCSTR LibFileName) {
    BASE_WIDE name(LibFileName);
    const NTSTATUS status = LibFileName ? name.Status() : STATUS_INVALID_PARAMETER;
    return BaseSucceeded(status) ? Load(name.Get()) : nullptr;
}
HMODULE NTAPI LoadLibraryW(PCWSTR LibFileName) {
    UNICODE_STRING name;
    const NTSTATUS status = LibFileName ? RtlInitUnicodeStringEx(&name, LibFileName) : STATUS_INVALID_PARAMETER;
    return BaseSucceeded(status) ? Load(&name) : nullptr;
}

/// @param Flags 0, or how its own DLLs are looked for, which is the same for all; LOAD_LIBRARY_AS_DATAFILE and its like are refused
HMODULE NTAPI LoadLibraryExA(PCSTR LibFileName, HANDLE, DWORD Flags) {
    constexpr DWORD searchesDifferently = 0x8 | 0x100 | 0x200 | 0x400 | 0x800 | 0x1000; // documented
    if ((Flags & ~searchesDifferently) == 0) return LoadLibraryA(LibFileName);
    SetLastError(ERROR_INVALID_PARAMETER);
    return nullptr;
}

BOOL NTAPI FreeLibrary(HMODULE Module) { return BaseSucceeded(LdrUnloadDll(Module)); }

FARPROC NTAPI GetProcAddress(HMODULE Module, PCSTR ProcName) {
    PVOID address = nullptr;
    const auto ordinal = reinterpret_cast<ULONG_PTR>(ProcName);
    STRING name;
    if (ordinal > HIGHEST_ORDINAL) RtlInitString(&name, ProcName);
    const NTSTATUS status =
        LdrGetProcedureAddress(Module ? Module : NtCurrentPeb()->ImageBaseAddress,
                               ordinal > HIGHEST_ORDINAL ? &name : nullptr, ULONG(ordinal), &address);
    return BaseSucceeded(status) ? address : nullptr;
}

DWORD NTAPI GetModuleFileNameA(HMODULE Module, PSTR FileName, DWORD Size) {
    constexpr PCSTR drive = "C:\\"; // the boot files (\??\C:)
    const PVOID base = Module ? Module : NtCurrentPeb()->ImageBaseAddress;
    DWORD length = 0;
    NTSTATUS status = STATUS_DLL_NOT_FOUND;
    (void)RtlEnterCriticalSection(NtCurrentPeb()->LoaderLock);
    const LIST_ENTRY* const head = &NtCurrentPeb()->Ldr->InLoadOrderModuleList;
    for (const LIST_ENTRY* link = head->Flink; link != head && status != STATUS_SUCCESS; link = link->Flink) {
        const auto* const entry = CONTAINING_RECORD(link, LDR_DATA_TABLE_ENTRY, InLoadOrderLinks);
        if (entry->DllBase != base) continue;
        status = STATUS_SUCCESS;
        if (Size == 0) break;
        const int written = _snprintf(FileName, Size, "%s%wZ", drive, &entry->BaseDllName);
        length = written < 0 || DWORD(written) >= Size ? Size : DWORD(written);
        FileName[length < Size ? length : Size - 1] = 0;
    }
    (void)RtlLeaveCriticalSection(NtCurrentPeb()->LoaderLock);
    return BaseSucceeded(status) ? length : 0;
}
}
