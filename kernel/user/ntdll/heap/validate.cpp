// Checks of a heap: of a block that a caller names, and of all. Contract: heapp.h, user/heap.h.
#include "heap/heapp.h"

namespace {

bool Holds(const HEAP_SEGMENT* segment, const HEAP_ENTRY* entry) {
    return entry >= segment->First && entry < reinterpret_cast<HEAP_ENTRY*>(segment->CommittedEnd) - 1;
}

bool IsLargeBlock(HEAP* heap, const HEAP_ENTRY* entry) {
    for (LIST_ENTRY* link = heap->LargeBlocks.Flink; link != &heap->LargeBlocks; link = link->Flink)
        if (&CONTAINING_RECORD(link, HEAP_LARGE_BLOCK, Link)->Entry == entry) return true;
    return false;
}

bool IsInSegment(HEAP* heap, const HEAP_ENTRY* entry) {
    for (const HEAP_SEGMENT* segment = &heap->FirstSegment; segment; segment = segment->Next)
        if (Holds(segment, entry)) return true;
    return false;
}

/// Whether the blocks fill the segment without a gap. @param[in,out] freeUnits grows by what is free
bool IsSound(const HEAP_SEGMENT* segment, SIZE_T* freeUnits) {
    ULONG previousSize = 0;
    bool previousFree = false;
    HEAP_ENTRY* entry = segment->First;
    for (; Holds(segment, entry); entry = RtlpNextEntry(entry)) {
        const bool isFree = RtlpIsFree(entry);
        if (!RtlpIsSealed(entry) || entry->Size < HEAP_MINIMUM_UNITS || entry->PreviousSize != previousSize)
            return false;
        if ((isFree && previousFree) || (entry->Flags & HEAP_ENTRY_LAST) != 0) return false;
        if (isFree) *freeUnits += entry->Size;
        previousSize = ULONG(entry->Size);
        previousFree = isFree;
    }
    const HEAP_ENTRY* const mark = reinterpret_cast<HEAP_ENTRY*>(segment->CommittedEnd) - 1;
    return entry == mark && RtlpIsSealed(mark) && mark->PreviousSize == previousSize &&
           (mark->Flags & HEAP_ENTRY_LAST) != 0;
}

/// Whether the lists hold free blocks of their sizes. @param[out] freeUnits of all of them
bool AreListsSound(HEAP* heap, SIZE_T* freeUnits) {
    for (ULONG list = 0; list < HEAP_LISTS; list++) {
        LIST_ENTRY* const head = &heap->FreeLists[list];
        if (IsListEmpty(head) == ((heap->NonEmpty[list / 32] >> (list % 32) & 1) != 0)) return false;
        for (LIST_ENTRY* link = head->Flink; link != head; link = link->Flink) {
            HEAP_ENTRY* const entry = &CONTAINING_RECORD(link, HEAP_FREE_ENTRY, FreeLink)->Entry;
            if (!IsInSegment(heap, entry) || link->Flink->Blink != link || link->Blink->Flink != link) return false;
            if (!RtlpIsSealed(entry) || !RtlpIsFree(entry) || RtlpListOf(ULONG(entry->Size)) != list) return false;
            *freeUnits += entry->Size;
        }
    }
    return true;
}

bool IsHeapSound(HEAP* heap) {
    SIZE_T inSegments = 0, onLists = 0;
    for (const HEAP_SEGMENT* segment = &heap->FirstSegment; segment; segment = segment->Next)
        if (!IsSound(segment, &inSegments)) return false;
    return AreListsSound(heap, &onLists) && inSegments == onLists && onLists == heap->FreeUnits;
}

} // namespace

HEAP_ENTRY* RtlpBusyEntry(HEAP* heap, PVOID address) {
    if (heap->Signature != HEAP_SIGNATURE || reinterpret_cast<ULONG_PTR>(address) % HEAP_UNIT != 0) return nullptr;
    HEAP_ENTRY* const entry = static_cast<HEAP_ENTRY*>(address) - 1;
    if (IsLargeBlock(heap, entry)) return RtlpIsSealed(entry) ? entry : nullptr;
    if (!IsInSegment(heap, entry) || !RtlpIsSealed(entry) || entry->Flags != HEAP_ENTRY_BUSY) return nullptr;
    // A forged head would have to fit its neighbours, too.
    if (!IsInSegment(heap, RtlpPreviousEntry(entry)) || entry->Size < HEAP_MINIMUM_UNITS) return nullptr;
    const HEAP_ENTRY* const next = RtlpNextEntry(entry);
    if (!IsInSegment(heap, next - 1) || !RtlpIsSealed(next) || next->PreviousSize != entry->Size) return nullptr;
    return entry;
}

extern "C" BOOLEAN NTAPI RtlValidateHeap(PVOID HeapHandle, ULONG Flags, PVOID BaseAddress) {
    auto* const heap = static_cast<HEAP*>(HeapHandle);
    if (heap->Signature != HEAP_SIGNATURE) return FALSE;
    const bool locked = ((heap->Flags | Flags) & HEAP_NO_SERIALIZE) == 0;
    if (locked) (void)RtlEnterCriticalSection(&heap->Lock);
    const bool sound = BaseAddress ? RtlpBusyEntry(heap, BaseAddress) != nullptr : IsHeapSound(heap);
    if (locked) (void)RtlLeaveCriticalSection(&heap->Lock);
    return sound;
}
