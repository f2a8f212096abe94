// Rundown protection: many may use something, until the thread that wants to take it away has waited for all of them.
//
// The word: bit 0 clear: the number of users, times two. Bit 0 set: the rundown has begun, nobody may begin to use it any
// more; above the bit the address of a block on the waiting thread's stack that counts the users that are left, or 0 when
// the rundown is complete.
// Locks: none, the word changes by compare-exchange. IRQL: <= DISPATCH_LEVEL, waiting <= APC_LEVEL.
// In the books: "rundown protection". DSP-21
#pragma once

#include "ke/dispatcher.h"

/// A count of users that can be closed: then no new user gets in, and one thread waits for the last to leave.
/// shared: changes by interlocked operations
struct EX_RUNDOWN_REF {
    union {
        volatile ULONG_PTR Count;
        PVOID volatile Ptr;
    };
};
using PEX_RUNDOWN_REF = EX_RUNDOWN_REF*;

constexpr ULONG_PTR EX_RUNDOWN_ACTIVE = 0x1;
constexpr ULONG EX_RUNDOWN_COUNT_SHIFT = 1;
constexpr ULONG_PTR EX_RUNDOWN_COUNT_INC = ULONG_PTR(1) << EX_RUNDOWN_COUNT_SHIFT;

extern "C" {
/// Makes a reference without users. @irql any
NTKERNELAPI void FASTCALL ExInitializeRundownProtection(PEX_RUNDOWN_REF RunRef);
/// After a complete rundown: it may be used again. @irql any
NTKERNELAPI void FASTCALL ExReInitializeRundownProtection(PEX_RUNDOWN_REF RunRef);
/// Begins to use what is protected. @returns FALSE if the rundown has begun: hands off. @irql <= DISPATCH_LEVEL
NTKERNELAPI BOOLEAN FASTCALL ExAcquireRundownProtection(PEX_RUNDOWN_REF RunRef);
/// The same for `Count` users at once.
NTKERNELAPI BOOLEAN FASTCALL ExAcquireRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count);
/// Ends a use. @irql <= DISPATCH_LEVEL
NTKERNELAPI void FASTCALL ExReleaseRundownProtection(PEX_RUNDOWN_REF RunRef);
NTKERNELAPI void FASTCALL ExReleaseRundownProtectionEx(PEX_RUNDOWN_REF RunRef, ULONG Count);
/// Keeps new users away and waits until the last one has left. One thread calls it. @irql <= APC_LEVEL
NTKERNELAPI void FASTCALL ExWaitForRundownProtectionRelease(PEX_RUNDOWN_REF RunRef) EXCLUDES_(AtDispatchLevel);
/// Notes that the rundown is complete although no thread waited: the thing may not be used any more. @irql any
NTKERNELAPI void FASTCALL ExRundownCompleted(PEX_RUNDOWN_REF RunRef);
}
