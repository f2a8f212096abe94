// RtlAllocateHeap and its relatives. Contract: user/heap.h.
//
// A block that is asked for comes from the list of its size or of the next longer blocks; its rest goes back as a block of its own. A block
// that is freed becomes one with its free neighbours. Where nothing is long enough, a segment grows, or there is a new one.
// In the books: "heap manager". EXE-01
#include "heap/heapp.h"

#include "rtl/exception.h"
#include "rtl/string.h"

namespace {

/// Holds a heap's lock, unless heap or caller do without.
class HEAP_GUARD {
public:
    HEAP_GUARD(HEAP* heap, ULONG flags) : m_lock(((heap->Flags | flags) & HEAP_NO_SERIALIZE) ? nullptr : &heap->Lock) {
        if (m_lock) (void)RtlEnterCriticalSection(m_lock);
    }
    ~HEAP_GUARD() {
        if (m_lock) (void)RtlLeaveCriticalSection(m_lock);
    }
    HEAP_GUARD(const HEAP_GUARD&) = delete;
    HEAP_GUARD& operator=(const HEAP_GUARD&) = delete;

private:
    RTL_CRITICAL_SECTION* const m_lock;
};

/// Units of a block for so many bytes, less than HEAP_LARGE.
ULONG UnitsFor(SIZE_T size) {
    const ULONG units = ULONG((size + sizeof(HEAP_ENTRY) + HEAP_UNIT - 1) / HEAP_UNIT);
    return units < HEAP_MINIMUM_UNITS ? HEAP_MINIMUM_UNITS : units;
}

SIZE_T SizeOf(HEAP_ENTRY* entry) {
    if (entry->Flags & HEAP_ENTRY_LARGE) return RtlpLargeBlock(entry)->Size;
    return SIZE_T(entry->Size) * HEAP_UNIT - sizeof(HEAP_ENTRY) - SIZE_T(entry->UnusedBytes);
}

void SetBusy(HEAP_ENTRY* entry, SIZE_T size) {
    entry->Flags = HEAP_ENTRY_BUSY;
    entry->UnusedBytes = SIZE_T(entry->Size) * HEAP_UNIT - sizeof(HEAP_ENTRY) - size;
    RtlpSeal(entry);
}

PVOID AllocateSmall(HEAP* heap, SIZE_T size) {
    const ULONG units = UnitsFor(size);
    HEAP_ENTRY* entry = RtlpTakeFree(heap, units);
    if (!entry && RtlpGrow(heap, units)) entry = RtlpTakeFree(heap, units);
    if (!entry) return nullptr;
    entry->Flags = HEAP_ENTRY_BUSY; // no neighbour takes it meanwhile
    RtlpSplit(heap, entry, units);
    SetBusy(entry, size);
    return entry + 1;
}

/// With the lock held. @returns nullptr: no memory
PVOID Allocate(HEAP* heap, ULONG flags, SIZE_T size) {
    const PVOID block = size < HEAP_LARGE ? AllocateSmall(heap, size) : RtlpAllocateLarge(heap, size);
    if (block && (flags & HEAP_ZERO_MEMORY)) memset(block, 0, size);
    return block;
}

void Free(HEAP* heap, HEAP_ENTRY* entry) {
    if (entry->Flags & HEAP_ENTRY_LARGE)
        RtlpFreeLarge(RtlpLargeBlock(entry));
    else
        RtlpShrink(heap, RtlpCoalesce(heap, entry));
}

/// Makes a block of a segment longer or shorter where it is. @returns whether that is possible
bool ResizeInPlace(HEAP* heap, HEAP_ENTRY* entry, SIZE_T size) {
    if ((entry->Flags & HEAP_ENTRY_LARGE) || size >= HEAP_LARGE) return false;
    const ULONG units = UnitsFor(size);
    if (units > entry->Size) {
        HEAP_ENTRY* const next = RtlpNextEntry(entry);
        if (!RtlpIsFree(next) || entry->Size + next->Size < units) return false;
        RtlpRemoveFree(heap, next);
        entry->Size += next->Size;
        RtlpNextEntry(entry)->PreviousSize = entry->Size;
        RtlpSeal(RtlpNextEntry(entry));
    }
    RtlpSplit(heap, entry, units);
    SetBusy(entry, size);
    return true;
}

PVOID ReAllocate(HEAP* heap, ULONG flags, PVOID base, SIZE_T size) {
    HEAP_ENTRY* const entry = RtlpBusyEntry(heap, base);
    if (!entry) return nullptr;
    const SIZE_T before = SizeOf(entry);
    PVOID block = base;
    if (!ResizeInPlace(heap, entry, size)) {
        if (flags & HEAP_REALLOC_IN_PLACE_ONLY) return nullptr;
        block = Allocate(heap, 0, size);
        if (!block) return nullptr;
        memcpy(block, base, before < size ? before : size);
        Free(heap, entry);
    }
    if ((flags & HEAP_ZERO_MEMORY) && size > before) memset(static_cast<UCHAR*>(block) + before, 0, size - before);
    return block;
}

void Initialize(HEAP* heap, ULONG flags) {
    memset(heap, 0, sizeof(*heap));
    heap->Signature = HEAP_SIGNATURE;
    heap->Flags = flags;
    heap->NextReserve = HEAP_SEGMENT_RESERVE;
    for (LIST_ENTRY& head : heap->FreeLists)
        InitializeListHead(&head);
    InitializeListHead(&heap->LargeBlocks);
    (void)RtlInitializeCriticalSection(&heap->Lock);
}

/// A size of a segment. @param bytes 0: `usual`
SIZE_T WholePages(SIZE_T bytes, SIZE_T usual) {
    if (bytes == 0) return usual;
    if (bytes > HEAP_SEGMENT_MAXIMUM) bytes = HEAP_SEGMENT_MAXIMUM;
    return (bytes + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
}

PVOID Answer(HEAP* heap, ULONG flags, PVOID block) {
    if (!block && ((heap->Flags | flags) & HEAP_GENERATE_EXCEPTIONS)) RtlRaiseStatus(STATUS_NO_MEMORY);
    return block;
}

} // namespace

extern "C" {

PVOID NTAPI RtlCreateHeap(ULONG Flags, PVOID HeapBase, SIZE_T ReserveSize, SIZE_T CommitSize, PVOID Lock,
                          RTL_HEAP_PARAMETERS*) {
    if (HeapBase || Lock) return nullptr;
    if ((ReserveSize > HEAP_SEGMENT_MAXIMUM || CommitSize > HEAP_SEGMENT_MAXIMUM) && (Flags & HEAP_GROWABLE) == 0)
        return nullptr; // one segment would not do
    const SIZE_T commit = WholePages(CommitSize, PAGE_SIZE);
    SIZE_T reserve = WholePages(ReserveSize, HEAP_SEGMENT_RESERVE);
    if (reserve < commit) reserve = commit;
    auto* const base = static_cast<UCHAR*>(RtlpReserve(reserve));
    if (!base) return nullptr;
    auto* const heap = reinterpret_cast<HEAP*>(base);
    if (RtlpCommit(base, PAGE_SIZE)) {
        Initialize(heap, Flags);
        if (RtlpInitializeSegment(heap, &heap->FirstSegment, base, reserve, sizeof(HEAP), commit)) return heap;
    }
    RtlpRelease(base);
    return nullptr;
}

PVOID NTAPI RtlDestroyHeap(PVOID HeapHandle) {
    auto* const heap = static_cast<HEAP*>(HeapHandle);
    if (heap->Signature != HEAP_SIGNATURE || RtlpIsProcessHeap(heap)) return heap;
    while (!IsListEmpty(&heap->LargeBlocks))
        RtlpFreeLarge(CONTAINING_RECORD(heap->LargeBlocks.Flink, HEAP_LARGE_BLOCK, Link));
    while (HEAP_SEGMENT* const segment = heap->FirstSegment.Next) {
        heap->FirstSegment.Next = segment->Next;
        RtlpRelease(segment);
    }
    (void)RtlDeleteCriticalSection(&heap->Lock);
    heap->Signature = 0;
    RtlpRelease(heap);
    return nullptr;
}

PVOID NTAPI RtlAllocateHeap(PVOID HeapHandle, ULONG Flags, SIZE_T Size) {
    auto* const heap = static_cast<HEAP*>(HeapHandle);
    PVOID block;
    {
        HEAP_GUARD guard(heap, Flags);
        block = Allocate(heap, heap->Flags | Flags, Size);
    }
    return Answer(heap, Flags, block);
}

BOOLEAN NTAPI RtlFreeHeap(PVOID HeapHandle, ULONG Flags, PVOID BaseAddress) {
    if (!BaseAddress) return TRUE;
    auto* const heap = static_cast<HEAP*>(HeapHandle);
    HEAP_GUARD guard(heap, Flags);
    HEAP_ENTRY* const entry = RtlpBusyEntry(heap, BaseAddress);
    if (!entry) return FALSE;
    Free(heap, entry);
    return TRUE;
}

PVOID NTAPI RtlReAllocateHeap(PVOID HeapHandle, ULONG Flags, PVOID BaseAddress, SIZE_T Size) {
    auto* const heap = static_cast<HEAP*>(HeapHandle);
    PVOID block;
    {
        HEAP_GUARD guard(heap, Flags);
        block = ReAllocate(heap, heap->Flags | Flags, BaseAddress, Size);
    }
    return Answer(heap, Flags, block);
}

SIZE_T NTAPI RtlSizeHeap(PVOID HeapHandle, ULONG Flags, PVOID BaseAddress) {
    auto* const heap = static_cast<HEAP*>(HeapHandle);
    HEAP_GUARD guard(heap, Flags);
    HEAP_ENTRY* const entry = RtlpBusyEntry(heap, BaseAddress);
    return entry ? SizeOf(entry) : ~SIZE_T(0);
}

BOOLEAN NTAPI RtlLockHeap(PVOID HeapHandle) {
    auto* const heap = static_cast<HEAP*>(HeapHandle);
    if (heap->Signature != HEAP_SIGNATURE || (heap->Flags & HEAP_NO_SERIALIZE)) return FALSE;
    return NT_SUCCESS(RtlEnterCriticalSection(&heap->Lock));
}

BOOLEAN NTAPI RtlUnlockHeap(PVOID HeapHandle) {
    auto* const heap = static_cast<HEAP*>(HeapHandle);
    if (heap->Signature != HEAP_SIGNATURE || (heap->Flags & HEAP_NO_SERIALIZE)) return FALSE;
    return NT_SUCCESS(RtlLeaveCriticalSection(&heap->Lock));
}
}
