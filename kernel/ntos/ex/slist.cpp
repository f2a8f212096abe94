// Interlocked singly linked lists.
//
// Each operation reads the head, makes the head it wants, and exchanges the two if the old one is still there; otherwise
// somebody else made progress, and it starts again. An empty list has no first entry and depth 0.
// Locks: none. IRQL: any.
// In the books: "interlocked singly linked lists". SYH-04
#include "ex/slist.h"

extern "C" {

void NTAPI InitializeSListHead(PSLIST_HEADER ListHead) { *ListHead = {}; }

PSLIST_ENTRY FASTCALL InterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry) {
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
}

PSLIST_ENTRY FASTCALL InterlockedPopEntrySList(PSLIST_HEADER ListHead) {
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
}

PSLIST_ENTRY FASTCALL InterlockedFlushSList(PSLIST_HEADER ListHead) {
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
}

USHORT NTAPI ExQueryDepthSList(PSLIST_HEADER ListHead) { return ListHead->Depth; }
}
