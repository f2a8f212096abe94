// Pool tags: how many blocks and bytes of each tag there are.
//
// A hash of the tag chooses where the search for its row begins; rows behind it are tried in turn. A row is taken by a
// compare-exchange of its key and never given back, so counting needs no lock.
// Locks: none. IRQL: any.
// In the books: "pool tags", "monitoring pool usage". POL-05
#include "ex/pool/expool.h"
#include "nt/atomic.h"

extern "C" POOL_TRACKER_TABLE PoolTrackTable[POOL_TRACK_ROWS] = {};

namespace {

constexpr ULONG TrackShift = 9;
static_assert(1u << TrackShift == POOL_TRACK_ROWS);
constexpr ULONG HashMultiplier = 2'654'435'761; ///< Knuth's, 2^32 divided by the golden ratio
constexpr ULONG OVERFLOW_TAG = EX_TAG("Ovfl");
constexpr ULONG LastRow = POOL_TRACK_ROWS - 1; ///< for tags that find no row of their own

POOL_TRACKER_TABLE& RowOf(ULONG tag) {
    const ULONG start = tag * HashMultiplier >> (32 - TrackShift);
    for (ULONG step = 0; step < LastRow; step++) {
        POOL_TRACKER_TABLE& row = PoolTrackTable[(start + step) % LastRow];
        if (row.Key == LONG(tag)) return row;
        if (row.Key != 0) continue;
        const LONG found = InterlockedCompareExchange(&row.Key, LONG(tag), 0);
        if (found == 0 || found == LONG(tag)) return row;
    }
    PoolTrackTable[LastRow].Key = LONG(OVERFLOW_TAG);
    return PoolTrackTable[LastRow];
}

} // namespace

void ExpTrackPoolCounts(POOL_TYPE type, ULONG tag, ULONG allocs, ULONG frees, LONG bytes) {
    POOL_TRACKER_TABLE& row = RowOf(tag);
    const bool paged = type == PagedPool;
    if (allocs != 0) (void)InterlockedExchangeAdd(paged ? &row.PagedAllocs : &row.NonPagedAllocs, LONG(allocs));
    if (frees != 0) (void)InterlockedExchangeAdd(paged ? &row.PagedFrees : &row.NonPagedFrees, LONG(frees));
    (void)InterlockedExchangeAdd(paged ? &row.PagedBytes : &row.NonPagedBytes, bytes);
}

void NTAPI ExQueryPoolTag(ULONG Tag, POOL_TRACKER_TABLE* Row) {
    *Row = {};
    for (const POOL_TRACKER_TABLE& row : PoolTrackTable) {
        if (row.Key != LONG(Tag)) continue;
        Row->Key = row.Key;
        Row->NonPagedAllocs = row.NonPagedAllocs;
        Row->NonPagedFrees = row.NonPagedFrees;
        Row->NonPagedBytes = row.NonPagedBytes;
        Row->PagedAllocs = row.PagedAllocs;
        Row->PagedFrees = row.PagedFrees;
        Row->PagedBytes = row.PagedBytes;
    }
    ExpAddKeptCounts(Tag, Row);
}
