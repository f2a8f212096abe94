// ExAllocatePoolWithTag and ExFreePoolWithTag: blocks and whole pages, tags, and what misuse does.
//
// The fake machine has a pool of its own, so this one is compiled here under other names.
// POL-05
#define ExInitSystem PoolInitialize
#define ExAllocatePoolWithTag PoolAllocate
#define ExFreePoolWithTag PoolFree
#define ExQueryPoolBlockSize PoolBlockSize
#include "allocate.cpp"
#include "bigpages.cpp"
#undef ExInitSystem
#undef ExAllocatePoolWithTag
#undef ExFreePoolWithTag
#undef ExQueryPoolBlockSize

#include "ke.h"
#include "machine.h"

#include <cstdlib>
#include <map>

namespace {

constexpr ULONG Tag = 0x74736554;

/// Pages by address: which pool's, and how many.
std::map<UCHAR*, std::pair<POOL_TYPE, ULONG>> Pages;
ULONG PagesGiven;
ULONG PagesFreed;
bool OutOfPages;
std::function<void()> AfterAPage; ///< what comes as soon as the pool's lock is free again

PVOID NTAPI GivePages(POOL_TYPE type, ULONG pages) {
    if (OutOfPages || pages > 10'000) return nullptr;
    PagesGiven += pages;
    if (AfterAPage) {
        static KDPC dpc;
        KeInitializeDpc(
            &dpc, [](KDPC*, PVOID, PVOID, PVOID) { std::exchange(AfterAPage, nullptr)(); }, nullptr);
        KeGetPcr()->Irql = DISPATCH_LEVEL;
        (void)KeInsertQueueDpc(&dpc, nullptr, nullptr);
        KeGetPcr()->Irql = PASSIVE_LEVEL; // past the IRQL contract: the DPC comes when the IRQL falls next
    }
    auto* const address = static_cast<UCHAR*>(std::aligned_alloc(PAGE_SIZE, pages * PAGE_SIZE));
    Pages[address] = {type, pages};
    return address;
}
ULONG NTAPI FreePages(PVOID address) {
    const auto found = Pages.find(static_cast<UCHAR*>(address));
    if (found == Pages.end()) return 0;
    const ULONG pages = found->second.second;
    PagesFreed += pages;
    Pages.erase(found);
    std::free(address);
    return pages;
}
BOOLEAN NTAPI TypeOf(const volatile void* address, POOL_TYPE* type) {
    auto found = Pages.upper_bound(static_cast<UCHAR*>(const_cast<void*>(address)));
    if (found == Pages.begin()) return FALSE;
    --found;
    *type = found->second.first;
    return static_cast<const volatile UCHAR*>(address) < found->first + found->second.second * PAGE_SIZE;
}
ULONG NTAPI Available(POOL_TYPE) { return OutOfPages ? 0 : 1000; }

class PoolTest : public host::KernelTest {
protected:
    PoolTest() {
        static constexpr EX_PAGE_SOURCE source = {GivePages, FreePages, TypeOf, Available};
        PagesGiven = PagesFreed = 0;
        AfterAPage = nullptr;
        OutOfPages = false;
        memset(PoolTrackTable, 0, sizeof PoolTrackTable);
        EXPECT_TRUE(PoolInitialize(&source));
    }
    ~PoolTest() override {
        for (const auto& [address, page] : std::exchange(Pages, {}))
            std::free(address);
    }
    /// A machine that stops with BAD_POOL_CALLER, and this first parameter.
    void RunUntilBadCaller(ULONG what, std::function<void()> body) {
        RunUntilBugCheck(BAD_POOL_CALLER, std::move(body));
        EXPECT_EQ(machine->Stopped().Parameter[0], what);
    }
};

/// The row of the test's tag.
const POOL_TRACKER_TABLE& Tracked() {
    for (const POOL_TRACKER_TABLE& row : PoolTrackTable) {
        if (row.Key == LONG(Tag)) return row;
    }
    return PoolTrackTable[POOL_TRACK_ROWS - 1];
}

} // namespace

TEST_F(PoolTest, AllocationThatAddedAPageHasABlockOfIt) {
    Run([&] {
        constexpr ULONG PerPage = PAGE_SIZE / 112;
        std::vector<PVOID> taken;
        AfterAPage = [&] {
            AfterAPage = nullptr;
            for (ULONG i = 0; i < PerPage; i++)
                taken.push_back(PoolAllocate(NonPagedPool, 100, Tag));
        };
        PVOID const block = PoolAllocate(NonPagedPool, 100, Tag);
        EXPECT_NE(block, nullptr);
        EXPECT_EQ(taken.size(), PerPage);
        for (PVOID other : taken)
            EXPECT_NE(other, block);
        EXPECT_EQ(PagesGiven, 2u) << "one for this caller, one for the others";
    });
}

TEST_F(PoolTest, NoBytesAreABlockTooAndBlocksDiffer) {
    Run([&] {
        PVOID const first = PoolAllocate(NonPagedPool, 0, Tag);
        PVOID const second = PoolAllocate(NonPagedPool, 0, Tag);
        EXPECT_NE(first, nullptr);
        EXPECT_NE(second, nullptr);
        EXPECT_NE(first, second);
        PoolFree(first, Tag);
        PoolFree(second, Tag);
    });
}

TEST_F(PoolTest, LargeBlocksArePagesThatComeBack) {
    Run([&] {
        PVOID const block = PoolAllocate(NonPagedPool, 3 * PAGE_SIZE - 1, Tag);
        EXPECT_EQ(reinterpret_cast<ULONG_PTR>(block) % PAGE_SIZE, 0u);
        EXPECT_EQ(PagesGiven, 3u);
        PoolFree(block, Tag);
        EXPECT_EQ(PagesFreed, 3u);
        EXPECT_EQ(PoolVector[0].TotalBigPages, 0);
    });
}

TEST_F(PoolTest, ABlockKnowsItsBytes) {
    Run([&] {
        for (const SIZE_T bytes : {0, 1, 8, 9, 100, 2000, 4079, 4080, 4081, 4096, 5000}) {
            PVOID const block = PoolAllocate(PagedPool, bytes, Tag);
            BOOLEAN charged = TRUE;
            const SIZE_T size = PoolBlockSize(block, &charged);
            EXPECT_GE(size, bytes);
            EXPECT_LE(size, bytes <= POOL_BUDDY_MAX ? bytes + 16 : bytes + PAGE_SIZE);
            EXPECT_EQ(ExpIsPageAligned(block), bytes > POOL_BUDDY_MAX);
            EXPECT_FALSE(charged);
            memset(block, 0xCC, size); // all of it is the caller's
            PoolFree(block, Tag);
        }
    });
}

TEST_F(PoolTest, CacheAlignedBlocksAreOfEverySize) {
    Run([&] {
        for (const SIZE_T bytes : {0, 1, 100, 5000}) {
            PVOID const block = PoolAllocate(NonPagedPoolCacheAligned, bytes, Tag);
            EXPECT_EQ(reinterpret_cast<ULONG_PTR>(block) % 64, 0u);
            PoolFree(block, Tag);
        }
    });
}

TEST_F(PoolTest, TheTypeSaysWhatALackOfMemoryIs) {
    ULONG raised = 0;
    RunUntilBadCaller(0x9A, [&] {
        OutOfPages = true;
        EXPECT_EQ(PoolAllocate(NonPagedPool, 5000, Tag), nullptr);
        EXPECT_EQ(PoolAllocate(NonPagedPool, 50, Tag), nullptr);
        try {
            (void)PoolAllocate(PagedPool | POOL_RAISE_IF_ALLOCATION_FAILURE, 5000, Tag);
        } catch (const host::RaisedStatus& status) {
            raised = ULONG(status.Status);
        }
        (void)PoolAllocate(NonPagedPoolMustSucceed, 5000, Tag);
    });
    EXPECT_EQ(raised, ULONG(STATUS_INSUFFICIENT_RESOURCES));
    EXPECT_EQ(machine->Stopped().Parameter[2], 5000u);
}

TEST_F(PoolTest, SizesThatOverflowAreNoMemory) {
    Run([&] {
        for (const SIZE_T bytes : {~SIZE_T(0), ~SIZE_T(0) - 7, ~SIZE_T(0) - PAGE_SIZE, SIZE_T(0x80000000)})
            EXPECT_EQ(PoolAllocate(NonPagedPool, bytes, Tag), nullptr);
    });
}

TEST_F(PoolTest, TagsCountBlocksAndBytesOfBothPools) {
    Run([&] {
        PVOID const block = PoolAllocate(NonPagedPool, 100, Tag);
        PVOID const pages = PoolAllocate(NonPagedPool, 2 * PAGE_SIZE, Tag);
        PVOID const paged = PoolAllocate(PagedPool, 56, Tag);
        EXPECT_EQ(Tracked().NonPagedAllocs, 2);
        EXPECT_EQ(Tracked().NonPagedBytes, LONG(112 + 2 * PAGE_SIZE));
        EXPECT_EQ(Tracked().PagedBytes, 64);
        PoolFree(block, Tag);
        PoolFree(pages, 0);
        PoolFree(paged, Tag);
        EXPECT_TRUE(Tracked().NonPagedFrees == 2 && Tracked().PagedFrees == 1);
        EXPECT_TRUE(Tracked().NonPagedBytes == 0 && Tracked().PagedBytes == 0);
    });
}

TEST_F(PoolTest, MoreTagsThanRowsShareTheLastOne) {
    Run([&] {
        for (ULONG tag = 1; tag <= POOL_TRACK_ROWS + 10; tag++)
            ExpTrackPool(NonPagedPool, tag, 8, false);
        EXPECT_EQ(PoolTrackTable[POOL_TRACK_ROWS - 1].Key, LONG(EX_TAG("Ovfl")));
        EXPECT_EQ(PoolTrackTable[POOL_TRACK_ROWS - 1].NonPagedAllocs, 11);
    });
}

TEST_F(PoolTest, TheTableOfLargeBlocksGrows) {
    Run([&] {
        std::vector<PVOID> blocks;
        for (ULONG i = 0; i < 1000; i++)
            blocks.push_back(PoolAllocate(NonPagedPool, (1 + i % 3) * PAGE_SIZE, Tag));
        for (ULONG i = 0; i < 1000; i++) {
            BOOLEAN charged;
            EXPECT_EQ(PoolBlockSize(blocks[i], &charged), (1 + i % 3) * PAGE_SIZE);
        }
        for (ULONG i = 0; i < 1000; i += 2)
            PoolFree(blocks[i], Tag);
        for (ULONG i = 1; i < 1000; i += 2) {
            BOOLEAN charged;
            EXPECT_EQ(PoolBlockSize(blocks[i], &charged), (1 + i % 3) * PAGE_SIZE);
            PoolFree(blocks[i], Tag);
        }
        EXPECT_EQ(Tracked().NonPagedBytes, 0);
        EXPECT_EQ(PoolVector[0].TotalBigPages, 0);
    });
}

TEST_F(PoolTest, LastBlockGivesThePageBack) {
    Run([&] {
        PVOID const first = PoolAllocate(NonPagedPool, 100, Tag);
        PVOID const second = PoolAllocate(NonPagedPool, 200, Tag);
        PoolFree(first, Tag);
        EXPECT_EQ(PagesFreed, 0u);
        PoolFree(second, Tag);
        EXPECT_EQ(PagesFreed, 1u);
        EXPECT_TRUE(PoolVector[0].TotalPages == 0 && PoolVector[0].TotalBytes == 0);
    });
}

TEST_F(PoolTest, ThePoolsHavePagesOfTheirOwn) {
    Run([&] {
        PVOID const nonPaged = PoolAllocate(NonPagedPool, 64, Tag);
        PVOID const paged = PoolAllocate(PagedPool, 64, Tag);
        POOL_TYPE type;
        EXPECT_TRUE(TypeOf(nonPaged, &type) && type == NonPagedPool);
        EXPECT_TRUE(TypeOf(paged, &type) && type == PagedPool);
        PoolFree(nonPaged, Tag);
        PoolFree(paged, Tag);
    });
}

// POL-05, TRP-09: the documented parameters of misuse
TEST_F(PoolTest, FreeingABlockTwice) {
    RunUntilBadCaller(7, [] {
        PVOID const other = PoolAllocate(NonPagedPool, 40, Tag);
        PVOID const block = PoolAllocate(NonPagedPool, 40, Tag);
        EXPECT_NE(other, block);
        PoolFree(block, Tag);
        PoolFree(block, Tag);
    });
}
TEST_F(PoolTest, FreeingPagesTwice) {
    RunUntilBadCaller(0x42, [] { // the test's pages are gone
        PVOID const block = PoolAllocate(PagedPool, 5000, Tag);
        PoolFree(block, Tag);
        PoolFree(block, Tag);
    });
}
TEST_F(PoolTest, FreeingWithAnotherTag) {
    RunUntilBadCaller(0x0A, [] { PoolFree(PoolAllocate(NonPagedPool, 40, Tag), Tag + 1); });
    EXPECT_EQ(machine->Stopped().Parameter[2], Tag);
    EXPECT_EQ(machine->Stopped().Parameter[3], Tag + 1);
}
TEST_F(PoolTest, FreeingPagesWithAnotherTag) {
    RunUntilBadCaller(0x0A, [] { PoolFree(PoolAllocate(NonPagedPool, 4096, Tag), Tag + 1); });
}
TEST_F(PoolTest, FreeingTheMiddleOfPages) {
    RunUntilBadCaller(
        0x44, [] { PoolFree(static_cast<UCHAR*>(PoolAllocate(NonPagedPool, 2 * PAGE_SIZE, Tag)) + PAGE_SIZE, Tag); });
}
TEST_F(PoolTest, FreeingWhatIsNoBlock) {
    RunUntilBadCaller(0x99, [] { PoolFree(static_cast<UCHAR*>(PoolAllocate(NonPagedPool, 40, Tag)) + 4, Tag); });
}
TEST_F(PoolTest, FreeingWhatWasNeverInAPool) {
    static UCHAR elsewhere[64];
    RunUntilBadCaller(0x42, [] { PoolFree(elsewhere + 8, Tag); });
}
TEST_F(PoolTest, ATagOfZero) {
    RunUntilBadCaller(0x9B, [] { (void)PoolAllocate(NonPagedPool, 40, 0); });
}
TEST_F(PoolTest, PagedPoolAtDispatchLevel) {
    RunUntilBadCaller(8, [] {
        KIRQL old = KfRaiseIrql(DISPATCH_LEVEL);
        (void)PoolAllocate(PagedPool, 40, Tag);
        KfLowerIrql(old);
    });
}
TEST_F(PoolTest, FreeingPagedPoolAtDispatchLevel) {
    RunUntilBadCaller(9, [] {
        PVOID const block = PoolAllocate(PagedPool, 40, Tag);
        KIRQL old = KfRaiseIrql(DISPATCH_LEVEL);
        PoolFree(block, Tag);
        KfLowerIrql(old);
    });
}

// POL-04, TRP-09: an overrun is found when the block is freed
TEST_F(PoolTest, AnOverrunIsACorruptHeader) {
    RunUntilBugCheck(BAD_POOL_HEADER, [] {
        PVOID const block = PoolAllocate(NonPagedPool, 40, Tag); // a page's first: a header is behind it
        memset(block, 0xCC, 40 + sizeof(POOL_HEADER));
        PoolFree(block, Tag);
    });
    EXPECT_EQ(machine->Stopped().Parameter[0], 0x20u);
}
