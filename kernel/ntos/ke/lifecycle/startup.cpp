// The dispatcher's part of start-up.
//
// Runs before the processor's first thread and with interrupts off, so there is nothing to lock out.
// IRQL: >= DISPATCH_LEVEL.
// In the books: "kernel initialization". BOO-04
#include "ke/ki.h"
#include "ke/ki/lockrecords.h"

extern "C" constinit KSPIN_LOCK KiDispatcherLock = {};

static void InitializeProcessorQueues(PKPRCB Prcb) {
    nt::AssumeHeld(Prcb->PrcbLock); // no other code uses the processor's structures yet
    nt::AssumeDispatchLevel();
    KeInitializeSpinLock(&Prcb->PrcbLock, KLOCK_RANK::Prcb);
    Prcb->ReadySummary = 0;
    Prcb->QueueIndex = LOW_PRIORITY + 1;
    for (LIST_ENTRY& queue : Prcb->DispatcherReadyListHead)
        InitializeListHead(&queue);
    InitializeListHead(&Prcb->WaitListHead);
    Prcb->DeferredReadyListHead.Next = nullptr;
    Prcb->NextThread = nullptr;
}

void NTAPI KiInitializeDispatcher(PKPRCB Prcb) {
    InitializeProcessorQueues(Prcb);
    if (Prcb->Number != 0) KiInitializeLockQueue(Prcb); // the first one has had them since it runs
    KiInitializeDpcQueues(Prcb);
    if (Prcb->Number != 0) return;
    KeInitializeSpinLock(&KiDispatcherLock, KLOCK_RANK::Dispatcher);
    KiInitializeTime();
    KiInitializeLockRecords();
    KiInitializeTimerTable();
    KiInitializeProcessList();
    KiInitializeSwapper();
}

void NTAPI KiInitializeIdleThread(PKPRCB Prcb, PKTHREAD Thread, PKPROCESS Process, PVOID KernelStack,
                                  PVOID StackLimit) {
    nt::AssumeHeld(Prcb->PrcbLock); // the processor has no thread yet: no other code looks at its fields
    KiInitializeThreadObject(Thread, KernelStack, StackLimit, Process);
    Thread->Priority = Thread->BasePriority = LOW_PRIORITY;
    Thread->Affinity = Thread->UserAffinity = Prcb->SetMember;
    Thread->IdealProcessor = Thread->NextProcessor = UCHAR(Prcb->Number);
    Prcb->CurrentThread = Prcb->IdleThread = Thread;
    KiSetThreadState(Thread, KTHREAD_STATE::Running);
    InterlockedOr(&Process->ActiveProcessors, LONG(Prcb->SetMember));
    InterlockedOr(&KiIdleSummary, LONG(Prcb->SetMember));
}
