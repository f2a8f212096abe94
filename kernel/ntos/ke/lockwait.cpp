// What a thread waits for when it waits for a lock: kept in its KTHREAD for whoever looks.
//
// Only the thread itself writes the note; Kind is written last when the note begins and first when it ends.
// In the books: "low-IRQL synchronization". DSP-18..21
#include "ke/lockgraph.h"
#include "ke/ki.h"

namespace {

/// The kind as the event ring's readers know it; 0: it has no events, the wait itself tells everything.
ETW_LOCK EventKind(KLOCK_KIND kind, bool exclusive) {
    switch (kind) {
    case KLOCK_KIND::Resource: return exclusive ? ETW_LOCK::ResourceExclusive : ETW_LOCK::ResourceShared;
    case KLOCK_KIND::PushLock: return exclusive ? ETW_LOCK::PushExclusive : ETW_LOCK::PushShared;
    case KLOCK_KIND::FastMutex: return ETW_LOCK::FastMutex;
    case KLOCK_KIND::GuardedMutex: return ETW_LOCK::GuardedMutex;
    case KLOCK_KIND::Rundown: return ETW_LOCK::Rundown;
    default: return ETW_LOCK{};
    }
}

void Trace(ETW_EVENT event, const KTHREAD* thread, PVOID lock, KLOCK_KIND kind, bool exclusive, ULONG count) {
    const ETW_LOCK known = EventKind(kind, exclusive);
    if (known == ETW_LOCK{}) return;
    EtwTraceEvent(event, reinterpret_cast<ULONG_PTR>(lock), ULONG_PTR(known), reinterpret_cast<ULONG_PTR>(thread),
                  count);
}

} // namespace

extern "C" volatile LONG KiLockSequence = 0; // shared: interlocked

void NTAPI KeBeginLockWait(PVOID Lock, KLOCK_KIND Kind, BOOLEAN Exclusive) {
    KTHREAD* const thread = KeGetCurrentThread();
    NT_ASSERT(thread->WaitLockKind == KLOCK_KIND::None); // one lock at a time
    thread->WaitLock = Lock;
    thread->WaitLockSequence = ULONG(InterlockedIncrement(&KiLockSequence));
    thread->WaitLockExclusive = Exclusive;
    thread->WaitLockKind = Kind;
    Trace(ETW_EVENT::LockWait, thread, Lock, Kind, Exclusive, 0);
}

void NTAPI KeEndLockWait() {
    KTHREAD* const thread = KeGetCurrentThread();
    Trace(ETW_EVENT::LockAcquire, thread, thread->WaitLock, thread->WaitLockKind, thread->WaitLockExclusive, 0);
    thread->WaitLockKind = KLOCK_KIND::None;
    thread->WaitLock = nullptr;
}

void NTAPI KeTraceLockRelease(PVOID Lock, KLOCK_KIND Kind, BOOLEAN Exclusive, ULONG Waiters) {
    Trace(ETW_EVENT::LockRelease, KeGetCurrentThread(), Lock, Kind, Exclusive, Waiters);
}
