// Blocks that have memory of their own: as long as a segment would hardly hold them. Contract: heapp.h.
#include "heap/heapp.h"

PVOID RtlpAllocateLarge(HEAP* heap, SIZE_T size) {
    if (size > ~SIZE_T(0) - sizeof(HEAP_LARGE_BLOCK) - PAGE_SIZE) return nullptr;
    const SIZE_T bytes = (size + sizeof(HEAP_LARGE_BLOCK) + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    auto* const block = static_cast<HEAP_LARGE_BLOCK*>(RtlpReserve(bytes));
    if (!block) return nullptr;
    if (!RtlpCommit(block, bytes)) {
        RtlpRelease(block);
        return nullptr;
    }
    block->Reserved = bytes;
    block->Size = size;
    block->Entry = {
        .Size = 0, .PreviousSize = 0, .Flags = HEAP_ENTRY_BUSY | HEAP_ENTRY_LARGE, .UnusedBytes = 0, .Check = 0};
    RtlpSeal(&block->Entry);
    InsertTailList(&heap->LargeBlocks, &block->Link);
    return &block->Entry + 1;
}

void RtlpFreeLarge(HEAP_LARGE_BLOCK* block) {
    RemoveEntryList(&block->Link);
    RtlpRelease(block);
}
