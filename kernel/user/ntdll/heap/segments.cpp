// Segments: the memory of a heap's blocks, committed from the start on, as far as it is in use. Contract: heapp.h.
#include "heap/heapp.h"

#include "rtl/string.h"

namespace {

SIZE_T RoundUp(SIZE_T bytes, SIZE_T to) { return (bytes + to - 1) / to * to; }

HEAP_ENTRY* EndMark(const HEAP_SEGMENT* segment) { return reinterpret_cast<HEAP_ENTRY*>(segment->CommittedEnd) - 1; }

void SetEndMark(HEAP_SEGMENT* segment, ULONG previousSize) {
    HEAP_ENTRY* const mark = EndMark(segment);
    *mark = {.Size = 0, .PreviousSize = previousSize, .Flags = HEAP_ENTRY_LAST, .UnusedBytes = 0, .Check = 0};
    RtlpSeal(mark);
}

/// Commits more of a segment; what is new becomes free.
bool Extend(HEAP* heap, HEAP_SEGMENT* segment, SIZE_T bytes) {
    const SIZE_T left = SIZE_T(segment->End - segment->CommittedEnd);
    SIZE_T step = RoundUp(bytes, HEAP_COMMIT_STEP);
    if (step > left) step = left;
    if (step < bytes || !RtlpCommit(segment->CommittedEnd, step)) return false;
    HEAP_ENTRY* const block = EndMark(segment); // the mark's place becomes the block's head
    const ULONG previousSize = ULONG(block->PreviousSize);
    segment->CommittedEnd += step;
    *block = {
        .Size = step / HEAP_UNIT, .PreviousSize = previousSize, .Flags = HEAP_ENTRY_BUSY, .UnusedBytes = 0, .Check = 0};
    RtlpSeal(block);
    SetEndMark(segment, ULONG(block->Size));
    (void)RtlpCoalesce(heap, block);
    return true;
}

/// The free units at the end of a segment.
ULONG FreeAtEnd(const HEAP_SEGMENT* segment) {
    HEAP_ENTRY* const mark = EndMark(segment);
    if (mark->PreviousSize == 0 || !RtlpIsFree(RtlpPreviousEntry(mark))) return 0;
    return ULONG(mark->PreviousSize);
}

bool AddSegment(HEAP* heap, SIZE_T bytes) {
    SIZE_T reserve = heap->NextReserve;
    if (reserve < bytes + PAGE_SIZE) reserve = RoundUp(bytes + PAGE_SIZE, PAGE_SIZE);
    auto* const base = static_cast<UCHAR*>(RtlpReserve(reserve));
    if (!base) return false;
    const SIZE_T commit = RoundUp(bytes + PAGE_SIZE, PAGE_SIZE);
    if (!RtlpCommit(base, PAGE_SIZE)) {
        RtlpRelease(base);
        return false;
    }
    auto* const segment = reinterpret_cast<HEAP_SEGMENT*>(base);
    if (!RtlpInitializeSegment(heap, segment, base, reserve, sizeof(HEAP_SEGMENT),
                               commit < reserve ? commit : reserve)) {
        RtlpRelease(base);
        return false;
    }
    segment->Next = heap->FirstSegment.Next;
    heap->FirstSegment.Next = segment;
    if (heap->NextReserve < HEAP_SEGMENT_MAXIMUM) heap->NextReserve *= 2;
    return true;
}

} // namespace

bool RtlpInitializeSegment(HEAP* heap, HEAP_SEGMENT* segment, UCHAR* base, SIZE_T reserved, SIZE_T header,
                           SIZE_T commit) {
    if (!RtlpCommit(base, commit)) return false;
    segment->Next = nullptr;
    segment->End = base + reserved;
    segment->CommittedEnd = base + commit;
    segment->First = reinterpret_cast<HEAP_ENTRY*>(base + RoundUp(header, HEAP_UNIT));
    const ULONG units = ULONG(EndMark(segment) - segment->First);
    *segment->First = {.Size = units, .PreviousSize = 0, .Flags = HEAP_ENTRY_BUSY, .UnusedBytes = 0, .Check = 0};
    SetEndMark(segment, units);
    RtlpInsertFree(heap, segment->First);
    return true;
}

bool RtlpGrow(HEAP* heap, ULONG units) {
    for (HEAP_SEGMENT* segment = &heap->FirstSegment; segment; segment = segment->Next) {
        const ULONG there = FreeAtEnd(segment); // less than `units`, or it would have been taken
        if (Extend(heap, segment, SIZE_T(units - there) * HEAP_UNIT)) return true;
    }
    return (heap->Flags & HEAP_GROWABLE) != 0 && AddSegment(heap, SIZE_T(units) * HEAP_UNIT);
}

void RtlpShrink(HEAP* heap, HEAP_ENTRY* entry) {
    HEAP_ENTRY* const mark = RtlpNextEntry(entry);
    if ((mark->Flags & HEAP_ENTRY_LAST) == 0 || SIZE_T(entry->Size) * HEAP_UNIT < 2 * HEAP_COMMIT_STEP) return;
    HEAP_SEGMENT* segment = &heap->FirstSegment;
    while (EndMark(segment) != mark)
        segment = segment->Next;
    const SIZE_T give = (SIZE_T(entry->Size) * HEAP_UNIT - HEAP_COMMIT_STEP) / PAGE_SIZE * PAGE_SIZE;
    RtlpRemoveFree(heap, entry);
    segment->CommittedEnd -= give;
    RtlpDecommit(segment->CommittedEnd, give);
    entry->Size -= give / HEAP_UNIT;
    SetEndMark(segment, ULONG(entry->Size));
    RtlpInsertFree(heap, entry);
}
