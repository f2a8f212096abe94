// The whole way of an allocation and of a free: a block or whole pages, and what misuse is. The short way is in fastpath.cpp.
//
// The page source is called without the pool's lock: what it does may take long, and needs locks of its own.
// In the books: "system memory pools", "bugchecks: BAD_POOL_CALLER". POL-05, TRP-09
#include "ex/pool/expool.h"
#include "ex.h"
#include "ex/inject.h"
#include "ke/options.h"
#include "rtl/exception.h"

POOL_DESCRIPTOR PoolVector[2];
const EX_PAGE_SOURCE* ExpPageSource;

namespace {

// Documented first parameters of BAD_POOL_CALLER.
constexpr ULONG FREED_TWICE = 0x07;          ///< parameters: 0, the header's first word, block
constexpr ULONG ALLOCATED_AT_IRQL = 0x08;    ///< parameters: IRQL, pool type, bytes
constexpr ULONG FREED_AT_IRQL = 0x09;        ///< parameters: IRQL, pool type, block
constexpr ULONG FREED_WITH_TAG = 0x0A;       ///< parameters: block, its tag, the tag of the free
constexpr ULONG NEVER_IN_A_POOL = 0x42;      ///< parameter: block
constexpr ULONG NOT_ALLOCATED = 0x44;        ///< parameter: block
constexpr ULONG NOT_ALLOCATED_PAGED = 0x50;  ///< parameter: block
constexpr ULONG FREED_INVALID = 0x99;        ///< parameter: block
constexpr ULONG MUST_SUCCEED_IS_GONE = 0x9A; ///< parameters: pool type, bytes, tag
constexpr ULONG TAG_OF_ZERO = 0x9B;          ///< parameters: pool type, bytes, caller

[[noreturn]] void BadCaller(ULONG what, ULONG_PTR parameter2, ULONG_PTR parameter3 = 0, ULONG_PTR parameter4 = 0) {
    KeBugCheckEx(BAD_POOL_CALLER, what, parameter2, parameter3, parameter4);
}

KIRQL HighestIrql(POOL_TYPE type) { return type == PagedPool ? APC_LEVEL : DISPATCH_LEVEL; }

void CheckAllocation(POOL_TYPE type, SIZE_T bytes, ULONG tag) {
    if (tag == 0) BadCaller(TAG_OF_ZERO, ULONG(type), bytes, 0);
    if (type & POOL_MUST_SUCCEED) BadCaller(MUST_SUCCEED_IS_GONE, ULONG(type), bytes, tag);
    const KIRQL irql = KeGetCurrentIrql();
    if (irql > HighestIrql(ExBasePoolType(type))) BadCaller(ALLOCATED_AT_IRQL, ULONG(irql), ULONG(type), bytes);
}

void CheckFreeIrql(POOL_TYPE type, PVOID block) {
    const KIRQL irql = KeGetCurrentIrql();
    if (irql > HighestIrql(type)) BadCaller(FREED_AT_IRQL, ULONG(irql), ULONG(type), ExpAddressOf(block));
}

/// Pages of the page source; where it has none, again after this processor has given back what it keeps.
PVOID TakePages(POOL_TYPE type, ULONG pages) {
    if (PVOID const address = ExpPageSource->Allocate(type, pages)) return address;
    ExDrainPoolLookaside();
    return ExpPageSource->Allocate(type, pages);
}

PVOID AllocatePages(POOL_TYPE type, SIZE_T bytes, ULONG tag, PVOID process) {
    if (bytes > ~SIZE_T(0) - PAGE_SIZE) return nullptr;
    const ULONG pages = bytes ? ULONG((bytes + PAGE_SIZE - 1) / PAGE_SIZE) : 1;
    PVOID const address = TakePages(type, pages);
    if (!address) return nullptr;
    ExpInsertBigPages({address, tag, pages, process});
    (void)InterlockedExchangeAdd(&PoolVector[ULONG(type)].TotalBigPages, LONG(pages));
    ExpTrackAllocation(type, tag, SIZE_T(pages) * PAGE_SIZE);
    return address;
}

/// A block of so many units, with a tag, from the pool's lists or from a new page.
POOL_HEADER* AllocateFromPool(POOL_TYPE type, ULONG units, ULONG tag) {
    POOL_DESCRIPTOR& pool = PoolVector[ULONG(type)];
    {
        nt::PoolGuard guard(pool.Lock);
        if (POOL_HEADER* const header = ExpTakeBlock(pool, units)) {
            header->PoolTag = tag;
            return header;
        }
    }
    PVOID const page = TakePages(type, 1);
    if (!page) return nullptr;
    nt::PoolGuard guard(pool.Lock);
    POOL_HEADER* const header = ExpCutPage(pool, page, units); // ours before other processors see the rest
    header->PoolTag = tag;
    return header;
}

PVOID AllocateBlock(POOL_TYPE type, ULONG units, ULONG tag) {
    if (type == NonPagedPool && ExpMayBeKept(units)) {
        if (POOL_HEADER* const kept = ExpTakeKeptBlock(units, tag)) return ExpBodyOf(kept);
    }
    POOL_HEADER* const header = AllocateFromPool(type, units, tag);
    if (!header) return nullptr;
    ExpTrackAllocation(type, tag, units * POOL_SMALLEST_UNIT);
    return ExpBodyOf(header);
}

void FreePages(POOL_TYPE type, PVOID address, ULONG tag) {
    CheckFreeIrql(type, address);
    const POOL_TRACKER_BIG_PAGES row = ExpRemoveBigPages(address, tag);
    if (row.Va && tag != 0 && row.Key != tag) BadCaller(FREED_WITH_TAG, ExpAddressOf(address), row.Key, tag);
    if (row.Va) KeForgetSpinLockRanks(address, SIZE_T(row.NumberOfPages) * PAGE_SIZE);
    const ULONG pages = ExpPageSource->Free(address);
    if (pages == 0) BadCaller(type == PagedPool ? NOT_ALLOCATED_PAGED : NOT_ALLOCATED, ExpAddressOf(address));
    (void)InterlockedExchangeAdd(&PoolVector[ULONG(type)].TotalBigPages, -LONG(pages));
    if (!row.Va) return;
    ExpTrackFree(type, row.Key, SIZE_T(pages) * PAGE_SIZE);
    ExpReturnQuota(row.Process, type, SIZE_T(pages) * PAGE_SIZE);
}

PVOID AllocateSpecial(POOL_TYPE type, SIZE_T bytes, ULONG tag) {
    const POOL_SPECIAL wanted = {bytes ? bytes : 1, tag, type};
    PVOID const block = ExpSpecialSource->Allocate(&wanted);
    if (block) ExpTrackAllocation(type, tag, wanted.Bytes);
    return block;
}

void FreeSpecial(PVOID block, ULONG tag) {
    POOL_SPECIAL found;
    ExpSpecialSource->Query(block, &found);
    CheckFreeIrql(found.PoolType, block);
    if (tag != 0 && found.Tag != tag) BadCaller(FREED_WITH_TAG, ExpAddressOf(block), found.Tag, tag);
    KeForgetSpinLockRanks(block, found.Bytes);
    ExpTrackFree(found.PoolType, found.Tag, found.Bytes);
    ExpSpecialSource->Free(block);
}

/// The header of a block that the caller has, and that the caller may free with this tag.
POOL_HEADER* CheckedHeader(PVOID block, POOL_TYPE type, ULONG tag) {
    if (ExpAddressOf(block) % POOL_SMALLEST_UNIT != 0) BadCaller(FREED_INVALID, ExpAddressOf(block));
    POOL_HEADER* const header = ExpHeaderOf(block);
    if (header->PoolType == POOL_FREE_BLOCK || (header->PoolType & POOL_KEPT_MASK) != 0)
        BadCaller(FREED_TWICE, 0, ExpHeaderContents(header), ExpAddressOf(block));
    if ((header->PoolType & POOL_TYPE_MASK) != 1 + ULONG(type)) BadCaller(FREED_INVALID, ExpAddressOf(block));
    if (tag != 0 && header->PoolTag != tag) BadCaller(FREED_WITH_TAG, ExpAddressOf(block), header->PoolTag, tag);
    return header;
}

void FreeBlock(POOL_TYPE type, PVOID block, ULONG tag) {
    CheckFreeIrql(type, block);
    POOL_HEADER* const header = CheckedHeader(block, type, tag);
    const SIZE_T bytes = header->BlockSize * POOL_SMALLEST_UNIT;
    KeForgetSpinLockRanks(block, bytes - sizeof(POOL_HEADER));
    if ((header->PoolType & POOL_QUOTA_MASK) != 0) {
        ExpReturnQuota(*ExpProcessOf(header), type, bytes);
        header->PoolType = header->PoolType & ~POOL_QUOTA_MASK;
    }
    if (type == NonPagedPool && ExpMayBeKept(header->BlockSize) && ExpKeepBlock(header)) return;
    POOL_DESCRIPTOR& pool = PoolVector[ULONG(type)];
    ExpTrackFree(type, header->PoolTag, bytes);
    PVOID page;
    {
        nt::PoolGuard guard(pool.Lock);
        (void)CheckedHeader(block, type, tag); // another processor may have freed it
        ExpVerifyBlock(header);
        page = ExpPutBlock(pool, header);
    }
    if (page) (void)ExpPageSource->Free(page);
}

PVOID Allocate(POOL_TYPE type, SIZE_T bytes, ULONG tag) {
    CheckAllocation(type, bytes, tag);
    const POOL_TYPE base = ExBasePoolType(type);
    if (bytes > POOL_BUDDY_MAX || (type & POOL_CACHE_ALIGNED)) return AllocatePages(base, bytes, tag, nullptr);
    if (ExpIsWantedSpecial(bytes, tag)) {
        if (PVOID const block = AllocateSpecial(base, bytes, tag))
            return block; // without memory for it, a block as others
    }
    return AllocateBlock(base, ExpUnitsFor(bytes), tag);
}

} // namespace

BOOLEAN NTAPI ExInitSystem(const EX_PAGE_SOURCE* PageSource) {
    ExpPageSource = PageSource;
    ExpInitializePoolDescriptor(PoolVector[ULONG(NonPagedPool)], NonPagedPool);
    ExpInitializePoolDescriptor(PoolVector[ULONG(PagedPool)], PagedPool);
    ExpInitializeBigPages();
    ExpInjection.FailAfter = LONG(KeLoaderOptions.PoolFailure);
    ExInitializeProcessorPool(KeGetCurrentPrcb());
    KeInitializeSpinLock(&ExpResourceSpinLock, KLOCK_RANK::Object);
    return PageSource->Allocate && PageSource->Free;
}

PVOID NTAPI ExpAllocatePoolWithTag(POOL_TYPE type, SIZE_T bytes, ULONG tag) {
    PVOID const block = ExInjectFailure(EX_ALLOCATION::Pool) ? nullptr : Allocate(type, bytes, tag);
    if (!block && (type & POOL_RAISE_IF_ALLOCATION_FAILURE)) ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    return block;
}

void NTAPI ExpFreePoolWithTag(PVOID block, ULONG tag) {
    if (ExpIsSpecialBlock(block)) return FreeSpecial(block, tag);
    POOL_TYPE type;
    if (!ExpPageSource->TypeOf(block, &type)) BadCaller(NEVER_IN_A_POOL, ExpAddressOf(block));
    if (ExpIsPageAligned(block))
        FreePages(type, block, tag);
    else
        FreeBlock(type, block, tag);
}

SIZE_T NTAPI ExQueryPoolBlockSize(PVOID PoolBlock, BOOLEAN* QuotaCharged) {
    if (ExpIsSpecialBlock(PoolBlock)) {
        POOL_SPECIAL found;
        ExpSpecialSource->Query(PoolBlock, &found);
        *QuotaCharged = FALSE;
        return found.Bytes;
    }
    if (ExpIsPageAligned(PoolBlock)) {
        const POOL_TRACKER_BIG_PAGES row = ExpFindBigPages(PoolBlock);
        *QuotaCharged = row.Va && row.Process;
        return row.Va ? SIZE_T(row.NumberOfPages) * PAGE_SIZE : PAGE_SIZE; // an unnoted one has a page at least
    }
    const POOL_HEADER* const header = ExpHeaderOf(PoolBlock);
    *QuotaCharged = (header->PoolType & POOL_QUOTA_MASK) != 0;
    const SIZE_T bytes = header->BlockSize * POOL_SMALLEST_UNIT - sizeof(POOL_HEADER);
    return *QuotaCharged ? bytes - sizeof(PVOID) : bytes;
}

void NTAPI ExQueryPoolUsage(POOL_TYPE PoolType, POOL_USAGE* Usage) {
    const POOL_DESCRIPTOR& pool = PoolVector[ULONG(PoolType)];
    *Usage = {pool.TotalPages, ULONG(pool.TotalBigPages), ULONG(pool.TotalBytes)};
}

BOOLEAN NTAPI ExCheckPools() {
    for (POOL_DESCRIPTOR& pool : PoolVector) {
        nt::PoolGuard guard(pool.Lock);
        if (!ExpCheckPoolLists(pool)) return FALSE;
    }
    return TRUE;
}
