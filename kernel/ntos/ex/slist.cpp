// Interlocked singly linked lists.
//
// Each operation reads the head, makes the head it wants, and exchanges the two if the old one is still there; otherwise
// somebody else made progress, and it starts again. An empty list has no first entry and depth 0.
// Locks: none. IRQL: any.
// In the books: "interlocked singly linked lists". SYH-04
#include "ex/slist.h"
#include "ke/bugcheck.h"

extern "C" {

void NTAPI InitializeSListHead(PSLIST_HEADER ListHead) { *ListHead = {}; }

/// Puts an entry in front, in one step that succeeds only if nobody changed the list meanwhile (nt::ReadSList,
/// nt::CompareExchangeSList); otherwise again. Depth and Sequence are part of the step.
/// @returns the entry that was first
PSLIST_ENTRY FASTCALL InterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry) {
    // LAB(3.2) begin
    for (;;) {
        const SLIST_HEADER seen = nt::ReadSList(ListHead);
        SLIST_HEADER wanted = seen;
        ListEntry->Next = seen.Next.Next; // before anybody can find the entry
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

/// Takes the first entry, in one step. An entry's Next is read while another processor may be popping the entry: what was
/// read may be stale, and then the step must fail. @returns the entry, or nullptr: then nothing has changed
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

/// Takes the whole list in one step, and leaves it empty with depth 0. @returns its first entry, or nullptr: then nothing has
/// changed
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
