// The records of held locks, and the deadlock finder that searches them. Checked builds and host tests only.
//
// Locks: KiLockRecordLock guards every record and list. IRQL: <= DISPATCH_LEVEL.
// In the books: "driver verifier: deadlock detection". DSP-18..21
#pragma once

#include "ke.h"

/// One thread holds one lock.
/// shared: KiLockRecordLock guards it; fixed but for the links, Count and Exclusive while the lock is held
struct KI_LOCK_RECORD {
    LIST_ENTRY ThreadLink; ///< on KTHREAD::HeldLocks, in the order of acquisition
    LIST_ENTRY LockLink;   ///< on the chain of the lock's address, or of free records
    KTHREAD* Thread;
    PVOID Lock;
    ULONG Count;    ///< how often it acquired
    ULONG Sequence; ///< when: acquisitions and the beginnings of waits are counted together
    KLOCK_KIND Kind;
    BOOLEAN Exclusive;
    ULONG_PTR Stack[LOCK_STACK_FRAMES]; ///< return addresses of the first acquisition; 0 ends them
};

extern "C" KSPIN_LOCK KiLockRecordLock;
extern "C" volatile LONG KiLockSequence; // shared: interlocked

/// The owners of a lock, one after the other. @param After nullptr: the first
KI_LOCK_RECORD* KiNextOwner(const void* Lock, KI_LOCK_RECORD* After) REQUIRES_(KiLockRecordLock);
/// Return addresses of the calling code, from the caller's caller on.
void KiCaptureStack(ULONG_PTR (&Stack)[LOCK_STACK_FRAMES]);

#if defined(MICA_CHECKED) || defined(MICA_HOST)
/// `Thread`, the current thread, has just become Waiting or GateWait: is this the wait that closes a circle of threads?
/// Then it is named, and the system stops (DRIVER_VERIFIER_DETECTED_VIOLATION, 0x1001). @irql DISPATCH_LEVEL; the
/// dispatcher database is held if the state is Waiting, and not if it is GateWait
void KiCheckDeadlock(PKTHREAD Thread) REQUIRES_(AtDispatchLevel);
#else
inline void KiCheckDeadlock(PKTHREAD) {}
#endif
/// Part of KiInitializeDispatcher, once.
void KiInitializeLockRecords();
/// Host tests: another machine was here.
void KiForgetLockRecords();
