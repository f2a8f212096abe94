// The whole way of an allocation: blocks and whole pages, tags, and what misuse does.
// POL-05
#include "hostpool.h"

using namespace hostpool;

TEST_F(PoolTest, AllocationThatAddedAPageHasABlockOfIt) {
    Run([&] {
        constexpr ULONG PerPage = PAGE_SIZE / 112;
        std::vector<PVOID> taken;
        AfterAPage = [&] {
            AfterAPage = nullptr;
            for (ULONG i = 0; i < PerPage; i++)
                taken.push_back(ExpAllocatePoolWithTag(NonPagedPool, 100, Tag));
        };
        PVOID const block = ExpAllocatePoolWithTag(NonPagedPool, 100, Tag);
        EXPECT_NE(block, nullptr);
        EXPECT_EQ(taken.size(), PerPage);
        for (PVOID other : taken)
            EXPECT_NE(other, block);
        EXPECT_EQ(PagesGiven, 2u) << "one for this caller, one for the others";
    });
}

TEST_F(PoolTest, NoBytesAreABlockTooAndBlocksDiffer) {
    Run([&] {
        PVOID const first = ExpAllocatePoolWithTag(NonPagedPool, 0, Tag);
        PVOID const second = ExpAllocatePoolWithTag(NonPagedPool, 0, Tag);
        EXPECT_NE(first, nullptr);
        EXPECT_NE(second, nullptr);
        EXPECT_NE(first, second);
        ExpFreePoolWithTag(first, Tag);
        ExpFreePoolWithTag(second, Tag);
    });
}

TEST_F(PoolTest, LargeBlocksArePagesThatComeBack) {
    Run([&] {
        PVOID const block = ExpAllocatePoolWithTag(NonPagedPool, 3 * PAGE_SIZE - 1, Tag);
        EXPECT_EQ(reinterpret_cast<ULONG_PTR>(block) % PAGE_SIZE, 0u);
        EXPECT_EQ(PagesGiven, 3u);
        ExpFreePoolWithTag(block, Tag);
        EXPECT_EQ(PagesFreed, 3u);
        EXPECT_EQ(PoolVector[0].TotalBigPages, 0);
    });
}

TEST_F(PoolTest, ABlockKnowsItsBytes) {
    Run([&] {
        for (const SIZE_T bytes : {0, 1, 8, 9, 100, 2000, 4079, 4080, 4081, 4096, 5000}) {
            PVOID const block = ExpAllocatePoolWithTag(PagedPool, bytes, Tag);
            BOOLEAN charged = TRUE;
            const SIZE_T size = ExQueryPoolBlockSize(block, &charged);
            EXPECT_GE(size, bytes);
            EXPECT_LE(size, bytes <= POOL_BUDDY_MAX ? bytes + 16 : bytes + PAGE_SIZE);
            EXPECT_EQ(ExpIsPageAligned(block), bytes > POOL_BUDDY_MAX);
            EXPECT_FALSE(charged);
            memset(block, 0xCC, size); // all of it is the caller's
            ExpFreePoolWithTag(block, Tag);
        }
    });
}

TEST_F(PoolTest, CacheAlignedBlocksAreOfEverySize) {
    Run([&] {
        for (const SIZE_T bytes : {0, 1, 100, 5000}) {
            PVOID const block = ExpAllocatePoolWithTag(NonPagedPoolCacheAligned, bytes, Tag);
            EXPECT_EQ(reinterpret_cast<ULONG_PTR>(block) % 64, 0u);
            ExpFreePoolWithTag(block, Tag);
        }
    });
}

TEST_F(PoolTest, TheTypeSaysWhatALackOfMemoryIs) {
    ULONG raised = 0;
    RunUntilBadCaller(0x9A, [&] {
        OutOfPages = true;
        EXPECT_EQ(ExpAllocatePoolWithTag(NonPagedPool, 5000, Tag), nullptr);
        EXPECT_EQ(ExpAllocatePoolWithTag(NonPagedPool, 50, Tag), nullptr);
        try {
            (void)ExpAllocatePoolWithTag(PagedPool | POOL_RAISE_IF_ALLOCATION_FAILURE, 5000, Tag);
        } catch (const host::RaisedStatus& status) {
            raised = ULONG(status.Status);
        }
        (void)ExpAllocatePoolWithTag(NonPagedPoolMustSucceed, 5000, Tag);
    });
    EXPECT_EQ(raised, ULONG(STATUS_INSUFFICIENT_RESOURCES));
    EXPECT_EQ(machine->Stopped().Parameter[2], 5000u);
}

TEST_F(PoolTest, SizesThatOverflowAreNoMemory) {
    Run([&] {
        for (const SIZE_T bytes : {~SIZE_T(0), ~SIZE_T(0) - 7, ~SIZE_T(0) - PAGE_SIZE, SIZE_T(0x80000000)})
            EXPECT_EQ(ExpAllocatePoolWithTag(NonPagedPool, bytes, Tag), nullptr);
    });
}

TEST_F(PoolTest, TagsCountBlocksAndBytesOfBothPools) {
    Run([&] {
        PVOID const block = ExpAllocatePoolWithTag(NonPagedPool, 100, Tag);
        PVOID const pages = ExpAllocatePoolWithTag(NonPagedPool, 2 * PAGE_SIZE, Tag);
        PVOID const paged = ExpAllocatePoolWithTag(PagedPool, 56, Tag);
        EXPECT_EQ(Tracked().NonPagedAllocs, 2);
        EXPECT_EQ(Tracked().NonPagedBytes, LONG(112 + 2 * PAGE_SIZE));
        EXPECT_EQ(Tracked().PagedBytes, 64);
        ExpFreePoolWithTag(block, Tag);
        ExpFreePoolWithTag(pages, 0);
        ExpFreePoolWithTag(paged, Tag);
        EXPECT_TRUE(Tracked().NonPagedFrees == 2 && Tracked().PagedFrees == 1);
        EXPECT_TRUE(Tracked().NonPagedBytes == 0 && Tracked().PagedBytes == 0);
    });
}

TEST_F(PoolTest, MoreTagsThanRowsShareTheLastOne) {
    Run([&] {
        for (ULONG tag = 1; tag <= POOL_TRACK_ROWS + 10; tag++)
            ExpTrackAllocation(NonPagedPool, tag, 8);
        EXPECT_EQ(PoolTrackTable[POOL_TRACK_ROWS - 1].Key, LONG(EX_TAG("Ovfl")));
        EXPECT_EQ(PoolTrackTable[POOL_TRACK_ROWS - 1].NonPagedAllocs, 11);
    });
}

TEST_F(PoolTest, TheTableOfLargeBlocksGrows) {
    Run([&] {
        std::vector<PVOID> blocks;
        for (ULONG i = 0; i < 1000; i++)
            blocks.push_back(ExpAllocatePoolWithTag(NonPagedPool, (1 + i % 3) * PAGE_SIZE, Tag));
        for (ULONG i = 0; i < 1000; i++) {
            BOOLEAN charged;
            EXPECT_EQ(ExQueryPoolBlockSize(blocks[i], &charged), (1 + i % 3) * PAGE_SIZE);
        }
        for (ULONG i = 0; i < 1000; i += 2)
            ExpFreePoolWithTag(blocks[i], Tag);
        for (ULONG i = 1; i < 1000; i += 2) {
            BOOLEAN charged;
            EXPECT_EQ(ExQueryPoolBlockSize(blocks[i], &charged), (1 + i % 3) * PAGE_SIZE);
            ExpFreePoolWithTag(blocks[i], Tag);
        }
        EXPECT_EQ(Tracked().NonPagedBytes, 0);
        EXPECT_EQ(PoolVector[0].TotalBigPages, 0);
    });
}

TEST_F(PoolTest, LastBlockGivesThePageBack) {
    Run([&] {
        PVOID const first = ExpAllocatePoolWithTag(NonPagedPool, 100, Tag);
        PVOID const second = ExpAllocatePoolWithTag(NonPagedPool, 200, Tag);
        ExpFreePoolWithTag(first, Tag);
        EXPECT_EQ(PagesFreed, 0u);
        ExpFreePoolWithTag(second, Tag);
        EXPECT_EQ(PagesFreed, 1u);
        EXPECT_TRUE(PoolVector[0].TotalPages == 0 && PoolVector[0].TotalBytes == 0);
    });
}

TEST_F(PoolTest, ThePoolsHavePagesOfTheirOwn) {
    Run([&] {
        PVOID const nonPaged = ExpAllocatePoolWithTag(NonPagedPool, 64, Tag);
        PVOID const paged = ExpAllocatePoolWithTag(PagedPool, 64, Tag);
        POOL_TYPE type;
        EXPECT_TRUE(TypeOf(nonPaged, &type) && type == NonPagedPool);
        EXPECT_TRUE(TypeOf(paged, &type) && type == PagedPool);
        ExpFreePoolWithTag(nonPaged, Tag);
        ExpFreePoolWithTag(paged, Tag);
    });
}

// POL-05, TRP-09: the documented parameters of misuse
TEST_F(PoolTest, FreeingABlockTwice) {
    RunUntilBadCaller(7, [] {
        PVOID const other = ExpAllocatePoolWithTag(NonPagedPool, 40, Tag);
        PVOID const block = ExpAllocatePoolWithTag(NonPagedPool, 40, Tag);
        EXPECT_NE(other, block);
        ExpFreePoolWithTag(block, Tag);
        ExpFreePoolWithTag(block, Tag);
    });
}
TEST_F(PoolTest, FreeingPagesTwice) {
    RunUntilBadCaller(0x42, [] { // the test's pages are gone
        PVOID const block = ExpAllocatePoolWithTag(PagedPool, 5000, Tag);
        ExpFreePoolWithTag(block, Tag);
        ExpFreePoolWithTag(block, Tag);
    });
}
TEST_F(PoolTest, FreeingWithAnotherTag) {
    RunUntilBadCaller(0x0A, [] { ExpFreePoolWithTag(ExpAllocatePoolWithTag(NonPagedPool, 40, Tag), Tag + 1); });
    EXPECT_EQ(machine->Stopped().Parameter[2], Tag);
    EXPECT_EQ(machine->Stopped().Parameter[3], Tag + 1);
}
TEST_F(PoolTest, FreeingPagesWithAnotherTag) {
    RunUntilBadCaller(0x0A, [] { ExpFreePoolWithTag(ExpAllocatePoolWithTag(NonPagedPool, 4096, Tag), Tag + 1); });
}
TEST_F(PoolTest, FreeingTheMiddleOfPages) {
    RunUntilBadCaller(0x44, [] {
        ExpFreePoolWithTag(static_cast<UCHAR*>(ExpAllocatePoolWithTag(NonPagedPool, 2 * PAGE_SIZE, Tag)) + PAGE_SIZE,
                           Tag);
    });
}
TEST_F(PoolTest, FreeingWhatIsNoBlock) {
    RunUntilBadCaller(
        0x99, [] { ExpFreePoolWithTag(static_cast<UCHAR*>(ExpAllocatePoolWithTag(NonPagedPool, 40, Tag)) + 4, Tag); });
}
TEST_F(PoolTest, FreeingWhatWasNeverInAPool) {
    static UCHAR elsewhere[64];
    RunUntilBadCaller(0x42, [] { ExpFreePoolWithTag(elsewhere + 8, Tag); });
}
TEST_F(PoolTest, ATagOfZero) {
    RunUntilBadCaller(0x9B, [] { (void)ExpAllocatePoolWithTag(NonPagedPool, 40, 0); });
}
TEST_F(PoolTest, PagedPoolAtDispatchLevel) {
    RunUntilBadCaller(8, [] {
        KIRQL old = KfRaiseIrql(DISPATCH_LEVEL);
        (void)ExpAllocatePoolWithTag(PagedPool, 40, Tag);
        KfLowerIrql(old);
    });
}
TEST_F(PoolTest, FreeingPagedPoolAtDispatchLevel) {
    RunUntilBadCaller(9, [] {
        PVOID const block = ExpAllocatePoolWithTag(PagedPool, 40, Tag);
        KIRQL old = KfRaiseIrql(DISPATCH_LEVEL);
        ExpFreePoolWithTag(block, Tag);
        KfLowerIrql(old);
    });
}

// POL-04, TRP-09: an overrun is found when the block is freed
TEST_F(PoolTest, AnOverrunIsACorruptHeader) {
    RunUntilBugCheck(BAD_POOL_HEADER, [] {
        PVOID const block = ExpAllocatePoolWithTag(NonPagedPool, 40, Tag); // a page's first: a header is behind it
        memset(block, 0xCC, 40 + sizeof(POOL_HEADER));
        ExpFreePoolWithTag(block, Tag);
    });
    EXPECT_EQ(machine->Stopped().Parameter[0], 0x20u);
}
