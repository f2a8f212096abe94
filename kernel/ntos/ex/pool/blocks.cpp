// Blocks of a pool: taken from the free lists and split, freed and joined with their neighbours.
//
// Invariants: expool.h. Lock: the pool's, held by the caller. IRQL: <= DISPATCH_LEVEL.
// In the books: "system memory pools". POL-04
#include "ex/pool/expool.h"

namespace {

// LAB(2.3) begin
constexpr ULONG BitsOfWord = 32;

bool IsListed(ULONG units) { return units >= POOL_LEAST_UNITS; }

LIST_ENTRY* EntryOf(POOL_HEADER* header) { return static_cast<LIST_ENTRY*>(ExpBodyOf(header)); }
POOL_HEADER* OfEntry(LIST_ENTRY* entry) { return ExpHeaderOf(entry); }

/// Writes the header of a block that lies behind another one of `previousUnits`, and tells the block behind its size.
void WriteHeader(POOL_DESCRIPTOR& pool, POOL_HEADER* header, ULONG previousUnits, ULONG units, ULONG state) {
    header->PreviousSize = previousUnits;
    header->PoolIndex = pool.PoolIndex;
    header->BlockSize = units;
    header->PoolType = state;
    if (POOL_HEADER* const next = ExpNextBlock(header)) next->PreviousSize = units;
}

ULONG StateInUse(const POOL_DESCRIPTOR& pool) { return 1 + ULONG(pool.PoolType); }

/// Puts a free block on the list of its size, at the end where `last` says so. A block too small for that is on no list.
void Insert(POOL_DESCRIPTOR& pool, POOL_HEADER* header, bool last) REQUIRES_(pool.Lock) {
    const ULONG units = header->BlockSize;
    if (!IsListed(units)) return;
    LIST_ENTRY* const head = &pool.ListHeads[units];
    if (last)
        InsertTailList(head, EntryOf(header));
    else
        InsertHeadList(head, EntryOf(header));
    pool.ListSummary[units / BitsOfWord] |= 1u << units % BitsOfWord;
}

/// Takes a free block off its list.
void Remove(POOL_DESCRIPTOR& pool, POOL_HEADER* header) REQUIRES_(pool.Lock) {
    const ULONG units = header->BlockSize;
    if (!IsListed(units)) return;
    ExpVerifyFreeBlock(header, units);
    if (RemoveEntryList(EntryOf(header))) pool.ListSummary[units / BitsOfWord] &= ~(1u << units % BitsOfWord);
}

/// The first list from `units` on that has a block; POOL_LIST_HEADS if there is none.
ULONG FirstList(const POOL_DESCRIPTOR& pool, ULONG units) REQUIRES_(pool.Lock) {
    ULONG word = units / BitsOfWord;
    ULONG bits = pool.ListSummary[word] & ~0u << units % BitsOfWord;
    while (bits == 0) {
        if (++word == POOL_LIST_HEADS / BitsOfWord) return POOL_LIST_HEADS;
        bits = pool.ListSummary[word];
    }
    return word * BitsOfWord + ULONG(__builtin_ctz(bits));
}

/// Divides a block that is on no list and larger than `units`, and frees what is too much. At the start of a page the front is
/// used, elsewhere the end: so what is in use gathers at the page's start, and large free blocks survive behind it.
/// @returns the part of `units`
POOL_HEADER* Split(POOL_DESCRIPTOR& pool, POOL_HEADER* header, ULONG units) REQUIRES_(pool.Lock) {
    const ULONG previous = header->PreviousSize, rest = header->BlockSize - units;
    POOL_HEADER* const free = previous == 0 ? ExpUnitsBehind(header, units) : header;
    POOL_HEADER* const used = previous == 0 ? header : ExpUnitsBehind(header, rest);
    WriteHeader(pool, free, previous == 0 ? units : previous, rest, POOL_FREE_BLOCK);
    WriteHeader(pool, used, previous == 0 ? 0 : rest, units, POOL_FREE_BLOCK);
    Insert(pool, free, true);
    return used;
}
// LAB(2.3) end

} // namespace

void ExpInitializePoolDescriptor(POOL_DESCRIPTOR& pool, POOL_TYPE type) {
    pool = {};
    pool.PoolType = type;
    pool.Lock.Waits = type == PagedPool;
    KeInitializeSpinLock(&pool.Lock.SpinLock, KLOCK_RANK::Pool);
    KeInitializeGuardedMutex(&pool.Lock.Mutex);
    for (LIST_ENTRY& head : pool.ListHeads)
        InitializeListHead(&head);
}

POOL_HEADER* ExpTakeBlock(POOL_DESCRIPTOR& pool, ULONG units) {
    // LAB(2.3) begin
    const ULONG found = FirstList(pool, units);
    if (found == POOL_LIST_HEADS) return nullptr;
    POOL_HEADER* header = OfEntry(pool.ListHeads[found].Flink);
    ExpVerifyFreeBlock(header, found);
    Remove(pool, header);
    if (found > units) header = Split(pool, header, units);
    header->PoolType = StateInUse(pool);
    pool.RunningAllocs++;
    pool.TotalBytes += units * POOL_SMALLEST_UNIT;
    return header;
    // LAB(2.3) else
    //| LAB_NOT_IMPLEMENTED("2.3");
    // LAB(2.3) end
}

POOL_HEADER* ExpCutPage(POOL_DESCRIPTOR& pool, PVOID page, ULONG units) {
    // LAB(2.3) begin
    auto* const header = static_cast<POOL_HEADER*>(page);
    WriteHeader(pool, header, 0, units, StateInUse(pool));
    POOL_HEADER* const rest = ExpUnitsBehind(header, units);
    WriteHeader(pool, rest, units, POOL_PAGE_UNITS - units, POOL_FREE_BLOCK);
    Insert(pool, rest, true);
    pool.TotalPages++;
    pool.RunningAllocs++;
    pool.TotalBytes += units * POOL_SMALLEST_UNIT;
    return header;
    // LAB(2.3) else
    //| LAB_NOT_IMPLEMENTED("2.3");
    // LAB(2.3) end
}

PVOID ExpPutBlock(POOL_DESCRIPTOR& pool, POOL_HEADER* header) {
    // LAB(2.3) begin
    ULONG units = header->BlockSize;
    header->PoolType = POOL_FREE_BLOCK; // wherever the block ends up, a second free of it finds this
    pool.RunningDeAllocs++;
    pool.TotalBytes -= units * POOL_SMALLEST_UNIT;
    POOL_HEADER* const next = ExpNextBlock(header);
    if (next && next->PoolType == POOL_FREE_BLOCK) {
        Remove(pool, next);
        units += next->BlockSize;
    }
    POOL_HEADER* const previous = ExpPreviousBlock(header);
    if (previous && previous->PoolType == POOL_FREE_BLOCK) {
        Remove(pool, previous);
        units += previous->BlockSize;
        header = previous;
    }
    if (units == POOL_PAGE_UNITS) {
        pool.TotalPages--;
        return header;
    }
    WriteHeader(pool, header, header->PreviousSize, units, POOL_FREE_BLOCK);
    Insert(pool, header, false);
    return nullptr;
    // LAB(2.3) else
    //| LAB_NOT_IMPLEMENTED("2.3");
    // LAB(2.3) end
}
