// Push locks: acquire, wait, release, wake.
//
// Acquire tries to change the word; if that is not possible now, it pushes a wait block and sleeps, and tries again when
// it is woken. Release gives the word back first; if there are waiters and no thread wakes them yet, it does.
// IRQL: <= APC_LEVEL with normal kernel APCs disabled.
// In the books: "push locks". DSP-21
#include "ex/exp.h"
#include "ex/lockword.h"

namespace {

using nt::lockword::Read;
using nt::lockword::Replace;

EX_PUSH_LOCK_WAIT_BLOCK* NewestBlock(ULONG_PTR word) {
    return reinterpret_cast<EX_PUSH_LOCK_WAIT_BLOCK*>(word & ~EX_PUSH_LOCK_PTR_BITS);
}

[[maybe_unused]] EX_PUSH_LOCK_WAIT_BLOCK* OldestBlock(ULONG_PTR word) {
    EX_PUSH_LOCK_WAIT_BLOCK* block = NewestBlock(word);
    while (block->Next)
        block = block->Next;
    return block;
}

/// What the word is after an acquisition. Nothing is changed: the caller does that.
///
/// - A lock that is not Locked may be acquired, also while others wait: no thread has a claim to it.
/// - Shared owners may be joined by another one while no thread waits. The word has their number then,
///   EX_PUSH_LOCK_SHARE_INC for each; an exclusive owner's number is 0.
/// - While threads wait, the word has an address and no room for a number: the lock has one owner, and no thread joins
///   it.
/// @returns the word, or 0 if `word` does not allow the acquisition now
ULONG_PTR Acquired(ULONG_PTR word, bool exclusive) {
    // LAB(3.10) begin
    const bool waiting = (word & EX_PUSH_LOCK_WAITING) != 0;
    if ((word & EX_PUSH_LOCK_LOCK) == 0) {
        // With waiters there is no room to count: one owner, whatever it wanted.
        return exclusive || waiting ? word | EX_PUSH_LOCK_LOCK : EX_PUSH_LOCK_SHARE_INC | EX_PUSH_LOCK_LOCK;
    }
    const bool ownedShared = !waiting && word >= EX_PUSH_LOCK_SHARE_INC;
    return !exclusive && ownedShared ? word + EX_PUSH_LOCK_SHARE_INC : 0;
    // LAB(3.10) else
    //| LAB_NOT_IMPLEMENTED("3.10");
    // LAB(3.10) end
}

/// Makes `block` the newest of a lock that is owned: the word has its address, and it leads to those that waited before
/// (Next).
///
/// - The number of shared owners, if there are several, is not lost when the first block takes its place: that block
///   keeps it (ShareCount), and the word says MultipleShared. ShareCount of every other block is 0.
/// - The word's flags stay. The lock of a first block is Locked and Waiting from now on.
/// - The block may be anything before; its Exclusive is set.
/// @returns whether `word` was still the lock's word; otherwise the lock has not changed
bool Push(EX_PUSH_LOCK* lock, ULONG_PTR word, EX_PUSH_LOCK_WAIT_BLOCK* block) {
    // LAB(3.10) begin
    ULONG_PTR flags = EX_PUSH_LOCK_LOCK | EX_PUSH_LOCK_WAITING;
    block->Next = nullptr;
    block->ShareCount = 0;
    if ((word & EX_PUSH_LOCK_WAITING) != 0) {
        block->Next = NewestBlock(word);
        flags = word & EX_PUSH_LOCK_PTR_BITS;
    } else if (word / EX_PUSH_LOCK_SHARE_INC > 1) { // the first to wait keeps the number of owners
        block->ShareCount = LONG(word / EX_PUSH_LOCK_SHARE_INC);
        flags |= EX_PUSH_LOCK_MULTIPLE_SHARED;
    }
    return Replace(lock, word, reinterpret_cast<ULONG_PTR>(block) | flags);
    // LAB(3.10) else
    //| LAB_NOT_IMPLEMENTED("3.10");
    // LAB(3.10) end
}

void Acquire(EX_PUSH_LOCK* lock, bool exclusive) {
    EX_PUSH_LOCK_WAIT_BLOCK block;
    for (;;) {
        const ULONG_PTR word = Read(lock);
        if (const ULONG_PTR acquired = Acquired(word, exclusive)) {
            if (Replace(lock, word, acquired)) return;
            continue;
        }
        block.Exclusive = exclusive;
        ExpPreparePushLockWait(lock, &block);
        if (!Push(lock, word, &block)) continue;
        ExpWaitForPushLock(lock, &block);
    }
}

BOOLEAN TryAcquire(EX_PUSH_LOCK* lock, bool exclusive) {
    for (;;) {
        const ULONG_PTR word = Read(lock);
        const ULONG_PTR acquired = Acquired(word, exclusive);
        if (acquired == 0) return FALSE;
        if (Replace(lock, word, acquired)) return TRUE;
    }
}

/// Wakes a list of blocks, the oldest first. A block is gone as soon as its thread is awake.
[[maybe_unused]] void WakeAll(EX_PUSH_LOCK_WAIT_BLOCK* newest) {
    EX_PUSH_LOCK_WAIT_BLOCK* oldest = nullptr;
    while (newest) { // turns the list round
        EX_PUSH_LOCK_WAIT_BLOCK* const next = newest->Next;
        newest->Next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        EX_PUSH_LOCK_WAIT_BLOCK* const next = oldest->Next;
        ExpWakePushLockWaiter(oldest);
        oldest = next;
    }
}

[[maybe_unused]] void ClearWaking(EX_PUSH_LOCK* lock) {
    for (;;) {
        const ULONG_PTR word = Read(lock);
        if (Replace(lock, word, word & ~EX_PUSH_LOCK_WAKING)) return;
    }
}

/// Takes the oldest block off the list if it is not the only one. The caller has set Waking: no other thread walks the
/// list.
[[maybe_unused]] EX_PUSH_LOCK_WAIT_BLOCK* RemoveOldest(EX_PUSH_LOCK_WAIT_BLOCK* newest) {
    EX_PUSH_LOCK_WAIT_BLOCK* before = newest;
    if (!before->Next) return nullptr;
    while (before->Next->Next)
        before = before->Next;
    EX_PUSH_LOCK_WAIT_BLOCK* const oldest = before->Next;
    before->Next = nullptr;
    return oldest;
}

/// Wakes the threads that may try again now, and gives Waking up, which the caller has set. At any moment other threads
/// may acquire the lock, release it, or push blocks: what was seen of the word is true only if a Replace of it
/// succeeds.
///
/// - If the lock has an owner again, no thread is woken: the owner's release will do that. No release falls between the
///   look at the owner and the end of Waking, for it would find Waking set and leave the work to this call.
/// - With `ownedShared` the caller itself is the owner and shares the lock with no other thread. Then threads are woken
///   only if the oldest wants to share, too.
/// - If the oldest block wants the lock alone and is not the only one, its thread is the only one that is woken, when
///   the list and Waking are as they shall be (RemoveOldest, ClearWaking: given).
/// - Otherwise every thread is woken, the oldest first (WakeAll: given), and the word is one without waiters.
/// - A block is gone when its thread is awake.
/// @param ownedShared the caller goes on as a shared owner
void Wake(EX_PUSH_LOCK* lock, bool ownedShared) {
    // LAB(3.10) begin
    for (;;) {
        const ULONG_PTR word = Read(lock);
        const bool owned = (word & EX_PUSH_LOCK_LOCK) != 0;
        const bool exclusive = OldestBlock(word)->Exclusive;
        if (owned != ownedShared || (ownedShared && exclusive)) { // the owner's release will wake
            if (Replace(lock, word, word & ~EX_PUSH_LOCK_WAKING)) return;
            continue;
        }
        if (exclusive) {
            if (EX_PUSH_LOCK_WAIT_BLOCK* const oldest = RemoveOldest(NewestBlock(word))) {
                ClearWaking(lock);
                ExpWakePushLockWaiter(oldest);
                return;
            }
        }
        // The only one, or the oldest wants to share: every thread tries again, so that all that share can go together.
        const ULONG_PTR left = ownedShared ? EX_PUSH_LOCK_SHARE_INC | EX_PUSH_LOCK_LOCK : 0;
        if (!Replace(lock, word, left)) continue;
        WakeAll(NewestBlock(word));
        return;
    }
    // LAB(3.10) else
    //| LAB_NOT_IMPLEMENTED("3.10");
    // LAB(3.10) end
}

/// The only owner releases the lock. Without waiters the word is 0. With waiters it keeps their list, is not Locked any
/// more, and says Waking from the same step on. The waiters are woken (Wake) by the one thread that has set Waking.
void ReleaseLast(EX_PUSH_LOCK* lock) {
    // LAB(3.10) begin
    for (;;) {
        const ULONG_PTR word = Read(lock);
        NT_ASSERT((word & EX_PUSH_LOCK_LOCK) != 0);
        if ((word & EX_PUSH_LOCK_WAITING) == 0) {
            if (Replace(lock, word, 0)) return;
            continue;
        }
        const ULONG_PTR released = (word & ~(EX_PUSH_LOCK_LOCK | EX_PUSH_LOCK_MULTIPLE_SHARED)) | EX_PUSH_LOCK_WAKING;
        if (!Replace(lock, word, released)) continue;
        if ((word & EX_PUSH_LOCK_WAKING) == 0) Wake(lock, false);
        return;
    }
    // LAB(3.10) else
    //| LAB_NOT_IMPLEMENTED("3.10");
    // LAB(3.10) end
}

void ReleaseShared(EX_PUSH_LOCK* lock) {
    for (;;) {
        const ULONG_PTR word = Read(lock);
        if ((word & EX_PUSH_LOCK_WAITING) == 0) {
            const bool others = word / EX_PUSH_LOCK_SHARE_INC > 1;
            if (Replace(lock, word, others ? word - EX_PUSH_LOCK_SHARE_INC : 0)) return;
            continue;
        }
        if ((word & EX_PUSH_LOCK_MULTIPLE_SHARED) == 0) break; // with waiters nobody can join the only owner
        // Nobody takes blocks away while several share it, and this thread does: the walk is safe until the count is one less.
        NT_ASSERT((word & EX_PUSH_LOCK_WAKING) == 0);
        if (InterlockedDecrement(&OldestBlock(word)->ShareCount) != 0) return;
        break;
    }
    ReleaseLast(lock);
}

} // namespace

void FASTCALL ExAcquirePushLockExclusive(PEX_PUSH_LOCK PushLock) {
    ExpBeginPushLock(PushLock);
    Acquire(PushLock, true);
    ExpNotePushLock(PushLock, TRUE);
}

void FASTCALL ExAcquirePushLockShared(PEX_PUSH_LOCK PushLock) {
    ExpBeginPushLock(PushLock);
    Acquire(PushLock, false);
    ExpNotePushLock(PushLock, FALSE);
}

BOOLEAN FASTCALL ExTryAcquirePushLockExclusive(PEX_PUSH_LOCK PushLock) {
    if (!TryAcquire(PushLock, true)) return FALSE;
    ExpNotePushLock(PushLock, TRUE);
    return TRUE;
}

BOOLEAN FASTCALL ExTryAcquirePushLockShared(PEX_PUSH_LOCK PushLock) {
    if (!TryAcquire(PushLock, false)) return FALSE;
    ExpNotePushLock(PushLock, FALSE);
    return TRUE;
}

void FASTCALL ExReleasePushLockExclusive(PEX_PUSH_LOCK PushLock) {
    ExpNotePushLockReleased(PushLock);
    ReleaseLast(PushLock);
}

void FASTCALL ExReleasePushLockShared(PEX_PUSH_LOCK PushLock) {
    ExpNotePushLockReleased(PushLock);
    ReleaseShared(PushLock);
}

// The word tells shared from exclusive, except with waiters and one owner: then both are released alike.
void FASTCALL ExReleasePushLock(PEX_PUSH_LOCK PushLock) {
    ExpNotePushLockReleased(PushLock);
    ReleaseShared(PushLock);
}

void FASTCALL ExConvertPushLockExclusiveToShared(PEX_PUSH_LOCK PushLock) {
    KeNoteLockShared(PushLock);
    for (;;) {
        const ULONG_PTR word = Read(PushLock);
        NT_ASSERT((word & EX_PUSH_LOCK_LOCK) != 0);
        if ((word & EX_PUSH_LOCK_WAITING) == 0) {
            if (Replace(PushLock, word, word + EX_PUSH_LOCK_SHARE_INC)) return;
            continue;
        }
        // With waiters the word looks the same for one shared owner. If Waking is set, our release will wake.
        if ((word & EX_PUSH_LOCK_WAKING) != 0) return;
        if (!Replace(PushLock, word, word | EX_PUSH_LOCK_WAKING)) continue;
        Wake(PushLock, true);
        return;
    }
}
