// The working set manager: all working sets, one after the other, the one that was trimmed longest ago first.
//
// The manager takes a working set off the list while it is at work on it (BeingTrimmed), for it must not hold the list's lock
// when it enters another address space; afterwards it puts it at the tail. Whoever deletes a working set meanwhile waits.
// Locks: LockQueueExpansionLock. IRQL: PASSIVE_LEVEL. What each routine promises: trim.h.
// In the books: "balance set manager", "working set manager". PFN-14
#include "etw.h"
#include "ke.h"
#include "mm/ws/trim.h"
#include "nt/list.h"

namespace {

LIST_ENTRY ExpansionHead GUARDED_BY(KiQueuedSpinLock[LockQueueExpansionLock]);
ULONG Linked GUARDED_BY(KiQueuedSpinLock[LockQueueExpansionLock]); ///< working sets, the one at work included
KEVENT NobodyAtWork; ///< a notification event: clear while a working set is off the list. shared: the dispatcher lock's

/// @returns the working set at the head, now BeingTrimmed; nullptr if there is none.
MMSUPPORT* BeginWork() {
    nt::QueuedSpinLockGuard guard(LockQueueExpansionLock);
    if (IsListEmpty(&ExpansionHead)) return nullptr;
    auto* const workingSet = CONTAINING_RECORD(RemoveHeadList(&ExpansionHead), MMSUPPORT, WorkingSetExpansionLinks);
    workingSet->Flags.BeingTrimmed = 1;
    KeClearEvent(&NobodyAtWork);
    return workingSet;
}

void EndWork(MMSUPPORT* workingSet) {
    nt::QueuedSpinLockGuard guard(LockQueueExpansionLock);
    workingSet->Flags.BeingTrimmed = 0;
    InsertTailList(&ExpansionHead, &workingSet->WorkingSetExpansionLinks);
    (void)KeSetEvent(&NobodyAtWork, 0, FALSE);
}

/// What is done with one working set. @returns pages that were taken away.
ULONG Work(MMSUPPORT* workingSet, bool age, const MM_MEMORY_STATE& memory, ULONG pass) {
    if (!workingSet->Calls->Enter(workingSet)) return 0;
    MM_TRIM_POLICY& policy = MiTrimPolicy();
    if (age) MiAgeWorkingSet(workingSet, policy.EntriesToAge(*workingSet, memory));
    ULONG taken = 0;
    if (const ULONG pages = policy.PagesToTrim(*workingSet, memory, pass)) {
        taken = MiTrimWorkingSet(workingSet, pages, pass);
        EtwTraceEvent(ETW_EVENT::WorkingSetTrim, reinterpret_cast<ULONG_PTR>(workingSet), taken, pages, pass);
        if (taken != 0) workingSet->LastTrimTime = ULONG(KeQueryInterruptTime() / 10'000'000);
    }
    workingSet->Calls->Leave(workingSet);
    return taken;
}

} // namespace

void MiInitializeWorkingSetManager() {
    KeInitializeEvent(&NobodyAtWork, NotificationEvent, TRUE);
    nt::QueuedSpinLockGuard guard(LockQueueExpansionLock);
    InitializeListHead(&ExpansionHead);
    Linked = 0;
}

void MiLinkWorkingSet(MMSUPPORT* workingSet) {
    nt::QueuedSpinLockGuard guard(LockQueueExpansionLock);
    workingSet->Flags.Linked = 1;
    InsertTailList(&ExpansionHead, &workingSet->WorkingSetExpansionLinks);
    Linked++;
}

void MiUnlinkWorkingSet(MMSUPPORT* workingSet) {
    for (;;) {
        {
            nt::QueuedSpinLockGuard guard(LockQueueExpansionLock);
            if (!workingSet->Flags.BeingTrimmed) {
                workingSet->Flags.Linked = 0;
                RemoveEntryList(&workingSet->WorkingSetExpansionLinks);
                Linked--;
                return;
            }
        }
        (void)KeWaitForSingleObject(&NobodyAtWork, KWAIT_REASON::WrVirtualMemory, KernelMode, FALSE, nullptr);
    }
}

ULONG MiManageWorkingSets(bool age, MM_MEMORY_STATE (*ask)()) {
    ULONG taken = 0;
    for (ULONG pass = 0; pass < MM_TRIM_PASSES; pass++) {
        if (MM_MEMORY_STATE memory = ask(); (pass != 0 || !age) && memory.Available >= memory.Wanted) break;
        ULONG left;
        {
            nt::QueuedSpinLockGuard guard(LockQueueExpansionLock);
            left = Linked;
        }
        for (; left != 0; left--) { // each once a pass, although the list changes
            MMSUPPORT* const workingSet = BeginWork();
            if (!workingSet) break;
            taken += Work(workingSet, age && pass == 0, ask(), pass);
            EndWork(workingSet);
        }
    }
    return taken;
}
