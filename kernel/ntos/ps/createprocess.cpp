// Processes without an image or threads of their own: an address space with an identity. Threads attach to it.
//
// Locks: ActiveProcessLock guards additions to PsActiveProcessHead; readers are debuggers, in a stopped system.
// IRQL: PASSIVE_LEVEL. In the books: "flow of CreateProcess". SYS-01, KPR-03
#include "mm.h"
#include "mm/processspace.h"
#include "ps/psp.h"
#include "rtl/string.h"

namespace {

constexpr KPRIORITY BASE_PRIORITY = 8;

KSPIN_LOCK ActiveProcessLock = {};

} // namespace

NTSTATUS NTAPI PspCreateProcess(PCSTR Name, EPROCESS** Process) {
    *Process = nullptr;
    PVOID object;
    NT_TRY(ObCreateObject(KernelMode, PsProcessType, nullptr, KernelMode, nullptr, sizeof(EPROCESS), 0, 0, &object));
    auto* const process = static_cast<EPROCESS*>(object);
    *process = {};
    ULONG_PTR directory[2];
    process->Objects.QuotaBlock = ExCreateQuotaBlock();
    if (!process->Objects.QuotaBlock || !NT_SUCCESS(ObInitProcess(nullptr, process)) ||
        !MmCreateProcessAddressSpace(directory)) {
        ObKillProcess(process);
        (void)ObDereferenceObject(process);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    KeInitializeProcess(&process->Pcb, BASE_PRIORITY, ~KAFFINITY(0), directory);
    MmInitializeProcessAddressSpace(process);
    process->UniqueProcessId = PspNextId();
    (void)RtlStringCbPrintf(process->ImageFileName, sizeof(process->ImageFileName), "%s", Name); // cut if it is long
    {
        nt::SpinLockGuard guard(ActiveProcessLock);
        InsertTailList(&PsActiveProcessHead, &process->ActiveProcessLinks);
    }
    *Process = process;
    return STATUS_SUCCESS;
}

void NTAPI PspDeleteProcess(EPROCESS* Process) {
    ExWaitForRundownProtectionRelease(
        &Process->ThreadRundown); // threads that have ended are on their way to the reaper
    NT_ASSERT(Process->Pcb.StackCount == 0);
    ObKillProcess(Process);
    MmCleanProcessAddressSpace(Process);
    // The working set manager, which may have been in it, will not come again.
    NT_ASSERT(Process->Pcb.ActiveProcessors == 0);
    {
        nt::SpinLockGuard guard(ActiveProcessLock);
        RemoveEntryList(&Process->ActiveProcessLinks);
    }
    (void)ObDereferenceObject(Process);
}

/// The last reference has gone: also of a process that never had an address space.
void NTAPI PspDeleteProcessObject(PVOID Object) {
    auto* const process = static_cast<EPROCESS*>(Object);
    if (process->UniqueProcessId != 0) MmDeleteProcessAddressSpace(process);
    if (process->Objects.QuotaBlock) ExDereferenceQuotaBlock(process->Objects.QuotaBlock);
}
