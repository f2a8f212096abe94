// The loader's routines for programs. Contract: user/loader.h.
#include "ldr/ldrp.h"

namespace {

/// A DLL's name in ASCII, without the path in front. @returns false: it has other characters, or is too long
bool NarrowName(const UNICODE_STRING* name, CHAR (&narrow)[LDRP_NAME_SIZE]) {
    ULONG length = 0;
    for (ULONG i = 0; i < name->Length / sizeof(WCHAR); i++) {
        const WCHAR character = name->Buffer[i];
        if (character == u'\\' || character == u'/') {
            length = 0;
            continue;
        }
        if (character == 0 || character > 0x7E || length == LDRP_NAME_SIZE - sizeof(".dll")) return false;
        narrow[length++] = CHAR(character);
    }
    narrow[length] = 0;
    return length != 0;
}

bool HasDot(PCSTR name) {
    for (; *name != 0; name++)
        if (*name == '.') return true;
    return false;
}

NTSTATUS Load(PCSTR name, LDRP_MODULE** module) {
    nt::PeError error;
    NTSTATUS status = LdrpLoad(name, module, &error);
    if (!NT_SUCCESS(status)) {
        LdrpReport(name, status, error);
        LdrpUnloadUnused();
        return status;
    }
    LdrpReference(*module);
    LDRP_MODULE* failed = nullptr;
    status = LdrpCallAttach(*module, nullptr, &failed);
    if (!NT_SUCCESS(status)) {
        LdrpDereference(*module);
        LdrpUnloadUnused();
    }
    return status;
}

/// What a forwarder has loaded just now stays: addresses of it may be anywhere from now on.
NTSTATUS KeepForwarded(LDRP_MODULE* module) {
    for (LDRP_DEPENDENCY* each = module->Dependencies; each; each = each->Next) {
        if (each->Module->Entry.LoadCount != 0) continue;
        LDRP_MODULE* failed = nullptr;
        LdrpPin(each->Module);
        NT_TRY(LdrpCallAttach(each->Module, nullptr, &failed));
    }
    return STATUS_SUCCESS;
}

} // namespace

extern "C" {

NTSTATUS NTAPI LdrLoadDll(PCWSTR, ULONG*, const UNICODE_STRING* DllName, PVOID* DllHandle) {
    CHAR name[LDRP_NAME_SIZE];
    if (!NarrowName(DllName, name)) return STATUS_DLL_NOT_FOUND;
    LDRP_GUARD guard;
    LDRP_MODULE* module = nullptr;
    NT_TRY(Load(name, &module));
    *DllHandle = module->Entry.DllBase;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI LdrUnloadDll(PVOID DllHandle) {
    LDRP_GUARD guard;
    LDRP_MODULE* const module = LdrpFindByBase(DllHandle);
    if (!module) return STATUS_DLL_NOT_FOUND;
    LdrpDereference(module);
    LdrpUnloadUnused();
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI LdrGetDllHandle(PCWSTR, ULONG*, const UNICODE_STRING* DllName, PVOID* DllHandle) {
    CHAR name[LDRP_NAME_SIZE];
    if (!NarrowName(DllName, name)) return STATUS_DLL_NOT_FOUND;
    if (!HasDot(name)) (void)strcat(name, ".dll"); // NarrowName has left room
    LDRP_GUARD guard;
    const LDRP_MODULE* const module = LdrpFindByName(name);
    if (!module) return STATUS_DLL_NOT_FOUND;
    *DllHandle = module->Entry.DllBase;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI LdrGetProcedureAddress(PVOID DllHandle, const STRING* Name, ULONG Ordinal, PVOID* ProcedureAddress) {
    CHAR name[nt::PeError::SYMBOL_SIZE];
    if (Name) {
        if (Name->Length >= sizeof(name)) return STATUS_ENTRYPOINT_NOT_FOUND;
        memcpy(name, Name->Buffer, Name->Length);
        name[Name->Length] = 0;
    }
    LDRP_GUARD guard;
    LDRP_MODULE* const module = LdrpFindByBase(DllHandle);
    if (!module) return STATUS_DLL_NOT_FOUND;
    ULONG address = 0;
    nt::PeError error;
    const NTSTATUS status = LdrpFindExport(module, Name ? name : nullptr, Ordinal, &address, &error);
    NT_TRY(KeepForwarded(module)); // also if it failed: the module leads to them
    LdrpUnloadUnused();            // what failed half-way
    NT_TRY(status);
    *ProcedureAddress = reinterpret_cast<PVOID>(ULONG_PTR(address));
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI LdrDisableThreadCalloutsForDll(PVOID DllHandle) {
    LDRP_GUARD guard;
    LDRP_MODULE* const module = LdrpFindByBase(DllHandle);
    if (!module) return STATUS_DLL_NOT_FOUND;
    module->Entry.Flags |= LDRP_DONT_CALL_FOR_THREADS;
    return STATUS_SUCCESS;
}

void NTAPI LdrShutdownThread() {
    if (!NtCurrentPeb()->Ldr || !NtCurrentPeb()->Ldr->Initialized) return;
    LDRP_GUARD guard;
    LdrpCallForThread(DLL_THREAD_DETACH);
    LdrpFreeTls();
}

void NTAPI LdrShutdownProcess() {
    if (!NtCurrentPeb()->Ldr || !NtCurrentPeb()->Ldr->Initialized) return;
    LDRP_GUARD guard;
    const PVOID processEnds = NtCurrentPeb(); // DllMain's Reserved: not nullptr
    LIST_ENTRY* const head = &NtCurrentPeb()->Ldr->InInitializationOrderModuleList;
    while (!IsListEmpty(head))
        LdrpCallDetach(LdrpInitializedModuleOf(head->Blink), processEnds);
    LDRP_MODULE* const program = LdrpFindByBase(NtCurrentPeb()->ImageBaseAddress);
    if (program) LdrpCallTlsCallbacks(program, DLL_PROCESS_DETACH);
    NtCurrentPeb()->Ldr->Initialized = FALSE; // once
}
}
