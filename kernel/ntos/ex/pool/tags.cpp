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

void ExpTrackPool(POOL_TYPE type, ULONG tag, SIZE_T bytes, bool freed) {
    POOL_TRACKER_TABLE& row = RowOf(tag);
    const bool paged = type == PagedPool;
    (void)InterlockedExchangeAdd(paged ? &row.PagedBytes : &row.NonPagedBytes, freed ? -LONG(bytes) : LONG(bytes));
    if (freed)
        (void)InterlockedIncrement(paged ? &row.PagedFrees : &row.NonPagedFrees);
    else
        (void)InterlockedIncrement(paged ? &row.PagedAllocs : &row.NonPagedAllocs);
}
