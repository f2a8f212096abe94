// The tagged pool: small blocks from free lists by size, large ones as whole pages.
//
// A block smaller than a page has a header of 8 bytes in front: size class, state, tag. Blocks of one class are cut
// from a page; a freed block goes back to its class and stays there. A block of a page or more is page-aligned and is
// recorded in a table instead. The pools of the memory lab (coalescing, paged pool) take the place of this file.
// Lock: PoolLock guards free lists and table. POL-05
#include "ex.h"
#include "ke/bugcheck.h"
#include "ke/spinlock.h"
#include "rtl/exception.h"
#include "nt/list.h"

namespace {

enum class BLOCK_STATE : USHORT { Free = 0x4652, Used = 0x5553 };

struct POOL_HEADER {
    USHORT SizeClass;
    BLOCK_STATE State;
    ULONG Tag;
};
static_assert(sizeof(POOL_HEADER) == 8);

struct LARGE_BLOCK {
    PVOID Address; ///< nullptr: entry is free
    ULONG Pages;
    ULONG Tag;
};

constexpr ULONG SmallestShift = 4; // 16 bytes, header included
constexpr ULONG ClassCount = 8;    // 16 .. 2048
constexpr ULONG LargeBlocks = 512;

const EX_PAGE_SOURCE* PageSource; // written once at boot
constinit KSPIN_LOCK PoolLock = {};
SINGLE_LIST_ENTRY FreeLists[ClassCount] GUARDED_BY(PoolLock);
LARGE_BLOCK LargeTable[LargeBlocks] GUARDED_BY(PoolLock);

constexpr ULONG ClassSize(ULONG sizeClass) { return 1u << (SmallestShift + sizeClass); }

POOL_HEADER* HeaderOf(SINGLE_LIST_ENTRY* body) { return reinterpret_cast<POOL_HEADER*>(body) - 1; }
SINGLE_LIST_ENTRY* BodyOf(POOL_HEADER* header) { return reinterpret_cast<SINGLE_LIST_ENTRY*>(header + 1); }

/// Cuts a new page into free blocks of a class.
void AddPage(UCHAR* page, ULONG sizeClass) REQUIRES_(PoolLock) {
    for (ULONG offset = 0; offset < PAGE_SIZE; offset += ClassSize(sizeClass)) {
        auto* const header = reinterpret_cast<POOL_HEADER*>(page + offset);
        header->SizeClass = USHORT(sizeClass);
        header->State = BLOCK_STATE::Free;
        PushEntryList(&FreeLists[sizeClass], BodyOf(header));
    }
}

PVOID TakeBlock(ULONG sizeClass, ULONG tag) REQUIRES_(PoolLock) {
    SINGLE_LIST_ENTRY* const body = PopEntryList(&FreeLists[sizeClass]);
    if (!body) return nullptr;
    POOL_HEADER* const header = HeaderOf(body);
    if (header->State != BLOCK_STATE::Free || header->SizeClass != sizeClass) {
        KeBugCheckEx(BAD_POOL_HEADER, 1, reinterpret_cast<ULONG_PTR>(body), header->Tag, 0);
    }
    header->State = BLOCK_STATE::Used;
    header->Tag = tag;
    return body;
}

PVOID AllocateLarge(SIZE_T bytes, ULONG tag) {
    const ULONG pages = bytes ? ULONG((bytes + PAGE_SIZE - 1) / PAGE_SIZE) : 1;
    PVOID const address = PageSource->Allocate(pages);
    if (!address) return nullptr;
    {
        nt::SpinLockGuard guard(PoolLock);
        for (LARGE_BLOCK& block : LargeTable) {
            if (block.Address) continue;
            block = {address, pages, tag};
            return address;
        }
    }
    PageSource->Free(address, pages);
    return nullptr;
}

void FreeLarge(PVOID address, ULONG tag) {
    ULONG pages = 0;
    {
        nt::SpinLockGuard guard(PoolLock);
        for (LARGE_BLOCK& block : LargeTable) {
            if (block.Address != address) continue;
            if (tag != 0 && block.Tag != tag) break;
            pages = block.Pages;
            block.Address = nullptr;
            break;
        }
    }
    if (pages == 0) KeBugCheckEx(BAD_POOL_CALLER, 7, reinterpret_cast<ULONG_PTR>(address), tag, 0);
    KeForgetSpinLockRanks(address, SIZE_T(pages) * PAGE_SIZE);
    PageSource->Free(address, pages);
}

PVOID Allocate(POOL_TYPE type, SIZE_T bytes, ULONG tag) {
    if (bytes >= PAGE_SIZE / 2 - sizeof(POOL_HEADER) || (type & POOL_CACHE_ALIGNED)) return AllocateLarge(bytes, tag);
    ULONG sizeClass = 0;
    while (ClassSize(sizeClass) < bytes + sizeof(POOL_HEADER))
        sizeClass++;
    {
        nt::SpinLockGuard guard(PoolLock);
        if (PVOID const block = TakeBlock(sizeClass, tag)) return block;
    }
    auto* const page = static_cast<UCHAR*>(PageSource->Allocate(1));
    if (!page) return nullptr;
    nt::SpinLockGuard guard(PoolLock);
    AddPage(page, sizeClass);
    return TakeBlock(sizeClass, tag); // before another processor can take the page's blocks
}

/// The bytes of a block that begins a page; 0: there is none at this address.
SIZE_T SizeOfLarge(PVOID address) {
    nt::SpinLockGuard guard(PoolLock);
    for (const LARGE_BLOCK& block : LargeTable) {
        if (block.Address == address) return SIZE_T(block.Pages) * PAGE_SIZE;
    }
    return 0;
}

} // namespace

BOOLEAN NTAPI ExInitSystem(const EX_PAGE_SOURCE* NewPageSource) {
    KeInitializeSpinLock(&PoolLock, KLOCK_RANK::Pool);
    KeInitializeSpinLock(&ExpResourceSpinLock, KLOCK_RANK::Object);
    PageSource = NewPageSource;
    return PageSource->Allocate && PageSource->Free;
}

PVOID NTAPI ExAllocatePoolWithTag(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag) {
    PVOID const block = Allocate(PoolType, NumberOfBytes, Tag);
    if (block) return block;
    if (PoolType & POOL_MUST_SUCCEED) KeBugCheckEx(MUST_SUCCEED_POOL_EMPTY, NumberOfBytes, 0, 0, 0);
    if (PoolType & POOL_RAISE_IF_ALLOCATION_FAILURE) ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    return nullptr;
}

SIZE_T NTAPI ExQueryPoolBlockSize(PVOID PoolBlock, BOOLEAN* QuotaCharged) {
    *QuotaCharged = FALSE;
    if ((reinterpret_cast<ULONG_PTR>(PoolBlock) & (PAGE_SIZE - 1)) == 0) return SizeOfLarge(PoolBlock);
    return ClassSize(HeaderOf(static_cast<SINGLE_LIST_ENTRY*>(PoolBlock))->SizeClass) - sizeof(POOL_HEADER);
}

void NTAPI ExFreePoolWithTag(PVOID P, ULONG Tag) {
    if ((reinterpret_cast<ULONG_PTR>(P) & (PAGE_SIZE - 1)) == 0) return FreeLarge(P, Tag);
    auto* const body = static_cast<SINGLE_LIST_ENTRY*>(P);
    POOL_HEADER* const header = HeaderOf(body);
    nt::SpinLockGuard guard(PoolLock);
    if (header->State != BLOCK_STATE::Used) KeBugCheckEx(BAD_POOL_CALLER, 6, reinterpret_cast<ULONG_PTR>(P), Tag, 0);
    if (Tag != 0 && header->Tag != Tag)
        KeBugCheckEx(BAD_POOL_CALLER, 10, reinterpret_cast<ULONG_PTR>(P), header->Tag, Tag);
    if (header->SizeClass >= ClassCount) KeBugCheckEx(BAD_POOL_HEADER, 2, reinterpret_cast<ULONG_PTR>(P), Tag, 0);
    header->State = BLOCK_STATE::Free;
    KeForgetSpinLockRanks(P, ClassSize(header->SizeClass) - sizeof(POOL_HEADER));
    PushEntryList(&FreeLists[header->SizeClass], body);
}
