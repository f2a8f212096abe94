// Push locks: one word, shared or exclusive; a thread that must wait pushes a block on its own stack onto the lock.
//
// The word, without waiters: Locked, and the number of shared owners (0: one exclusive owner). With waiters (Waiting):
// the address of the newest wait block instead of the number. Blocks are linked from the newest to the oldest.
//   Locked          a thread owns it
//   Waiting         the word holds the address of a wait block
//   Waking          a releasing thread is taking blocks away: only one at a time does
//   MultipleShared  with Waiting: several shared owners; the oldest block counts them
// Invariants: MultipleShared only while Locked and Waiting, and never with Waking. Blocks leave the list only by the thread
// that set Waking, so with MultipleShared none leaves, and a shared owner may walk the list. That thread does not own the
// lock: another thread may acquire it, without waiting, while a block is taken away. With Waiting, without Locked and
// Waking, a thread was woken or is woken next.
// Not fair: a woken thread tries again and may find that another one was faster. Not recursive.
// Locks: none, the word changes by compare-exchange. IRQL: <= APC_LEVEL with normal kernel APCs disabled.
// In the books: "push locks". DSP-21
#pragma once

#include "ke/gate.h"
#include "ke/lockgraph.h"

/// A reader-writer lock in one word: its state, or a pointer to the block of the first thread that waits.
/// shared: changes by interlocked operations
struct EX_PUSH_LOCK {
    union {
        struct {
            ULONG_PTR Locked : 1;
            ULONG_PTR Waiting : 1;
            ULONG_PTR Waking : 1;
            ULONG_PTR MultipleShared : 1;
            ULONG_PTR Shared : sizeof(ULONG_PTR) * 8 - 4;
        };
        ULONG_PTR Value;
        PVOID volatile Ptr;
    };
};
using PEX_PUSH_LOCK = EX_PUSH_LOCK*;

constexpr ULONG_PTR EX_PUSH_LOCK_LOCK = 0x1;
constexpr ULONG_PTR EX_PUSH_LOCK_WAITING = 0x2;
constexpr ULONG_PTR EX_PUSH_LOCK_WAKING = 0x4;
constexpr ULONG_PTR EX_PUSH_LOCK_MULTIPLE_SHARED = 0x8;
constexpr ULONG_PTR EX_PUSH_LOCK_SHARE_INC = 0x10; ///< one shared owner
constexpr ULONG_PTR EX_PUSH_LOCK_PTR_BITS = 0xF;   ///< a wait block's address has room for the four flags

/// One waiting thread. On its stack.
/// shared: Next belongs to the thread that set Waking, ShareCount changes by interlocked operations
struct alignas(EX_PUSH_LOCK_SHARE_INC) EX_PUSH_LOCK_WAIT_BLOCK {
    KGATE WakeGate;
    EX_PUSH_LOCK_WAIT_BLOCK* Next; ///< the next older one; nullptr: this is the oldest
    volatile LONG ShareCount;      ///< oldest block with MultipleShared: shared owners of the lock
    BOOLEAN Exclusive;             ///< what its thread wants
    KLOCK_NOTE Note;               ///< its thread's own
};
using PEX_PUSH_LOCK_WAIT_BLOCK = EX_PUSH_LOCK_WAIT_BLOCK*;

inline void ExInitializePushLock(PEX_PUSH_LOCK PushLock) { PushLock->Value = 0; }

extern "C" {
/// @irql <= APC_LEVEL with normal kernel APCs disabled, as all that follow
NTKERNELAPI void FASTCALL ExAcquirePushLockExclusive(PEX_PUSH_LOCK PushLock) EXCLUDES_(AtDispatchLevel);
NTKERNELAPI void FASTCALL ExAcquirePushLockShared(PEX_PUSH_LOCK PushLock) EXCLUDES_(AtDispatchLevel);
/// Acquires it if that needs no waiting.
NTKERNELAPI BOOLEAN FASTCALL ExTryAcquirePushLockExclusive(PEX_PUSH_LOCK PushLock);
NTKERNELAPI BOOLEAN FASTCALL ExTryAcquirePushLockShared(PEX_PUSH_LOCK PushLock);

NTKERNELAPI void FASTCALL ExReleasePushLockExclusive(PEX_PUSH_LOCK PushLock);
NTKERNELAPI void FASTCALL ExReleasePushLockShared(PEX_PUSH_LOCK PushLock);
/// Releases what the calling thread has, shared or exclusive.
NTKERNELAPI void FASTCALL ExReleasePushLock(PEX_PUSH_LOCK PushLock);
/// Exclusive access of the calling thread becomes shared; if those that wait longest want to share, they may try now.
NTKERNELAPI void FASTCALL ExConvertPushLockExclusiveToShared(PEX_PUSH_LOCK PushLock);
}
