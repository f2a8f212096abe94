// KiIdleSchedule: an idle processor takes over a thread that waits for another one.
//
// A thread that becomes ready goes to an idle processor if there is one; this is for those that found none. The ready
// summaries of the others are read without their locks, as hints: the best priority first. What is found then is taken
// under both PrcbLocks, the lower processor's first.
// Policy: the highest priority; among equals the first of its queue; only threads whose affinity has this processor.
// Locks: takes two PrcbLocks. IRQL: DISPATCH_LEVEL.
// In the books: "multiprocessor systems: idle processors", "choosing a thread for a processor". SCH-18, SCH-16
#include "ke/ki.h"

namespace {

/// Two processors' locks in their order. The analysis cannot follow an order that depends on numbers.
class TwoPrcbGuard {
public:
    TwoPrcbGuard(KPRCB* one, KPRCB* other) NO_THREAD_SAFETY_ANALYSIS // an order by numbers
        : m_first(one->Number < other->Number ? one : other),
          m_second(m_first == one ? other : one) {
        KefAcquireSpinLockAtDpcLevel(&m_first->PrcbLock);
        KefAcquireSpinLockAtDpcLevel(&m_second->PrcbLock);
    }
    ~TwoPrcbGuard() NO_THREAD_SAFETY_ANALYSIS { // an order by numbers
        KefReleaseSpinLockFromDpcLevel(&m_second->PrcbLock);
        KefReleaseSpinLockFromDpcLevel(&m_first->PrcbLock);
    }
    TwoPrcbGuard(const TwoPrcbGuard&) = delete;
    TwoPrcbGuard& operator=(const TwoPrcbGuard&) = delete;

private:
    KPRCB* const m_first;
    KPRCB* const m_second;
};

/// The best ready thread of `from` that may run on `processors`; it stays on its queue. nullptr if there is none. An idle
/// processor has the time to look at all queues.
KTHREAD* FindThread(KPRCB* from, KAFFINITY processors) REQUIRES_(from->PrcbLock) {
    for (KPRIORITY priority = HIGH_PRIORITY; priority >= LOW_PRIORITY; priority--)
        for (KTHREAD* thread : nt::List<&KTHREAD::WaitListEntry>(from->DispatcherReadyListHead[priority]))
            if (thread->Affinity & processors) return thread;
    return nullptr;
}

/// Makes a thread of `from` the next thread of `prcb`, which is idle. @returns whether `prcb` has one now
bool TakeThread(KPRCB* from, KPRCB* prcb) REQUIRES_(AtDispatchLevel) {
    const TwoPrcbGuard guard(from, prcb);
    nt::AssumeHeld(from->PrcbLock); // by the guard, both
    nt::AssumeHeld(prcb->PrcbLock);
    if (prcb->NextThread) return true; // another processor was quicker, and brought one
    KTHREAD* const thread = FindThread(from, prcb->SetMember);
    if (!thread) return false;
    KiRemoveReadyQueue(from, thread);
    KiSetStandbyThread(prcb, thread);
    return true;
}

/// A hint: which queues of a processor have threads.
ULONG SummaryOf(const KPRCB* prcb) {
    nt::AssumeSnapshot(prcb->PrcbLock);
    return __atomic_load_n(&prcb->ReadySummary, __ATOMIC_RELAXED);
}

/// The processor of `candidates` with the best ready thread; nullptr: none has one. Of two summaries the greater number
/// has the higher bit, or the same: so its thread is better, or as good. The next one after `prcb` comes first among
/// equals.
KPRCB* BestOf(KAFFINITY candidates, const KPRCB* prcb) {
    KPRCB* best = nullptr;
    ULONG greatest = 0;
    for (ULONG i = 1; i < MAXIMUM_PROCESSORS; i++) {
        const ULONG number = (prcb->Number + i) % MAXIMUM_PROCESSORS;
        if (!(candidates & (1u << number))) continue;
        KPRCB* const other = KiProcessorBlock[number];
        const ULONG summary = SummaryOf(other);
        if (summary <= greatest) continue;
        greatest = summary;
        best = other;
    }
    return best;
}

} // namespace

bool NTAPI KiIdleSchedule(PKPRCB Prcb) {
    KAFFINITY others = __atomic_load_n(&KeActiveProcessors, __ATOMIC_RELAXED) & ~Prcb->SetMember;
    while (KPRCB* const other = BestOf(others, Prcb)) {
        if (TakeThread(other, Prcb)) return true;
        others &= ~other->SetMember; // its threads may not run here, or are gone
    }
    return false;
}
