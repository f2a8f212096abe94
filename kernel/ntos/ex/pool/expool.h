// Private to the pool: block headers, pool descriptors, and what the pool's files ask of each other.
//
// A page that is cut into blocks is covered by them without a gap. In front of each block is a header; its sizes, in units of
// 8 bytes, lead to the block behind and to the block before, so that a freed block finds both neighbours:
//
//     page  | PreviousSize 0 | body ... | PreviousSize n | body ... | ...          | end of page
//           '---- BlockSize = n --------'---- BlockSize = m --------'
//
// Invariants, checked by ExpCheckPoolPage: a block's PreviousSize is the BlockSize of the block before it, and 0 exactly at the
// start of the page; the sizes of a page's blocks add up to the page. Two free blocks are never neighbours. A free block is on
// the list of its size (one that is too small for a list entry is on none). A page has at least one block that is not free.
// Locks: POOL_DESCRIPTOR::Lock for headers of its pages and its lists. Of a block in use BlockSize, PoolType and PoolTag belong to
// its owner, PreviousSize to the lock.
// In the books: "system memory pools: pool headers, free lists". POL-04, POL-05
#pragma once

#include "ex/guardedmutex.h"
#include "ex/pool.h"
#include "ke/bugcheck.h"
#include "ke/processor.h"
#include "ke/spinlock.h"
#include "nt/list.h"

constexpr ULONG POOL_BLOCK_SHIFT = 3;
constexpr ULONG POOL_SMALLEST_UNIT = 1u << POOL_BLOCK_SHIFT;     ///< bytes; sizes of blocks are in these units
constexpr ULONG POOL_PAGE_UNITS = PAGE_SIZE >> POOL_BLOCK_SHIFT; ///< units of a page
constexpr ULONG POOL_LIST_HEADS = POOL_PAGE_UNITS;               ///< a list for each size
constexpr ULONG POOL_BUDDY_MAX =
    PAGE_SIZE - 2 * POOL_SMALLEST_UNIT; ///< the largest request that gets a block, in bytes

/// States of a block, POOL_HEADER::PoolType. A block in use has 1 + its POOL_TYPE, and flags.
constexpr ULONG POOL_FREE_BLOCK = 0;
constexpr ULONG POOL_TYPE_MASK = 3;
constexpr ULONG POOL_QUOTA_MASK = 8; ///< a process is charged; its address is the block's last word
constexpr ULONG POOL_KEPT_MASK = 64; ///< freed, and kept on a list of a processor

/// What stands in front of every block. Each half of the first word is a memory location of its own: under the pool's lock
/// PreviousSize changes while, without it, the block's owner changes PoolType.
/// shared: as the file's head says
struct POOL_HEADER {
    struct {
        USHORT PreviousSize : 9; ///< of the block before, in units; 0: this one is its page's first
        USHORT PoolIndex : 7;
    };
    struct {
        USHORT BlockSize : 9; ///< in units, this header included
        USHORT PoolType : 7;
    };
    ULONG PoolTag;
};
static_assert(sizeof(POOL_HEADER) == 8);
using PPOOL_HEADER = POOL_HEADER*;

/// The least units of a block that can be on a list: the entry lies in its body.
constexpr ULONG POOL_LEAST_UNITS = (sizeof(POOL_HEADER) + sizeof(LIST_ENTRY)) >> POOL_BLOCK_SHIFT;

/// What keeps two processors from changing a pool at once: a spin lock, or, where touching the pool may need a page from the disk,
/// a mutex.
/// shared: its members are locks
struct CAPABILITY("pool lock") POOL_LOCK {
    bool Waits; ///< the mutex is used, not the spin lock
    KSPIN_LOCK SpinLock;
    KGUARDED_MUTEX Mutex;
};

/// A pool: its lock, its free blocks by size, and what it has.
/// shared: Lock guards the rest; the counts may be read without, as hints
struct POOL_DESCRIPTOR {
    POOL_TYPE PoolType;
    ULONG PoolIndex;
    POOL_LOCK Lock;
    ULONG RunningAllocs;         ///< blocks taken from the lists, since boot
    ULONG RunningDeAllocs;       ///< blocks put back
    ULONG TotalPages;            ///< that are cut into blocks
    volatile LONG TotalBigPages; ///< of allocations of whole pages; interlocked
    SIZE_T TotalBytes;           ///< of blocks in use (those that processors keep included), with their headers
    ULONG ListSummary[POOL_LIST_HEADS / 32]; ///< bit n: ListHeads[n] has a block
    LIST_ENTRY ListHeads[POOL_LIST_HEADS];   ///< [n]: free blocks of n units
};
using PPOOL_DESCRIPTOR = POOL_DESCRIPTOR*;

/// The pools by POOL_TYPE.
extern POOL_DESCRIPTOR PoolVector[2];
extern const EX_PAGE_SOURCE* ExpPageSource; ///< written once at boot

namespace nt {

/// Holds a pool for the guard's life.
class SCOPED_CAPABILITY PoolGuard {
public:
    explicit PoolGuard(POOL_LOCK& lock) ACQUIRE_(lock) IMPLEMENTS_LOCK : m_lock(lock) {
        if (lock.Waits)
            KeAcquireGuardedMutex(&lock.Mutex);
        else
            m_oldIrql = KfAcquireSpinLock(&lock.SpinLock);
    }
    ~PoolGuard() RELEASE_() IMPLEMENTS_LOCK {
        if (m_lock.Waits)
            KeReleaseGuardedMutex(&m_lock.Mutex);
        else
            KfReleaseSpinLock(&m_lock.SpinLock, m_oldIrql);
    }
    PoolGuard(const PoolGuard&) = delete;
    PoolGuard& operator=(const PoolGuard&) = delete;

private:
    POOL_LOCK& m_lock;
    KIRQL m_oldIrql{};
};

} // namespace nt

// Geometry of a page of blocks.

inline PVOID ExpBodyOf(POOL_HEADER* header) { return header + 1; }
inline POOL_HEADER* ExpHeaderOf(PVOID block) { return static_cast<POOL_HEADER*>(block) - 1; }
inline ULONG_PTR ExpAddressOf(const volatile void* address) { return reinterpret_cast<ULONG_PTR>(address); }
inline bool ExpIsPageAligned(const volatile void* address) { return ExpAddressOf(address) % PAGE_SIZE == 0; }
inline UCHAR* ExpPageOf(POOL_HEADER* header) {
    return reinterpret_cast<UCHAR*>(ExpAddressOf(header) & ~ULONG_PTR(PAGE_SIZE - 1));
}
/// The header so many units behind.
inline POOL_HEADER* ExpUnitsBehind(POOL_HEADER* header, ULONG units) { return header + units; }
/// The block behind this one; nullptr: this one is its page's last.
inline POOL_HEADER* ExpNextBlock(POOL_HEADER* header) {
    POOL_HEADER* const next = ExpUnitsBehind(header, header->BlockSize);
    return ExpIsPageAligned(next) ? nullptr : next;
}
/// The block before this one; nullptr: this one is its page's first.
inline POOL_HEADER* ExpPreviousBlock(POOL_HEADER* header) {
    return header->PreviousSize == 0 ? nullptr : header - header->PreviousSize;
}
/// Units of a block for so many bytes, its header included.
constexpr ULONG ExpUnitsFor(SIZE_T bytes) {
    const ULONG units = ULONG((bytes + sizeof(POOL_HEADER) + POOL_SMALLEST_UNIT - 1) >> POOL_BLOCK_SHIFT);
    return units < POOL_LEAST_UNITS ? POOL_LEAST_UNITS : units;
}
/// Where a block that a process is charged for names it: its last word.
inline PVOID* ExpProcessOf(POOL_HEADER* header) {
    return reinterpret_cast<PVOID*>(ExpUnitsBehind(header, header->BlockSize)) - 1;
}
/// A header's first word, as bugchecks show it.
inline ULONG ExpHeaderContents(const POOL_HEADER* header) { return *reinterpret_cast<const ULONG*>(header); }

// blocks.cpp: blocks of one pool.

void ExpInitializePoolDescriptor(POOL_DESCRIPTOR& pool, POOL_TYPE type);
/// Takes a free block and splits what is too much of it off. @param units of the block, POOL_LEAST_UNITS or more.
/// @returns its header, in use, without a tag; nullptr: no free block is large enough
POOL_HEADER* ExpTakeBlock(POOL_DESCRIPTOR& pool, ULONG units) REQUIRES_(pool.Lock);
/// Makes a new page one of the pool's: its first block is in use, the rest is free. @returns the first block's header, as above
POOL_HEADER* ExpCutPage(POOL_DESCRIPTOR& pool, PVOID page, ULONG units) REQUIRES_(pool.Lock);
/// Makes a block free and joins it with free neighbours. @returns its page, if all of it is free now: it is the pool's no longer,
/// and the caller gives it back; else nullptr
PVOID ExpPutBlock(POOL_DESCRIPTOR& pool, POOL_HEADER* header) REQUIRES_(pool.Lock);

// blockchecks.cpp: what must be true of blocks.

/// Stops the system if the header and those of its neighbours contradict each other.
void ExpVerifyBlock(POOL_HEADER* header);
/// Stops the system if a free block is not what its list says, or its links are not.
void ExpVerifyFreeBlock(POOL_HEADER* header, ULONG units);
/// The first rule that a page of blocks breaks, by its offset in the page; POOL_PAGE_UNITS if it breaks none.
ULONG ExpCheckPoolPage(POOL_DESCRIPTOR& pool, PVOID page) REQUIRES_(pool.Lock);
/// Walks all lists of a pool. @returns whether each free block is what its list says, and the summary tells which lists are empty
bool ExpCheckPoolLists(POOL_DESCRIPTOR& pool) REQUIRES_(pool.Lock);

// bigpages.cpp: allocations of whole pages.

/// A row of the table of allocations of whole pages.
struct POOL_TRACKER_BIG_PAGES {
    PVOID Va; ///< nullptr: the row is free
    ULONG Key;
    ULONG NumberOfPages;
    PVOID Process; ///< that is charged, or nullptr
};

void ExpInitializeBigPages();
/// Notes an allocation. Where the table has no room left and cannot grow, it stays unnoted: its tag is not checked.
void ExpInsertBigPages(const POOL_TRACKER_BIG_PAGES& row);
/// Notes that a process is charged for an allocation. @returns false if the allocation is not noted itself
bool ExpSetBigPagesProcess(PVOID address, PVOID process);
/// Takes an allocation out of the table. @param tag 0: any. @returns its row; Va is nullptr if it was not noted
POOL_TRACKER_BIG_PAGES ExpRemoveBigPages(PVOID address, ULONG tag);
/// @returns the row of an allocation; Va is nullptr if it was not noted
POOL_TRACKER_BIG_PAGES ExpFindBigPages(PVOID address);

// tags.cpp: what each tag has.

/// Adds so many allocations and frees of a tag, and so many bytes (less than 0: freed ones). @irql any
void ExpTrackPoolCounts(POOL_TYPE type, ULONG tag, ULONG allocs, ULONG frees, LONG bytes);
/// Counts an allocation.
inline void ExpTrackAllocation(POOL_TYPE type, ULONG tag, SIZE_T bytes) {
    ExpTrackPoolCounts(type, tag, 1, 0, LONG(bytes));
}
/// Counts a free.
inline void ExpTrackFree(POOL_TYPE type, ULONG tag, SIZE_T bytes) { ExpTrackPoolCounts(type, tag, 0, 1, -LONG(bytes)); }

// processorlists.cpp: freed blocks that each processor keeps.

/// Whether a non-paged block of so many units may be kept. An explored kernel keeps none: what an allocation does would depend on
/// the processor, and a run on the one before.
constexpr bool ExpMayBeKept(ULONG units) {
#if defined(MICA_EXPLORE)
    return false && units != 0;
#else
    return units < KPOOL_LOOKASIDE_LISTS;
#endif
}
/// Takes a block that this processor keeps. @returns its header, in use, with the tag, counted; nullptr: it keeps none of this size
POOL_HEADER* ExpTakeKeptBlock(ULONG units, ULONG tag);
/// Keeps a block that is freed, and counts the free. @returns false if this processor keeps enough of this size
bool ExpKeepBlock(POOL_HEADER* header);
/// The counts of a tag that stand in the lists of all processors, not yet in the table of tags.
void ExpAddKeptCounts(ULONG tag, POOL_TRACKER_TABLE* row);

// special.cpp: allocations of the special pool.

extern const EX_SPECIAL_SOURCE* ExpSpecialSource; ///< written once at boot; nullptr: there is no special pool
/// @returns whether the special pool should give a block for such a request
bool ExpIsWantedSpecial(SIZE_T bytes, ULONG tag);
/// @returns whether the special pool gave this block. @irql any
inline bool ExpIsSpecialBlock(const volatile void* block) {
    return ExpSpecialSource && ExpSpecialSource->IsBlock(block);
}

// quota.cpp

/// Gives back what a process was charged for a block or for pages. @param process nullptr: none was
void ExpReturnQuota(PVOID process, POOL_TYPE type, SIZE_T bytes);

// allocate.cpp: everything but the short way.

/// As ExAllocatePoolWithTag.
PVOID NTAPI ExpAllocatePoolWithTag(POOL_TYPE type, SIZE_T bytes, ULONG tag);
/// As ExFreePoolWithTag.
void NTAPI ExpFreePoolWithTag(PVOID block, ULONG tag);
