// Allocations of whole pages: which there are, of which tag.
//
// They have no header: an open hash table by address knows them. A row that is found in use is passed over to the next one, so a
// row that is taken out is filled again from those behind it. When three quarters are in use, the table moves to one of twice
// the size, in pages of the non-paged pool; where there is no memory for that, further allocations stay unnoted.
// Lock: BigPagesLock, a leaf. IRQL: <= DISPATCH_LEVEL.
// In the books: "system memory pools: big page tracking". POL-05
#include "ex/pool/expool.h"
#include "rtl/string.h"

namespace {

constexpr ULONG FirstRows = 256;                ///< a power of 2
constexpr ULONG HashMultiplier = 2'654'435'761; ///< Knuth's, 2^32 divided by the golden ratio

KSPIN_LOCK BigPagesLock;
POOL_TRACKER_BIG_PAGES FirstTable[FirstRows] GUARDED_BY(BigPagesLock);
POOL_TRACKER_BIG_PAGES* PoolBigPageTable GUARDED_BY(BigPagesLock);
ULONG PoolBigPageTableSize GUARDED_BY(BigPagesLock); // rows, a power of 2
ULONG Used GUARDED_BY(BigPagesLock);

ULONG HomeOf(const void* address) REQUIRES_(BigPagesLock) {
    const ULONG hash = ULONG(ExpAddressOf(address) >> PAGE_SHIFT) * HashMultiplier;
    return (hash >> 8) & (PoolBigPageTableSize - 1);
}
ULONG Behind(ULONG index) REQUIRES_(BigPagesLock) { return (index + 1) & (PoolBigPageTableSize - 1); }

/// The row of an address, or the free row where it would be. The table is never full.
ULONG Find(const void* address) REQUIRES_(BigPagesLock) {
    ULONG index = HomeOf(address);
    while (PoolBigPageTable[index].Va && PoolBigPageTable[index].Va != address)
        index = Behind(index);
    return index;
}

/// Frees a row, and closes the gap: the rows behind it up to a free one are put in anew.
void Erase(ULONG hole) REQUIRES_(BigPagesLock) {
    PoolBigPageTable[hole].Va = nullptr;
    Used--;
    for (ULONG index = Behind(hole); PoolBigPageTable[index].Va; index = Behind(index)) {
        const POOL_TRACKER_BIG_PAGES row = PoolBigPageTable[index];
        PoolBigPageTable[index].Va = nullptr;
        PoolBigPageTable[Find(row.Va)] = row;
    }
}

bool IsNearlyFull() REQUIRES_(BigPagesLock) { return Used >= PoolBigPageTableSize / 4 * 3; }

/// Moves all rows to a table of so many rows. @returns the old table
PVOID MoveTo(POOL_TRACKER_BIG_PAGES* table, ULONG rows) REQUIRES_(BigPagesLock) {
    POOL_TRACKER_BIG_PAGES* const old = PoolBigPageTable;
    const ULONG oldRows = PoolBigPageTableSize;
    PoolBigPageTable = table;
    PoolBigPageTableSize = rows;
    for (ULONG index = 0; index < oldRows; index++) {
        if (old[index].Va) PoolBigPageTable[Find(old[index].Va)] = old[index];
    }
    return old == FirstTable ? nullptr : old;
}

/// Gets a table of twice the size, without the lock, and moves there unless another processor has done so meanwhile.
void Grow(ULONG rows) EXCLUDES_(BigPagesLock) {
    const ULONG newRows = 2 * rows;
    const SIZE_T bytes = newRows * sizeof(POOL_TRACKER_BIG_PAGES);
    PVOID unused = ExpPageSource->Allocate(NonPagedPool, ULONG((bytes + PAGE_SIZE - 1) / PAGE_SIZE));
    if (!unused) return;
    RtlZeroMemory(unused, bytes);
    {
        nt::SpinLockGuard guard(BigPagesLock);
        if (PoolBigPageTableSize == rows) unused = MoveTo(static_cast<POOL_TRACKER_BIG_PAGES*>(unused), newRows);
    }
    if (unused) ExpPageSource->Free(unused);
}

} // namespace

void ExpInitializeBigPages() {
    nt::AssumeHeld(BigPagesLock); // boot: no other code knows the table yet
    KeInitializeSpinLock(&BigPagesLock, KLOCK_RANK::Pool);
    RtlZeroMemory(FirstTable, sizeof FirstTable);
    PoolBigPageTable = FirstTable;
    PoolBigPageTableSize = FirstRows;
    Used = 0;
}

void ExpInsertBigPages(const POOL_TRACKER_BIG_PAGES& row) {
    ULONG rows = 0;
    {
        nt::SpinLockGuard guard(BigPagesLock);
        if (IsNearlyFull()) rows = PoolBigPageTableSize;
    }
    if (rows != 0) Grow(rows);
    nt::SpinLockGuard guard(BigPagesLock);
    if (Used + 1 == PoolBigPageTableSize) return; // one row stays free, and ends every search
    PoolBigPageTable[Find(row.Va)] = row;
    Used++;
}

POOL_TRACKER_BIG_PAGES ExpFindBigPages(PVOID address) {
    nt::SpinLockGuard guard(BigPagesLock);
    return PoolBigPageTable[Find(address)];
}

bool ExpSetBigPagesProcess(PVOID address, PVOID process) {
    nt::SpinLockGuard guard(BigPagesLock);
    POOL_TRACKER_BIG_PAGES& row = PoolBigPageTable[Find(address)];
    if (row.Va) row.Process = process;
    return row.Va != nullptr;
}

POOL_TRACKER_BIG_PAGES ExpRemoveBigPages(PVOID address, ULONG tag) {
    nt::SpinLockGuard guard(BigPagesLock);
    const ULONG index = Find(address);
    const POOL_TRACKER_BIG_PAGES row = PoolBigPageTable[index];
    if (row.Va && (tag == 0 || row.Key == tag)) Erase(index);
    return row;
}
