// Interlocked operations as exports: what nt/atomic.h and ex/slist.h do in place, other compilers call by name.
//
// The public headers of x86 declare them fastcall; the names that begin with Exi386 are stdcall. Each body is the inline
// routine of the same name, so the asm label gives the export its own. The lock of the ExInterlockedXxx forms is for
// processors without cmpxchg8b; here nobody takes it. No header of Mica declares these.
// IRQL: any.
// In the books: "interlocked operations", "executive interlocked operations". SYH-03
#include "ex/interlocked.h"
#include "ex/slist.h"

#define FAST(name, bytes) __asm__("@" #name "@" #bytes)
#define STANDARD(name, bytes) __asm__("_" #name "@" #bytes)

namespace {

/// The sign of a number as the old routines tell it: the bits of the processor's flags (documented values).
enum INTERLOCKED_RESULT : LONG { ResultNegative = 0x8000, ResultZero = 0x4000, ResultPositive = 0 };

INTERLOCKED_RESULT SignOf(LONG value) {
    if (value == 0) return ResultZero;
    return value < 0 ? ResultNegative : ResultPositive;
}

} // namespace

extern "C" {

// ---- one word ------------------------------------------------------------------------------------------------------
LONG FASTCALL ExpIncrement(volatile LONG* Addend) FAST(InterlockedIncrement, 4);
LONG FASTCALL ExpDecrement(volatile LONG* Addend) FAST(InterlockedDecrement, 4);
LONG FASTCALL ExpExchange(volatile LONG* Target, LONG Value) FAST(InterlockedExchange, 8);
LONG FASTCALL ExpExchangeAdd(volatile LONG* Addend, LONG Value) FAST(InterlockedExchangeAdd, 8);
LONG FASTCALL ExpCompareExchange(volatile LONG* Target, LONG Exchange, LONG Comparand)
    FAST(InterlockedCompareExchange, 12);

LONG FASTCALL ExpIncrement(volatile LONG* Addend) { return InterlockedIncrement(Addend); }
LONG FASTCALL ExpDecrement(volatile LONG* Addend) { return InterlockedDecrement(Addend); }
LONG FASTCALL ExpExchange(volatile LONG* Target, LONG Value) { return InterlockedExchange(Target, Value); }
LONG FASTCALL ExpExchangeAdd(volatile LONG* Addend, LONG Value) { return InterlockedExchangeAdd(Addend, Value); }
LONG FASTCALL ExpCompareExchange(volatile LONG* Target, LONG Exchange, LONG Comparand) {
    return InterlockedCompareExchange(Target, Exchange, Comparand);
}

// ---- eight bytes ---------------------------------------------------------------------------------------------------
LONGLONG FASTCALL ExpCompareExchange64(volatile LONGLONG* Target, const LONGLONG* Exchange, const LONGLONG* Comparand)
    FAST(ExfInterlockedCompareExchange64, 12);
LONGLONG FASTCALL ExpCompareExchange64Locked(volatile LONGLONG* Target, const LONGLONG* Exchange,
                                             const LONGLONG* Comparand, PKSPIN_LOCK Lock)
    FAST(ExInterlockedCompareExchange64, 16);
void FASTCALL ExpAddLargeStatistic(volatile LONGLONG* Addend, ULONG Increment) FAST(ExInterlockedAddLargeStatistic, 8);

LONGLONG FASTCALL ExpCompareExchange64(volatile LONGLONG* Target, const LONGLONG* Exchange, const LONGLONG* Comparand) {
    return InterlockedCompareExchange64(Target, *Exchange, *Comparand);
}
LONGLONG FASTCALL ExpCompareExchange64Locked(volatile LONGLONG* Target, const LONGLONG* Exchange,
                                             const LONGLONG* Comparand, PKSPIN_LOCK) {
    return InterlockedCompareExchange64(Target, *Exchange, *Comparand);
}
void FASTCALL ExpAddLargeStatistic(volatile LONGLONG* Addend, ULONG Increment) {
    LONGLONG seen = *Addend;
    for (;;) {
        const LONGLONG before = InterlockedCompareExchange64(Addend, seen + Increment, seen);
        if (before == seen) return;
        seen = before;
    }
}

// ---- the numbers of old drivers --------------------------------------------------------------------------------------
INTERLOCKED_RESULT FASTCALL ExpIncrementLong(volatile LONG* Addend) FAST(Exfi386InterlockedIncrementLong, 4);
INTERLOCKED_RESULT FASTCALL ExpDecrementLong(volatile LONG* Addend) FAST(Exfi386InterlockedDecrementLong, 4);
LONG FASTCALL ExpExchangeUlong(volatile LONG* Target, LONG Value) FAST(Exfi386InterlockedExchangeUlong, 8);
INTERLOCKED_RESULT NTAPI ExpIncrementLongStandard(volatile LONG* Addend) STANDARD(Exi386InterlockedIncrementLong, 4);
INTERLOCKED_RESULT NTAPI ExpDecrementLongStandard(volatile LONG* Addend) STANDARD(Exi386InterlockedDecrementLong, 4);
LONG NTAPI ExpExchangeUlongStandard(volatile LONG* Target, LONG Value) STANDARD(Exi386InterlockedExchangeUlong, 8);

INTERLOCKED_RESULT FASTCALL ExpIncrementLong(volatile LONG* Addend) { return SignOf(InterlockedIncrement(Addend)); }
INTERLOCKED_RESULT FASTCALL ExpDecrementLong(volatile LONG* Addend) { return SignOf(InterlockedDecrement(Addend)); }
LONG FASTCALL ExpExchangeUlong(volatile LONG* Target, LONG Value) { return InterlockedExchange(Target, Value); }
INTERLOCKED_RESULT NTAPI ExpIncrementLongStandard(volatile LONG* Addend) {
    return SignOf(InterlockedIncrement(Addend));
}
INTERLOCKED_RESULT NTAPI ExpDecrementLongStandard(volatile LONG* Addend) {
    return SignOf(InterlockedDecrement(Addend));
}
LONG NTAPI ExpExchangeUlongStandard(volatile LONG* Target, LONG Value) { return InterlockedExchange(Target, Value); }

// ---- lists under a lock, fastcall ------------------------------------------------------------------------------------
PLIST_ENTRY FASTCALL ExfInterlockedInsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry, PKSPIN_LOCK Lock) {
    return ExInterlockedInsertHeadList(ListHead, ListEntry, Lock);
}
PLIST_ENTRY FASTCALL ExfInterlockedInsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry, PKSPIN_LOCK Lock) {
    return ExInterlockedInsertTailList(ListHead, ListEntry, Lock);
}
PLIST_ENTRY FASTCALL ExfInterlockedRemoveHeadList(PLIST_ENTRY ListHead, PKSPIN_LOCK Lock) {
    return ExInterlockedRemoveHeadList(ListHead, Lock);
}
PSINGLE_LIST_ENTRY FASTCALL ExfInterlockedPushEntryList(PSINGLE_LIST_ENTRY ListHead, PSINGLE_LIST_ENTRY ListEntry,
                                                        PKSPIN_LOCK Lock) {
    return ExInterlockedPushEntryList(ListHead, ListEntry, Lock);
}
PSINGLE_LIST_ENTRY FASTCALL ExfInterlockedPopEntryList(PSINGLE_LIST_ENTRY ListHead, PKSPIN_LOCK Lock) {
    return ExInterlockedPopEntryList(ListHead, Lock);
}
ULONG FASTCALL ExfInterlockedAddUlong(ULONG* Addend, ULONG Increment, PKSPIN_LOCK Lock) {
    return ExInterlockedAddUlong(Addend, Increment, Lock);
}

// ---- sequenced lists -------------------------------------------------------------------------------------------------
PSLIST_ENTRY FASTCALL ExpPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry, PKSPIN_LOCK Lock)
    FAST(ExInterlockedPushEntrySList, 12);
PSLIST_ENTRY FASTCALL ExpPopEntrySList(PSLIST_HEADER ListHead, PKSPIN_LOCK Lock) FAST(ExInterlockedPopEntrySList, 8);
PSLIST_ENTRY FASTCALL ExpFlushSList(PSLIST_HEADER ListHead) FAST(ExInterlockedFlushSList, 4);

PSLIST_ENTRY FASTCALL ExpPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry, PKSPIN_LOCK) {
    return InterlockedPushEntrySList(ListHead, ListEntry);
}
PSLIST_ENTRY FASTCALL ExpPopEntrySList(PSLIST_HEADER ListHead, PKSPIN_LOCK) {
    return InterlockedPopEntrySList(ListHead);
}
PSLIST_ENTRY FASTCALL ExpFlushSList(PSLIST_HEADER ListHead) { return InterlockedFlushSList(ListHead); }
}
