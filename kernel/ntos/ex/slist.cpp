// Interlocked singly linked lists.
//
// Invariant: first entry, Depth and Sequence of a head always belong to the same moment. An empty list has no first
// entry and depth 0. No operation waits for another processor: it fails only when another one has just succeeded.
// Locks: none. IRQL: any.
// In the books: "interlocked singly linked lists". SYH-04
#include "ex/slist.h"
#include "ke/bugcheck.h"

extern "C" {

void NTAPI InitializeSListHead(PSLIST_HEADER ListHead) { *ListHead = {}; }

/// Puts an entry in front. First entry, Depth (one more) and Sequence (one more) change together, in one step
/// (ex/slist.h has the step). From that step on other processors may take the entry, and follow its Next.
/// @returns the entry that was first before
PSLIST_ENTRY FASTCALL InterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry) {
    // LAB(3.2) begin
    for (;;) {
        const SLIST_HEADER seen = nt::ReadSList(ListHead);
        SLIST_HEADER wanted = seen;
        ListEntry->Next = seen.Next.Next; // before another processor can find the entry
        wanted.Next.Next = ListEntry;
        wanted.Depth = USHORT(seen.Depth + 1);
        wanted.Sequence = USHORT(seen.Sequence + 1);
        if (nt::CompareExchangeSList(ListHead, wanted, seen)) return seen.Next.Next;
        YieldProcessor();
    }
    // LAB(3.2) else
    //| LAB_NOT_IMPLEMENTED("3.2");
    // LAB(3.2) end
}

/// Takes the first entry: Depth is one less, Sequence one more, in the same step. Until that step other processors may
/// take the same entry, change its Next, and put it back. What this call has read by then must not get into the list.
/// @returns the entry, or nullptr: the list is empty and has not changed
PSLIST_ENTRY FASTCALL InterlockedPopEntrySList(PSLIST_HEADER ListHead) {
    // LAB(3.2) begin
    for (;;) {
        const SLIST_HEADER seen = nt::ReadSList(ListHead);
        PSLIST_ENTRY const first = seen.Next.Next;
        if (!first) return nullptr;
        SLIST_HEADER wanted = seen;
        wanted.Next.Next = first->Next; // stale if `first` is not the first any more: then the sequence differs
        wanted.Depth = USHORT(seen.Depth - 1);
        wanted.Sequence = USHORT(seen.Sequence + 1);
        if (nt::CompareExchangeSList(ListHead, wanted, seen)) return first;
        YieldProcessor();
    }
    // LAB(3.2) else
    //| LAB_NOT_IMPLEMENTED("3.2");
    // LAB(3.2) end
}

/// Takes all entries in one step, and leaves an empty list of depth 0. Sequence is one more.
/// @returns the first entry, or nullptr: the list is empty and has not changed
PSLIST_ENTRY FASTCALL InterlockedFlushSList(PSLIST_HEADER ListHead) {
    // LAB(3.2) begin
    for (;;) {
        const SLIST_HEADER seen = nt::ReadSList(ListHead);
        if (!seen.Next.Next) return nullptr;
        SLIST_HEADER wanted = seen;
        wanted.Next.Next = nullptr;
        wanted.Depth = 0;
        wanted.Sequence = USHORT(seen.Sequence + 1);
        if (nt::CompareExchangeSList(ListHead, wanted, seen)) return seen.Next.Next;
        YieldProcessor();
    }
    // LAB(3.2) else
    //| LAB_NOT_IMPLEMENTED("3.2");
    // LAB(3.2) end
}

USHORT NTAPI ExQueryDepthSList(PSLIST_HEADER ListHead) { return ListHead->Depth; }
}
