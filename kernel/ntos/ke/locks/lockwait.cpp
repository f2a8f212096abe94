// What a thread waits for when it waits for a lock: kept in its KTHREAD for the monitor and the deadlock finder.
//
// Only the thread itself writes the note; Kind is cleared first and written last. A thread in a gate wait may go on
// while another processor reads: the sequence tells it.
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

/// Puts a note into the thread. @returns what was there
KLOCK_NOTE Exchange(KTHREAD* thread, const KLOCK_NOTE& note) {
    const KLOCK_NOTE old = {.Lock = thread->WaitLock,
                            .Object = thread->WaitLockObject,
                            .Sequence = thread->WaitLockSequence,
                            .Kind = thread->WaitLockKind,
                            .Exclusive = thread->WaitLockExclusive};
    thread->WaitLockKind = KLOCK_KIND::None;
    thread->WaitLock = note.Lock;
    thread->WaitLockObject = note.Object;
    thread->WaitLockExclusive = note.Exclusive;
    thread->WaitLockSequence = note.Sequence;
    thread->WaitLockKind = note.Kind;
    return old;
}

bool IsWaiting(const KTHREAD* thread) {
    return thread->State == KTHREAD_STATE::Waiting || thread->State == KTHREAD_STATE::GateWait;
}

} // namespace

extern "C" volatile LONG KiLockSequence = 0; // shared: interlocked

void NTAPI KeInitializeLockNote(KLOCK_NOTE* Note, PVOID Lock, KLOCK_KIND Kind, BOOLEAN Exclusive, const void* Object) {
    *Note = {.Lock = Lock,
             .Object = Object,
             .Sequence = ULONG(InterlockedIncrement(&KiLockSequence)),
             .Kind = Kind,
             .Exclusive = Exclusive};
}

void NTAPI KeBeginLockWait(KLOCK_NOTE* Note) {
    KTHREAD* const thread = KeGetCurrentThread();
    Trace(ETW_EVENT::LockWait, thread, Note->Lock, Note->Kind, Note->Exclusive, 0);
    *Note = Exchange(thread, *Note);
}

void NTAPI KeEndLockWait(KLOCK_NOTE* Note) {
    KTHREAD* const thread = KeGetCurrentThread();
    *Note = Exchange(thread, *Note);
    Trace(ETW_EVENT::LockAcquire, thread, Note->Lock, Note->Kind, Note->Exclusive, 0);
}

BOOLEAN NTAPI KeQueryLockWait(const KTHREAD* Thread, KLOCK_NOTE* Note) {
    const ULONG sequence = Thread->WaitLockSequence;
    *Note = {.Lock = Thread->WaitLock,
             .Object = Thread->WaitLockObject,
             .Sequence = sequence,
             .Kind = KLOCK_KIND::None,
             .Exclusive = Thread->WaitLockExclusive};
    Note->Kind = Thread->WaitLockKind; // not None: the rest was written before, and belongs together
    if (Note->Kind == KLOCK_KIND::None || Thread->WaitLockSequence != sequence) return FALSE;
    return IsWaiting(Thread) && Thread->WaitBlockList->Object == Note->Object;
}

void NTAPI KeTraceLockRelease(PVOID Lock, KLOCK_KIND Kind, BOOLEAN Exclusive, ULONG Waiters) {
    Trace(ETW_EVENT::LockRelease, KeGetCurrentThread(), Lock, Kind, Exclusive, Waiters);
}
