// Push locks: acquire, wait, release, wake.
//
// Acquire tries to change the word; if that is not possible now, it pushes a wait block and sleeps, and tries again when
// it is woken. Release gives the word back first; if there are waiters and nobody wakes them yet, it does.
// IRQL: <= APC_LEVEL with normal kernel APCs disabled.
// In the books: "push locks". DSP-21
#include "ex/exp.h"

namespace {

ULONG_PTR Read(const EX_PUSH_LOCK* lock) { return reinterpret_cast<ULONG_PTR>(lock->Ptr); }

/// Changes the word from `expected` to `value`. @returns whether it still was `expected`.
bool Replace(EX_PUSH_LOCK* lock, ULONG_PTR expected, ULONG_PTR value) {
    PVOID const old = reinterpret_cast<PVOID>(expected);
    return InterlockedCompareExchangePointer<void>(&lock->Ptr, reinterpret_cast<PVOID>(value), old) == old;
}

EX_PUSH_LOCK_WAIT_BLOCK* NewestBlock(ULONG_PTR word) {
    return reinterpret_cast<EX_PUSH_LOCK_WAIT_BLOCK*>(word & ~EX_PUSH_LOCK_PTR_BITS);
}

[[maybe_unused]] EX_PUSH_LOCK_WAIT_BLOCK* OldestBlock(ULONG_PTR word) {
    EX_PUSH_LOCK_WAIT_BLOCK* block = NewestBlock(word);
    while (block->Next)
        block = block->Next;
    return block;
}

/// @returns the word after an acquisition, or 0 if `word` does not allow it now.
///
/// - A lock that is not Locked can be acquired, with or without waiters: nobody has a claim to it.
/// - Without waiters shared owners are counted, EX_PUSH_LOCK_SHARE_INC each; an exclusive owner leaves the number 0.
/// - With waiters the number's place is taken by an address: one owner, whatever he wanted, and nobody joins him.
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

/// Pushes a wait block onto a lock that is owned: it becomes the newest. The flags that the word has stay.
///
/// The first to wait takes the place of the number of owners. If they are several, his block keeps it (ShareCount) and the
/// word has MultipleShared; of every other block ShareCount is 0.
/// @returns false if the word changed meanwhile
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

/// Takes the oldest block off the list if it is not the only one. The caller set Waking: nobody else walks the list.
[[maybe_unused]] EX_PUSH_LOCK_WAIT_BLOCK* RemoveOldest(EX_PUSH_LOCK_WAIT_BLOCK* newest) {
    EX_PUSH_LOCK_WAIT_BLOCK* before = newest;
    if (!before->Next) return nullptr;
    while (before->Next->Next)
        before = before->Next;
    EX_PUSH_LOCK_WAIT_BLOCK* const oldest = before->Next;
    before->Next = nullptr;
    return oldest;
}

/// Wakes the threads that may go on. The caller has set Waking: no other thread takes a block off the list.
///
/// - If the lock has an owner again (of another kind than `ownedShared` says), or the caller shares it and the oldest block
///   wants it alone, nobody is woken: Waking is cleared, and the next release will do it. That is one step with the look
///   at the owner: a release that came in between would still find Waking, and nobody would wake.
/// - The oldest wants it alone and is not the only one: it leaves the list (RemoveOldest), and after Waking is cleared it
///   is woken.
/// - Otherwise the whole list goes, and all are woken, the oldest first (WakeAll): the word is what it is without waiters.
/// The word may get new blocks at any moment: decide on what Replace confirms.
/// @param ownedShared the caller owns the lock, shared with nobody: then nobody is woken if the oldest wants it alone
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
        // The only one, or the oldest wants to share: everybody tries again, so that all who share can go together.
        const ULONG_PTR left = ownedShared ? EX_PUSH_LOCK_SHARE_INC | EX_PUSH_LOCK_LOCK : 0;
        if (!Replace(lock, word, left)) continue;
        WakeAll(NewestBlock(word));
        return;
    }
    // LAB(3.10) else
    //| LAB_NOT_IMPLEMENTED("3.10");
    // LAB(3.10) end
}

/// One owner less, and no other is left. With waiters the release sets Waking in the same step, and wakes (Wake) if nobody
/// else had set it.
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
