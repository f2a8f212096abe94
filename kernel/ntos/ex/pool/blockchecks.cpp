// What must be true of the blocks of a page: checked where a block is used, and of whole pages by the walk.
//
// In the books: "system memory pools", "bugchecks: BAD_POOL_HEADER". POL-04, TRP-09
#include "ex/pool/expool.h"

namespace {

// Documented first parameters of BAD_POOL_HEADER.
constexpr ULONG FREE_LIST_CORRUPT = 0x03;    ///< parameters: block, what the neighbours on its list point to
constexpr ULONG FREED_BLOCK_MODIFIED = 0x0D; ///< parameters: block, what its size is, what it should be
constexpr ULONG BLOCK_SIZE_CORRUPT = 0x20;   ///< parameters: block, its neighbour, the header's first word

[[noreturn]] void BlocksContradict(POOL_HEADER* header, POOL_HEADER* neighbour) {
    KeBugCheckEx(BAD_POOL_HEADER, BLOCK_SIZE_CORRUPT, ExpAddressOf(header), ExpAddressOf(neighbour),
                 ExpHeaderContents(header));
}

bool IsSummaryBitSet(const POOL_DESCRIPTOR& pool, ULONG units) REQUIRES_(pool.Lock) {
    return (pool.ListSummary[units / 32] >> units % 32 & 1) != 0;
}

/// @returns whether the block is on the list of its size
bool IsOnItsList(POOL_DESCRIPTOR& pool, POOL_HEADER* header) REQUIRES_(pool.Lock) {
    if (header->BlockSize < POOL_LEAST_UNITS) return true; // on none
    const LIST_ENTRY* const head = &pool.ListHeads[header->BlockSize];
    for (const LIST_ENTRY* entry = head->Flink; entry != head; entry = entry->Flink) {
        if (entry == ExpBodyOf(header)) return true;
    }
    return false;
}

} // namespace

void ExpVerifyBlock(POOL_HEADER* header) {
    const ULONG units = ULONG(ExpAddressOf(header) % PAGE_SIZE) >> POOL_BLOCK_SHIFT;
    const ULONG size = header->BlockSize, previousSize = header->PreviousSize;
    if (size == 0 || units + size > POOL_PAGE_UNITS) BlocksContradict(header, header);
    if (previousSize > units || (previousSize == 0) != (units == 0)) BlocksContradict(header, header);
    POOL_HEADER* const next = ExpNextBlock(header);
    if (next && next->PreviousSize != size) BlocksContradict(header, next);
    POOL_HEADER* const previous = ExpPreviousBlock(header);
    if (previous && previous->BlockSize != previousSize) BlocksContradict(header, previous);
}

void ExpVerifyFreeBlock(POOL_HEADER* header, ULONG units) {
    if (header->PoolType != POOL_FREE_BLOCK || header->BlockSize != units)
        KeBugCheckEx(BAD_POOL_HEADER, FREED_BLOCK_MODIFIED, ExpAddressOf(header), ExpHeaderContents(header), units);
    auto* const entry = static_cast<LIST_ENTRY*>(ExpBodyOf(header));
    if (entry->Flink->Blink != entry || entry->Blink->Flink != entry)
        KeBugCheckEx(BAD_POOL_HEADER, FREE_LIST_CORRUPT, ExpAddressOf(header), ExpAddressOf(entry->Flink->Blink),
                     ExpAddressOf(entry->Blink->Flink));
}

ULONG ExpCheckPoolPage(POOL_DESCRIPTOR& pool, PVOID page) {
    auto* const first = static_cast<POOL_HEADER*>(page);
    ULONG at = 0, previousSize = 0;
    bool previousIsFree = false, oneIsUsed = false;
    while (at < POOL_PAGE_UNITS) {
        POOL_HEADER* const header = ExpUnitsBehind(first, at);
        const bool isFree = header->PoolType == POOL_FREE_BLOCK;
        if (header->BlockSize == 0 || header->PreviousSize != previousSize || header->PoolIndex != pool.PoolIndex)
            return at;
        if (isFree && (previousIsFree || !IsOnItsList(pool, header))) return at;
        if (!isFree && (header->PoolType & POOL_TYPE_MASK) != 1 + ULONG(pool.PoolType)) return at;
        oneIsUsed = oneIsUsed || !isFree;
        previousIsFree = isFree;
        previousSize = header->BlockSize;
        at += previousSize;
    }
    return at == POOL_PAGE_UNITS && oneIsUsed ? POOL_PAGE_UNITS : 0;
}

bool ExpCheckPoolLists(POOL_DESCRIPTOR& pool) {
    for (ULONG units = 0; units < POOL_LIST_HEADS; units++) {
        LIST_ENTRY* const head = &pool.ListHeads[units];
        if (IsListEmpty(head) == IsSummaryBitSet(pool, units)) return false;
        for (LIST_ENTRY* entry = head->Flink; entry != head; entry = entry->Flink) {
            if (entry->Flink->Blink != entry) return false;
            const POOL_HEADER* const header = ExpHeaderOf(entry);
            if (header->BlockSize != units || header->PoolType != POOL_FREE_BLOCK) return false;
        }
    }
    return true;
}
