// The deadlock finder: a wait that closes a circle of threads is found when it begins. Checked builds.
//
// A thread that waits for a lock goes on only after every owner of the lock has released it. So threads are nodes, and an
// arrow goes from a waiting thread to each owner of what it waits for; a circle is a deadlock. Only the wait that begins
// now can close one, so the search starts, and must end, at the current thread.
//
// No thread is accused wrongly:
//   - an owner is taken from a record (heldlocks.cpp), which goes away before the lock is given back: as long as the
//     record lock is held, no owner in the circle has begun to release;
//   - a thread counts as waiting by its state, which the thread that wakes it changes; only a push lock wakes threads that
//     are not owners yet, several at once, so a thread that waits to share it waits only for shared owners that
//     were there before it asked;
//   - a wait that something else can end (a time-out, an APC, another object of a WaitAny) is no arrow.
// Locks: KiDispatcherLock for waits and mutants, then KiLockRecordLock. IRQL: DISPATCH_LEVEL.
// In the books: "driver verifier: deadlock detection". DSP-04, DSP-20, TOL-06
#include "ke/ki.h"
#include "ke/ki/lockrecords.h"
#include "kd.h"

#if defined(MICA_CHECKED) || defined(MICA_HOST)
namespace {

constexpr ULONG MaximumThreads = 64; ///< threads that one search visits; a longer circle is not found
constexpr ULONG MaximumDepth = 16;   ///< threads in a circle

/// One search. There is one at a time, so it lives in static memory and not on the stack of a thread.
struct SEARCH {
    KTHREAD* Start;
    ULONG Depth;
    ULONG Visited;
    KLOCK_WAIT Path[MaximumDepth];
    KTHREAD* Threads[MaximumThreads];
};
SEARCH Search GUARDED_BY(KiLockRecordLock);

bool Follow(KTHREAD* thread) REQUIRES_(KiDispatcherLock, KiLockRecordLock);

/// Notes the arrow from the thread at the path's end to `owner`, and goes on from there. @returns whether a circle is found
bool Step(KLOCK_WAIT wait, KTHREAD* owner) REQUIRES_(KiDispatcherLock, KiLockRecordLock) {
    if (!owner || Search.Depth == MaximumDepth) return false;
    Search.Path[Search.Depth++] = wait;
    if (owner == Search.Start || Follow(owner)) return true;
    Search.Depth--;
    return false;
}

bool FollowLock(KTHREAD* thread, const KLOCK_NOTE& note) REQUIRES_(KiDispatcherLock, KiLockRecordLock) {
    KLOCK_WAIT wait = {.Thread = thread, .Lock = note.Lock, .Kind = note.Kind, .Exclusive = note.Exclusive};
    for (KI_LOCK_RECORD* owner = KiNextOwner(wait.Lock, nullptr); owner; owner = KiNextOwner(wait.Lock, owner)) {
        const bool cameLater = LONG(owner->Sequence - note.Sequence) > 0;
        if (wait.Kind == KLOCK_KIND::PushLock && !wait.Exclusive && !owner->Exclusive && cameLater) continue;
        wait.HeldExclusive = owner->Exclusive;
        wait.AcquiredFrom = owner->Stack;
        if (Step(wait, owner->Thread)) return true;
    }
    return false;
}

/// An object that only one thread can signal: a mutant that is owned, a thread.
bool FollowObject(KTHREAD* thread, DISPATCHER_HEADER* object) REQUIRES_(KiDispatcherLock, KiLockRecordLock) {
    KLOCK_WAIT wait = {.Thread = thread, .Lock = object, .Exclusive = TRUE, .HeldExclusive = TRUE};
    if (object->SignalState > 0) return false;
    if (object->Type == KOBJECTS::MutantObject) {
        wait.Kind = KLOCK_KIND::Mutant;
        return Step(wait, CONTAINING_RECORD(object, KMUTANT, Header)->OwnerThread);
    }
    if (object->Type == KOBJECTS::ThreadObject) {
        wait.Kind = KLOCK_KIND::Thread;
        return Step(wait, CONTAINING_RECORD(object, KTHREAD, Header));
    }
    return false;
}

bool FollowObjects(KTHREAD* thread) REQUIRES_(KiDispatcherLock, KiLockRecordLock) {
    if (thread->State != KTHREAD_STATE::Waiting || thread->Alertable || thread->WaitMode != KernelMode) return false;
    KWAIT_BLOCK* const first = thread->WaitBlockList;
    const bool all = first->WaitType == WaitAll;
    bool timed = false;
    ULONG objects = 0;
    KWAIT_BLOCK* block = first;
    do {
        timed = timed || block == &thread->WaitBlock[TIMER_WAIT_BLOCK];
        block = block->NextWaitBlock;
        if (!block || ++objects > MAXIMUM_WAIT_OBJECTS + 1) return false; // not a ring: another check finds that
    } while (block != first);
    if (timed || (objects > 1 && !all)) return false;
    do {
        if (FollowObject(thread, block->Object)) return true;
        block = block->NextWaitBlock;
    } while (block != first);
    return false;
}

bool IsVisited(const KTHREAD* thread) REQUIRES_(KiLockRecordLock) {
    for (ULONG i = 0; i < Search.Visited; i++) {
        if (Search.Threads[i] == thread) return true;
    }
    return false;
}

/// Follows every arrow from `thread`, unless it does not wait. @returns whether one led to the start
bool Follow(KTHREAD* thread) {
    const bool waits = thread->State == KTHREAD_STATE::Waiting || thread->State == KTHREAD_STATE::GateWait;
    if (!waits || IsVisited(thread) || Search.Visited == MaximumThreads) return false;
    Search.Threads[Search.Visited++] = thread;
    KLOCK_NOTE note;
    return KeQueryLockWait(thread, &note) ? FollowLock(thread, note) : FollowObjects(thread);
}

void Find(KTHREAD* thread) REQUIRES_(KiDispatcherLock, AtDispatchLevel) {
    nt::SpinLockAtDpcGuard guard(KiLockRecordLock);
    Search.Start = thread;
    Search.Depth = Search.Visited = 0;
    if (!Follow(thread)) return;
    KdPrintDeadlock(Search.Path, Search.Depth);
    KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, VERIFIER_DEADLOCK_DETECTED,
                 reinterpret_cast<ULONG_PTR>(Search.Path[0].Lock), reinterpret_cast<ULONG_PTR>(thread), Search.Depth);
}

} // namespace

// Whether the database is held depends on the state, which the analysis cannot see.
void KiCheckDeadlock(PKTHREAD Thread) NO_THREAD_SAFETY_ANALYSIS {
    const bool gate = Thread->State == KTHREAD_STATE::GateWait;
    if (gate && Thread->WaitLockKind == KLOCK_KIND::None) return;
    if (gate) KefAcquireSpinLockAtDpcLevel(&KiDispatcherLock);
    Find(Thread);
    if (gate) KefReleaseSpinLockFromDpcLevel(&KiDispatcherLock);
}
#endif
