// Rundown protection: count users, then wait for the last.
//
// In the books: "rundown protection". DSP-21
#include "ex/exp.h"
#include "ex/lockword.h"

namespace {

/// On the stack of the thread that waits for the last user.
/// shared: Count changes by interlocked operations
struct WAIT_BLOCK {
    volatile LONG Count; ///< users that are left
    KEVENT WakeEvent;
};

using nt::lockword::Read;
using nt::lockword::Replace;

} // namespace

void FASTCALL ExInitializeRundownProtection(PEX_RUNDOWN_REF RunRef) { RunRef->Count = 0; }

void FASTCALL ExReInitializeRundownProtection(PEX_RUNDOWN_REF RunRef) {
    NT_ASSERT(Read(RunRef) == EX_RUNDOWN_ACTIVE);
    InterlockedExchangePointer<void>(&RunRef->Ptr, nullptr);
}

BOOLEAN FASTCALL ExAcquireRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count) {
    for (;;) {
        const ULONG_PTR word = Read(RunRef);
        if ((word & EX_RUNDOWN_ACTIVE) != 0) return FALSE;
        if (Replace(RunRef, word, word + Count * EX_RUNDOWN_COUNT_INC)) return TRUE;
    }
}

BOOLEAN FASTCALL ExAcquireRundownProtection(PEX_RUNDOWN_REF RunRef) { return ExAcquireRundownProtectionEx(RunRef, 1); }

void FASTCALL ExReleaseRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count) {
    for (;;) {
        const ULONG_PTR word = Read(RunRef);
        if ((word & EX_RUNDOWN_ACTIVE) == 0) {
            NT_ASSERT(word >> EX_RUNDOWN_COUNT_SHIFT >= Count);
            if (Replace(RunRef, word, word - Count * EX_RUNDOWN_COUNT_INC)) return;
            continue;
        }
        auto* const block = reinterpret_cast<WAIT_BLOCK*>(word & ~EX_RUNDOWN_ACTIVE);
        NT_ASSERT(block && block->Count >= LONG(Count));
        // The block is there until its event is signaled, and only the last user signals it.
        if (InterlockedExchangeAdd(&block->Count, -LONG(Count)) == LONG(Count))
            KeSetEvent(&block->WakeEvent, ExpLockIncrement, FALSE);
        return;
    }
}

void FASTCALL ExReleaseRundownProtection(PEX_RUNDOWN_REF RunRef) { ExReleaseRundownProtectionEx(RunRef, 1); }

void FASTCALL ExWaitForRundownProtectionRelease(PEX_RUNDOWN_REF RunRef) {
    WAIT_BLOCK block;
    KeInitializeEvent(&block.WakeEvent, SynchronizationEvent, FALSE);
    for (;;) {
        const ULONG_PTR word = Read(RunRef);
        if (word == EX_RUNDOWN_ACTIVE) return;      // complete already
        NT_ASSERT((word & EX_RUNDOWN_ACTIVE) == 0); // one thread runs it down
        block.Count = LONG(word >> EX_RUNDOWN_COUNT_SHIFT);
        const ULONG_PTR address = word != 0 ? reinterpret_cast<ULONG_PTR>(&block) : 0;
        if (!Replace(RunRef, word, address | EX_RUNDOWN_ACTIVE)) continue;
        if (address == 0) return;
        break;
    }
    KLOCK_NOTE note;
    KeInitializeLockNote(&note, RunRef, KLOCK_KIND::Rundown, TRUE, &block.WakeEvent);
    KeBeginLockWait(&note);
    (void)KeWaitForSingleObject(&block.WakeEvent, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    KeEndLockWait(&note);
    ExRundownCompleted(RunRef);
}

void FASTCALL ExRundownCompleted(PEX_RUNDOWN_REF RunRef) {
    InterlockedExchangePointer<void>(&RunRef->Ptr, reinterpret_cast<PVOID>(EX_RUNDOWN_ACTIVE));
}
