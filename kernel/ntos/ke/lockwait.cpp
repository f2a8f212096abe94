// What a thread waits for when it waits for a lock: kept in its KTHREAD for whoever looks.
//
// Only the thread itself writes the note; Kind is written last when the note begins and first when it ends.
// In the books: "low-IRQL synchronization". DSP-18..21
#include "ke/lockgraph.h"
#include "ke/ki.h"

extern "C" volatile LONG KiLockSequence = 0; // shared: interlocked

void NTAPI KeBeginLockWait(PVOID Lock, KLOCK_KIND Kind, BOOLEAN Exclusive) {
    KTHREAD* const thread = KeGetCurrentThread();
    NT_ASSERT(thread->WaitLockKind == KLOCK_KIND::None); // one lock at a time
    thread->WaitLock = Lock;
    thread->WaitLockSequence = ULONG(InterlockedIncrement(&KiLockSequence));
    thread->WaitLockExclusive = Exclusive;
    thread->WaitLockKind = Kind;
}

void NTAPI KeEndLockWait() {
    KTHREAD* const thread = KeGetCurrentThread();
    thread->WaitLockKind = KLOCK_KIND::None;
    thread->WaitLock = nullptr;
}
