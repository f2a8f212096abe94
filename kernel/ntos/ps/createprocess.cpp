// Making a process: the object, its handles and quota, its address space, its place among the others.
//
// The kernel's own processes (PspCreateProcess) have no image and stay without threads; threads attach to them. A process with an image is
// filled further (imageprocess.cpp), and ends with its last thread (processexit.cpp).
// Locks: PspActiveProcessLock guards PsActiveProcessHead; debuggers read it in a stopped system.
// IRQL: PASSIVE_LEVEL. In the books: "flow of CreateProcess". PRC-02, PRC-05, SYS-01, KPR-03
#include "mm.h"
#include "mm/processspace.h"
#include "ps/psp.h"
#include "rtl/string.h"

KSPIN_LOCK PspActiveProcessLock = {};

namespace {

/// Quota block and handle table: the parent's block if it has one.
NTSTATUS GiveObjects(EPROCESS* process, EPROCESS* parent, bool inheritHandles) {
    EPROCESS_QUOTA_BLOCK* const shared = parent->Objects.QuotaBlock;
    if (shared) ExReferenceQuotaBlock(shared);
    process->Objects.QuotaBlock = shared ? shared : ExCreateQuotaBlock();
    if (!process->Objects.QuotaBlock) return STATUS_INSUFFICIENT_RESOURCES;
    return ObInitProcess(inheritHandles ? parent : nullptr, process);
}

NTSTATUS GiveAddressSpace(EPROCESS* process, const EPROCESS* parent) {
    ULONG_PTR directory[2];
    if (!MmCreateProcessAddressSpace(directory)) return STATUS_INSUFFICIENT_RESOURCES;
    KeInitializeProcess(&process->Pcb, parent->Pcb.BasePriority, parent->Pcb.Affinity, directory);
    MmInitializeProcessAddressSpace(process);
    return STATUS_SUCCESS;
}

void Name(EPROCESS* process, PCUNICODE_STRING name) {
    const ULONG most = sizeof(process->ImageFileName) - 1;
    const ULONG count = name ? name->Length / sizeof(WCHAR) : 0;
    for (ULONG i = 0; i < count && i < most; i++)
        process->ImageFileName[i] = name->Buffer[i] < 0x80 ? CHAR(name->Buffer[i]) : '?';
}

} // namespace

NTSTATUS PspMakeProcess(EPROCESS* Parent, bool InheritHandles, PCUNICODE_STRING ImageName, EPROCESS** Process) {
    PVOID object;
    NT_TRY(ObCreateObject(KernelMode, PsProcessType, nullptr, KernelMode, nullptr, sizeof(EPROCESS), 0, 0, &object));
    auto* const process = static_cast<EPROCESS*>(object);
    *process = {};
    NTSTATUS status = GiveObjects(process, Parent, InheritHandles);
    if (NT_SUCCESS(status)) status = GiveAddressSpace(process, Parent);
    if (!NT_SUCCESS(status)) {
        (void)ObDereferenceObject(process);
        return status;
    }
    process->UniqueProcessId = PspNextId();
    process->InheritedFromUniqueProcessId = Parent->UniqueProcessId;
    process->ExitStatus = STATUS_PENDING;
    KeQuerySystemTime(&process->CreateTime);
    Name(process, ImageName);
    {
        nt::SpinLockGuard guard(PspActiveProcessLock);
        InsertTailList(&PsActiveProcessHead, &process->ActiveProcessLinks);
    }
    *Process = process;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI PspCreateProcess(PCSTR Name, EPROCESS** Process) {
    *Process = nullptr;
    NT_TRY(PspMakeProcess(PsInitialSystemProcess, false, nullptr, Process));
    CHAR(&name)[sizeof((*Process)->ImageFileName)] = (*Process)->ImageFileName;
    (void)RtlStringCbPrintf(name, sizeof(name), "%s", Name); // cut if it is long
    return STATUS_SUCCESS;
}

void NTAPI PspDeleteProcess(EPROCESS* Process) {
    ExWaitForRundownProtectionRelease(
        &Process->ThreadRundown); // threads that have ended are on their way to the reaper
    NT_ASSERT(Process->Pcb.StackCount == 0);
    PspCleanProcess(Process);
    Process->Exited = TRUE;
    // The working set manager, which may have been in it, will not come again.
    NT_ASSERT(Process->Pcb.ActiveProcessors == 0);
    (void)ObDereferenceObject(Process);
}

/// The last reference has gone: also of a process that could not be made, or never got a thread.
void NTAPI PspDeleteProcessObject(PVOID Object) {
    auto* const process = static_cast<EPROCESS*>(Object);
    if (process->UniqueProcessId != 0) { // it has an address space
        if (!process->Exited) PspCleanProcess(process);
        {
            nt::SpinLockGuard guard(PspActiveProcessLock);
            RemoveEntryList(&process->ActiveProcessLinks);
        }
        MmDeleteProcessAddressSpace(process);
    }
    ObKillProcess(process);
    if (process->Job) (void)ObDereferenceObject(process->Job);
    if (process->DebugPort) (void)ObDereferenceObject(process->DebugPort);
    if (process->SectionObject) (void)ObDereferenceObject(process->SectionObject);
    if (process->Objects.QuotaBlock) ExDereferenceQuotaBlock(process->Objects.QuotaBlock);
}
