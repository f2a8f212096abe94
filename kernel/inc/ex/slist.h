// Interlocked singly linked lists: a stack that processors push to and pop from without a lock.
//
// The head is eight bytes and changes in one step, by cmpxchg8b: the first entry, the number of entries, and a sequence
// number that every change advances. The sequence is what makes pop safe: between the reading of first->Next and the
// exchange others may pop that entry, pop more, and push it back (the "ABA" of lock-free lists). The pointer is then the
// same as before, the sequence is not, and the exchange fails.
//
// Invariants: Depth is the length of the list modulo 65536; an entry is on one list at most. Pop reads Next of an entry
// that another processor may have popped meanwhile: memory that was ever on a list stays readable while the list is used
// (non-paged, returned to the pool only when no processor pops any more). Any IRQL, no lock; the head is aligned to 8.
// In the books: "interlocked singly linked lists", "look-aside lists". SYH-04, SYH-03
#pragma once

#include "nt/atomic.h"
#include "nt/list.h"

using SLIST_ENTRY = SINGLE_LIST_ENTRY;
using PSLIST_ENTRY = SLIST_ENTRY*;

/// The head of an interlocked singly linked list, changed as a whole by one instruction.
/// shared: changes as a whole, by nt::CompareExchangeSList; Depth alone may be read as a hint
#if defined(__i386__)
union alignas(8) SLIST_HEADER {
    ULONGLONG Alignment;
    struct {
        SLIST_ENTRY Next; ///< the first entry
        USHORT Depth;     ///< number of entries
        USHORT Sequence;  ///< changes with every push, pop and flush
    };
};
static_assert(sizeof(SLIST_HEADER) == 8 && offsetof(SLIST_HEADER, Depth) == 4 && offsetof(SLIST_HEADER, Sequence) == 6);
#else
/// Host tests: a pointer may be wider than a word, so the head does not fit eight bytes.
struct SLIST_HEADER {
    SLIST_ENTRY Next;
    USHORT Depth;
    USHORT Sequence;
};
#endif
using PSLIST_HEADER = SLIST_HEADER*;

namespace nt {

/// A head as it was at one moment, or (when others change it) a mixture of two moments, which no comparison will match.
inline SLIST_HEADER ReadSList(const volatile SLIST_HEADER* head) {
    SLIST_HEADER seen = {};
    seen.Sequence = head->Sequence;
    seen.Depth = head->Depth;
    seen.Next.Next = ReadPointerAcquire(&head->Next.Next);
    return seen;
}

/// Replaces the head by `exchange` if it equals `comparand`, in one step. @returns whether it did
#if defined(__i386__)
inline bool CompareExchangeSList(volatile SLIST_HEADER* head, SLIST_HEADER exchange, SLIST_HEADER comparand) {
    auto* const target = reinterpret_cast<volatile LONGLONG*>(&head->Alignment);
    return InterlockedCompareExchange64(target, LONGLONG(exchange.Alignment), LONGLONG(comparand.Alignment)) ==
           LONGLONG(comparand.Alignment);
}
#else
/// Host tests: a flag makes one step of it.
inline bool CompareExchangeSList(volatile SLIST_HEADER* head, SLIST_HEADER exchange, SLIST_HEADER comparand) {
    static volatile LONG busy;
    while (InterlockedExchange(&busy, 1) != 0)
        YieldProcessor();
    const bool equal = head->Next.Next == comparand.Next.Next && head->Depth == comparand.Depth &&
                       head->Sequence == comparand.Sequence;
    if (equal) {
        head->Next.Next = exchange.Next.Next;
        head->Depth = exchange.Depth;
        head->Sequence = exchange.Sequence;
    }
    WriteRelease(&busy, 0);
    return equal;
}
#endif

} // namespace nt

extern "C" {

/// Makes the list empty; no other thread uses it yet. @irql any
NTKERNELAPI void NTAPI InitializeSListHead(PSLIST_HEADER ListHead);
/// Puts an entry in front. @returns the entry that was first, or nullptr. @irql any
NTKERNELAPI PSLIST_ENTRY FASTCALL InterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry);
/// Takes the first entry. @returns it, or nullptr if the list is empty. @irql any
NTKERNELAPI PSLIST_ENTRY FASTCALL InterlockedPopEntrySList(PSLIST_HEADER ListHead);
/// Takes all entries at once. @returns the first, linked through Next, or nullptr. @irql any
NTKERNELAPI PSLIST_ENTRY FASTCALL InterlockedFlushSList(PSLIST_HEADER ListHead);
/// @returns the number of entries at this moment. @irql any
NTKERNELAPI USHORT NTAPI ExQueryDepthSList(PSLIST_HEADER ListHead);
}

// The names that drivers use. The lock is for processors without cmpxchg8b; here no routine takes it.
struct KSPIN_LOCK;
inline void ExInitializeSListHead(PSLIST_HEADER ListHead) { InitializeSListHead(ListHead); }
inline PSLIST_ENTRY ExInterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry, KSPIN_LOCK*) {
    return InterlockedPushEntrySList(ListHead, ListEntry);
}
inline PSLIST_ENTRY ExInterlockedPopEntrySList(PSLIST_HEADER ListHead, KSPIN_LOCK*) {
    return InterlockedPopEntrySList(ListHead);
}
inline PSLIST_ENTRY ExInterlockedFlushSList(PSLIST_HEADER ListHead) { return InterlockedFlushSList(ListHead); }
