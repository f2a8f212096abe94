// Continuous checks of checked builds: the dispatcher's invariants, each time the dispatcher is left.
//
// A broken invariant found here stops the system near its cause instead of a thousand switches later.
// Locks: takes the PrcbLock of the given processor. IRQL: SYNCH_LEVEL.
// In the books: "dispatcher database". SCH-06, SCH-15..17
#include "ke/ki.h"

#if defined(MICA_CHECKED) || defined(MICA_HOST)
namespace {

constexpr ULONG MaximumQueueLength = 10'000; ///< a longer queue is taken for a list that does not end

void CheckReadyQueue(PKPRCB prcb, ULONG priority) REQUIRES_(prcb->PrcbLock) {
    LIST_ENTRY& queue = prcb->DispatcherReadyListHead[priority];
    const bool summaryBit = (prcb->ReadySummary & (1u << priority)) != 0;
    NT_ASSERT(summaryBit == !IsListEmpty(&queue));
    ULONG length = 0;
    for (KTHREAD* thread : nt::List<&KTHREAD::WaitListEntry>(queue)) {
        NT_ASSERT(thread->WaitListEntry.Flink->Blink == &thread->WaitListEntry);
        NT_ASSERT(thread->State == KTHREAD_STATE::Ready);
        NT_ASSERT(ULONG(thread->Priority) == priority);
        NT_ASSERT(thread->NextProcessor == prcb->Number);
        NT_ASSERT(++length < MaximumQueueLength);
    }
}

} // namespace

void KiCheckDispatcherDatabase(PKPRCB Prcb) {
    nt::SpinLockAtDpcGuard guard(Prcb->PrcbLock);
    for (ULONG priority = 0; priority < MAXIMUM_PRIORITY; priority++)
        CheckReadyQueue(Prcb, priority);

    const KTHREAD* const current = Prcb->CurrentThread;
    const KTHREAD* const next = Prcb->NextThread;
    const bool idle = current == Prcb->IdleThread;
    NT_ASSERT(!next || next->State == KTHREAD_STATE::Standby);
    NT_ASSERT(!next || next->NextProcessor == Prcb->Number);

    // No ready thread is better than the one that will run. A current thread that is on its way off makes no promise, and
    // the idle thread keeps one only with the standby thread it is about to run.
    const bool leaving = !idle && current->State != KTHREAD_STATE::Running;
    if (leaving || Prcb->ReadySummary == 0) return;
    const KPRIORITY best = 31 - __builtin_clz(Prcb->ReadySummary);
    NT_ASSERT(!idle || next);
    NT_ASSERT(best <= (next ? next->Priority : current->Priority));
}
#else
void KiCheckDispatcherDatabase(PKPRCB) {}
#endif
