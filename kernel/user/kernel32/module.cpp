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
}
