// ExInterlockedXxx: operations on lists and numbers under a spin lock that the caller names.
//
// Each takes the lock at HIGH_LEVEL, so it can be used at any IRQL, in service routines too. A lock that is used here is
// used with these routines only: code that took it at DISPATCH_LEVEL could be interrupted by one of them on the same
// processor. Where one instruction is enough (nt/atomic.h), use that.
// In the books: "executive interlocked operations". SYH-03, SYH-05
#pragma once

#include "ke/spinlock.h"
#include "nt/atomic.h"
#include "nt/list.h"

extern "C" {
/// @returns the entry that was first, or nullptr if the list was empty. @irql any
NTKERNELAPI PLIST_ENTRY NTAPI ExInterlockedInsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry,
                                                          PKSPIN_LOCK Lock);
/// @returns the entry that was last, or nullptr if the list was empty. @irql any
NTKERNELAPI PLIST_ENTRY NTAPI ExInterlockedInsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry,
                                                          PKSPIN_LOCK Lock);
/// @returns the first entry, taken out, or nullptr if the list was empty. @irql any
NTKERNELAPI PLIST_ENTRY NTAPI ExInterlockedRemoveHeadList(PLIST_ENTRY ListHead, PKSPIN_LOCK Lock);
/// @returns the entry that was first, or nullptr. @irql any
NTKERNELAPI PSINGLE_LIST_ENTRY NTAPI ExInterlockedPushEntryList(PSINGLE_LIST_ENTRY ListHead,
                                                                PSINGLE_LIST_ENTRY ListEntry, PKSPIN_LOCK Lock);
/// @returns the first entry, taken out, or nullptr. @irql any
NTKERNELAPI PSINGLE_LIST_ENTRY NTAPI ExInterlockedPopEntryList(PSINGLE_LIST_ENTRY ListHead, PKSPIN_LOCK Lock);
/// @returns the value before the addition. @irql any
NTKERNELAPI ULONG NTAPI ExInterlockedAddUlong(ULONG* Addend, ULONG Increment, PKSPIN_LOCK Lock);
/// @returns the value before the addition. @irql any
NTKERNELAPI LARGE_INTEGER NTAPI ExInterlockedAddLargeInteger(PLARGE_INTEGER Addend, LARGE_INTEGER Increment,
                                                             PKSPIN_LOCK Lock);

// The same operations with arguments in registers: what the public headers of x86 make of the names above.
NTKERNELAPI PLIST_ENTRY FASTCALL ExfInterlockedInsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry,
                                                              PKSPIN_LOCK Lock);
NTKERNELAPI PLIST_ENTRY FASTCALL ExfInterlockedInsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry,
                                                              PKSPIN_LOCK Lock);
NTKERNELAPI PLIST_ENTRY FASTCALL ExfInterlockedRemoveHeadList(PLIST_ENTRY ListHead, PKSPIN_LOCK Lock);
NTKERNELAPI PSINGLE_LIST_ENTRY FASTCALL ExfInterlockedPushEntryList(PSINGLE_LIST_ENTRY ListHead,
                                                                    PSINGLE_LIST_ENTRY ListEntry, PKSPIN_LOCK Lock);
NTKERNELAPI PSINGLE_LIST_ENTRY FASTCALL ExfInterlockedPopEntryList(PSINGLE_LIST_ENTRY ListHead, PKSPIN_LOCK Lock);
NTKERNELAPI ULONG FASTCALL ExfInterlockedAddUlong(ULONG* Addend, ULONG Increment, PKSPIN_LOCK Lock);
}

/// Adds to a counter that is only read as a statistic: no lock, and the sum is exact all the same. @irql any
inline void ExInterlockedAddLargeStatistic(PLARGE_INTEGER Addend, ULONG Increment) {
    InterlockedExchangeAdd64(&Addend->QuadPart, LONGLONG(Increment));
}
/// @returns the value before; stored if it was `*Comparand`. @irql any
inline LONGLONG ExInterlockedCompareExchange64(volatile LONGLONG* Destination, const LONGLONG* Exchange,
                                               const LONGLONG* Comparand, PKSPIN_LOCK) {
    return InterlockedCompareExchange64(Destination, *Exchange, *Comparand);
}
