// Look-aside lists of each processor: small non-paged blocks that were freed and serve its next allocations, without the pool's lock.
//
// A list belongs to its processor and changes with interrupts off, so no instruction of it is interlocked. To the pool a kept
// block is in use: it joins with no neighbour. To its caller it is freed: POOL_KEPT_MASK in its header finds a second free.
// A list counts for one tag at a time; when a block of another tag comes or goes, the counts move to the table of tags.
// Invariant: of the last tag, Allocates blocks were taken since Tag was set, and Allocates less the growth of Room were put.
// Locks: none. IRQL: <= DISPATCH_LEVEL.
// In the books: "look-aside lists". POL-05, ARC-08
#include "ex/pool/expool.h"
#include "nt/interrupts.h"

namespace {

constexpr ULONG KeptBytes = 2048; ///< of each size
constexpr ULONG KeptMost = 64;    ///< blocks of each size
constexpr ULONG KeptInUse = 1 + ULONG(NonPagedPool);

/// Moves the counts of the list's tag to the table of tags, and counts for another one.
void SwitchTag(KPRCB* prcb, ULONG units, ULONG tag) {
    KPOOL_LOOKASIDE& list = prcb->PoolLookaside[units];
    if (list.Tag == tag) return;
    const LONG grown = list.Room - prcb->PoolLookasideRoom[units];
    if (list.Tag != 0)
        ExpTrackPoolCounts(NonPagedPool, list.Tag, list.Allocates, list.Allocates - ULONG(grown),
                           grown * LONG(units * POOL_SMALLEST_UNIT));
    ExpTrackPoolCounts(NonPagedPool, tag, 0, 0, 0); // so that the table has a row for it: tools go by its rows
    list.Tag = tag;
    list.Allocates = 0;
    prcb->PoolLookasideRoom[units] = list.Room;
}

} // namespace

void NTAPI ExInitializeProcessorPool(KPRCB* Prcb) {
    for (ULONG units = POOL_LEAST_UNITS; units < KPOOL_LOOKASIDE_LISTS; units++) {
        const ULONG blocks = KeptBytes / (units * POOL_SMALLEST_UNIT);
        Prcb->PoolLookaside[units] = {};
        Prcb->PoolLookaside[units].Room = LONG(blocks < KeptMost ? blocks : KeptMost);
        Prcb->PoolLookasideRoom[units] = Prcb->PoolLookaside[units].Room;
    }
}

POOL_HEADER* ExpTakeKeptBlock(ULONG units, ULONG tag) {
    nt::InterruptsOff off;
    KPRCB* const prcb = KeGetPcr()->Prcb;
    KPOOL_LOOKASIDE& list = prcb->PoolLookaside[units];
    SINGLE_LIST_ENTRY* const entry = PopEntryList(&list.ListHead);
    if (!entry) return nullptr;
    SwitchTag(prcb, units, tag);
    list.Room++;
    list.Allocates++;
    POOL_HEADER* const header = ExpHeaderOf(entry);
    header->PoolType = KeptInUse;
    header->PoolTag = tag;
    return header;
}

bool ExpKeepBlock(POOL_HEADER* header) {
    nt::InterruptsOff off;
    KPRCB* const prcb = KeGetPcr()->Prcb;
    KPOOL_LOOKASIDE& list = prcb->PoolLookaside[header->BlockSize];
    if (list.Room <= 0) return false;
    SwitchTag(prcb, header->BlockSize, header->PoolTag);
    list.Room--;
    header->PoolType = KeptInUse | POOL_KEPT_MASK;
    PushEntryList(&list.ListHead, static_cast<SINGLE_LIST_ENTRY*>(ExpBodyOf(header)));
    return true;
}

void ExpAddKeptCounts(ULONG tag, POOL_TRACKER_TABLE* row) {
    for (const KPRCB* prcb : KiProcessorBlock) {
        for (ULONG units = 0; prcb && units < KPOOL_LOOKASIDE_LISTS; units++) {
            const KPOOL_LOOKASIDE& list = prcb->PoolLookaside[units];
            if (list.Tag != tag) continue;
            const LONG grown = list.Room - prcb->PoolLookasideRoom[units];
            row->Key = LONG(tag);
            row->NonPagedAllocs = row->NonPagedAllocs + LONG(list.Allocates);
            row->NonPagedFrees = row->NonPagedFrees + LONG(list.Allocates) - grown;
            row->NonPagedBytes = row->NonPagedBytes + grown * LONG(units * POOL_SMALLEST_UNIT);
        }
    }
}

/// Blocks that go back are taken in the name of a tag of their own, and freed in it.
void NTAPI ExDrainPoolLookaside() {
    constexpr ULONG DRAIN_TAG = EX_TAG("Drai");
    POOL_DESCRIPTOR& pool = PoolVector[ULONG(NonPagedPool)];
    for (ULONG units = POOL_LEAST_UNITS; units < KPOOL_LOOKASIDE_LISTS; units++) {
        while (POOL_HEADER* const header = ExpTakeKeptBlock(units, DRAIN_TAG)) {
            ExpTrackFree(NonPagedPool, DRAIN_TAG, units * POOL_SMALLEST_UNIT);
            PVOID page;
            {
                nt::PoolGuard guard(pool.Lock);
                ExpVerifyBlock(header);
                page = ExpPutBlock(pool, header);
            }
            if (page) (void)ExpPageSource->Free(page);
        }
    }
}
