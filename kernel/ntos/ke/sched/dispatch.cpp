// A thread has become ready: which processor takes it, and which thread does it displace?
//
// This is where the rule "the highest-priority ready thread runs" is made true for a new arrival. The states involved:
//
//     DeferredReady --> Standby   the thread runs next: the processor is idle, or the thread that runs there is worse
//                   --> Ready     the thread waits its turn on a ready queue
//     Standby       --> Ready     the thread was going to run next, and the new thread is better
//
// Locks: takes the PrcbLock of the chosen processor. IRQL: SYNCH_LEVEL.
// In the books: "thread scheduling", "preemption", "choosing a processor". SCH-01, SCH-05, SCH-06, SCH-12, SCH-13
#include "ke/ki.h"

/// The processor for a thread that became ready: an idle one it may run on (its ideal one first, then the one it ran on
/// last, then this one, then any), else the ideal one, else the last, else any it may run on. The answer is advice. It
/// is made without a PrcbLock, so the idle processor may have got a thread when you look again.
PKPRCB NTAPI KiChooseProcessor(const KTHREAD* Thread) {
    const KAFFINITY allowed = Thread->Affinity & KeActiveProcessors;
    NT_ASSERT(allowed != 0);
    const KAFFINITY idle = allowed & KAFFINITY(KiIdleSummary);
    const KAFFINITY candidates = idle != 0 ? idle : allowed;

    const ULONG wishes[] = {Thread->IdealProcessor, Thread->NextProcessor, KeGetCurrentProcessorNumber()};
    const ULONG wishCount = idle != 0 ? 3 : 2; // running here is worth a wish only if it costs no other thread its turn
    for (ULONG i = 0; i < wishCount; i++) {
        if (candidates & (1u << wishes[i])) return KiProcessorBlock[wishes[i]];
    }
    return KiProcessorBlock[__builtin_ctz(candidates)];
}

/// Gives a thread that has become ready its place: it becomes the next thread of the processor that KiChooseProcessor
/// names, or it joins that processor's ready queues. The thread is DeferredReady and on no list. No PrcbLock is held.
///
/// Afterwards, on that processor:
/// - No ready thread has a higher priority than the next thread or, without a next thread, the current thread. Every
///   other thread is better than the idle thread. An equal priority is not a better one.
/// - At most one thread is Standby: NextThread.
/// - A thread that lost its place to the new one keeps its claim to the rest of its turn: Preempted says so, and
///   KxQueueReadyThread heeds it. The former next thread is on its ready queue, before its equals. The current thread
///   stays the current thread until the switch.
/// - A current thread that is not Running any more leaves the processor by itself: it waits or ends. Its Preempted
///   stays as it was.
/// - The processor has been asked to look (KiRequestDispatchInterrupt) if, and only if, there is a new next thread; and
///   the thread was the next thread by then. A processor that idles looks once and halts again.
///
/// The priority that counts is the one after the boost that was due. AdjustUnwait: what KiPriorityAfterWait answers to
/// AdjustIncrement. AdjustBoost: at least AdjustIncrement; a real-time thread keeps its priority. The change is traced
/// with reason KPRIORITY_CHANGE::Boost. Afterwards no boost is due: AdjustNone.
///
/// Queues, next thread and current thread of a processor, and the states of its threads, change under its PrcbLock:
/// what you saw before you had the lock may be over. The thread's NextProcessor is the number of its new processor.
/// Callers rely on: the PrcbLock is free afterwards.
void NTAPI KiDeferredReadyThread(PKTHREAD Thread) {
    // LAB(1.3) begin
    NT_ASSERT(Thread->State == KTHREAD_STATE::DeferredReady);

    if (Thread->AdjustReason == ADJUST_REASON::AdjustUnwait) {
        const KPRIORITY priority = KiPriorityAfterWait(Thread, Thread->AdjustIncrement);
        KiChangePriority(Thread, priority, KPRIORITY_CHANGE::Boost);
    } else if (Thread->AdjustReason == ADJUST_REASON::AdjustBoost) {
        const bool raises = Thread->Priority < LOW_REALTIME_PRIORITY && Thread->Priority < Thread->AdjustIncrement;
        if (raises) KiChangePriority(Thread, Thread->AdjustIncrement, KPRIORITY_CHANGE::Boost);
    }
    Thread->AdjustReason = ADJUST_REASON::AdjustNone;

    KPRCB* const prcb = KiChooseProcessor(Thread);
    nt::SpinLockAtDpcGuard guard(prcb->PrcbLock);
    Thread->NextProcessor = UCHAR(prcb->Number);

    KTHREAD* const next = prcb->NextThread;
    KTHREAD* const current = prcb->CurrentThread;
    const bool idle = current == prcb->IdleThread;
    const bool displaces = next ? Thread->Priority > next->Priority : idle || Thread->Priority > current->Priority;
    if (!displaces) {
        KxQueueReadyThread(Thread, prcb);
        return;
    }

    if (next) {
        next->Preempted = TRUE;
        prcb->NextThread = nullptr;
        KxQueueReadyThread(next, prcb);
    } else if (!idle && current->State == KTHREAD_STATE::Running) {
        current->Preempted = TRUE;
    }
    KiSetStandbyThread(prcb, Thread);
    KiRequestDispatchInterrupt(prcb);
    // LAB(1.3) else
    //| LAB_NOT_IMPLEMENTED("1.3");
    // LAB(1.3) end
}
