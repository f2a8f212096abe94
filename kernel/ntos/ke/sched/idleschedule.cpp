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

/// The best ready thread of `from` that may run on `processors`; it stays on its queue. nullptr if there is none.
KTHREAD* FindThread(KPRCB* from, KAFFINITY processors) REQUIRES_(from->PrcbLock) {
    for (ULONG summary = from->ReadySummary; summary != 0;) {
        const ULONG priority = 31 - ULONG(__builtin_clz(summary));
        for (KTHREAD* thread : nt::List<&KTHREAD::WaitListEntry>(from->DispatcherReadyListHead[priority]))
            if (thread->Affinity & processors) return thread;
        summary &= ~(1u << priority);
    }
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

/// A hint: the priority of a processor's best ready thread; less than any priority if it has none.
KPRIORITY BestPriority(const KPRCB* prcb) {
    nt::AssumeSnapshot(prcb->PrcbLock);
    const ULONG summary = __atomic_load_n(&prcb->ReadySummary, __ATOMIC_RELAXED);
    return summary ? 31 - __builtin_clz(summary) : LOW_PRIORITY - 1;
}

/// The processor of `candidates` with the best ready thread, the next one after `prcb` among equals; nullptr: none has one.
KPRCB* BestOf(KAFFINITY candidates, const KPRCB* prcb) {
    KPRCB* best = nullptr;
    KPRIORITY highest = LOW_PRIORITY - 1;
    for (ULONG i = 1; i < MAXIMUM_PROCESSORS; i++) {
        const ULONG number = (prcb->Number + i) % MAXIMUM_PROCESSORS;
        if (!(candidates & (1u << number))) continue;
        KPRCB* const other = KiProcessorBlock[number];
        const KPRIORITY priority = BestPriority(other);
        if (priority <= highest) continue;
        highest = priority;
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
