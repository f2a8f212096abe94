// The blocks that a processor keeps: what they save, what they count, and that a second free is found.
#include "hostpool.h"

using namespace hostpool;

namespace {

constexpr ULONG OtherTag = Tag + 1;

class ProcessorListsTest : public PoolTest {
protected:
    /// Runs on a processor that keeps freed blocks.
    void RunKeeping(const std::function<void()>& body) {
        Run([&] {
            ExInitializeProcessorPool(KeGetPcr()->Prcb);
            body();
        });
    }
};

} // namespace

// POL-05, ARC-08
TEST_F(ProcessorListsTest, AFreedBlockServesTheNextAllocationOfItsSize) {
    RunKeeping([] {
        PVOID const block = ExpAllocatePoolWithTag(NonPagedPool, 64, Tag);
        const ULONG taken = PoolVector[0].RunningAllocs;
        ExpFreePoolWithTag(block, Tag);
        EXPECT_EQ(PoolVector[0].RunningDeAllocs, 0u) << "to the pool it is in use";
        EXPECT_EQ(ExpAllocatePoolWithTag(NonPagedPool, 60, OtherTag), block);
        EXPECT_EQ(PoolVector[0].RunningAllocs, taken);
        ExpFreePoolWithTag(block, OtherTag);
        EXPECT_NE(ExpAllocatePoolWithTag(NonPagedPool, 72, Tag), block) << "another size";
        PVOID const paged = ExpAllocatePoolWithTag(PagedPool, 64, Tag);
        EXPECT_NE(paged, block);
        ExpFreePoolWithTag(paged, Tag);
        EXPECT_EQ(PoolVector[1].RunningDeAllocs, 1u) << "paged blocks are not kept";
    });
}

// POL-05: each tag has what it has, however blocks go round
TEST_F(ProcessorListsTest, CountsAreExact) {
    RunKeeping([] {
        std::vector<std::pair<PVOID, ULONG>> blocks;
        ULONG allocs[2] = {}, live[2] = {};
        for (ULONG step = 0; step < 5000; step++) {
            const ULONG which = step * step % 7 % 2;
            if (step * 31 % 5 < 3) {
                blocks.emplace_back(ExpAllocatePoolWithTag(NonPagedPool, 64, Tag + which), which);
                allocs[which]++, live[which]++;
            } else if (!blocks.empty()) {
                ExpFreePoolWithTag(blocks.front().first, Tag + blocks.front().second);
                live[blocks.front().second]--;
                blocks.erase(blocks.begin());
            }
            for (ULONG tag = 0; tag < 2 && step % 100 == 0; tag++) {
                ASSERT_EQ(ULONG(Tracked(Tag + tag).NonPagedAllocs), allocs[tag]);
                ASSERT_EQ(ULONG(Tracked(Tag + tag).NonPagedFrees), allocs[tag] - live[tag]);
                ASSERT_EQ(ULONG(Tracked(Tag + tag).NonPagedBytes), live[tag] * 72);
            }
        }
    });
}

// POL-05: tools go by the rows of the table
TEST_F(ProcessorListsTest, ATagThatOnlyHasKeptBlocksHasARow) {
    RunKeeping([] {
        constexpr ULONG newTag = Tag + 100;
        ExpFreePoolWithTag(ExpAllocatePoolWithTag(NonPagedPool, 64, Tag), Tag);
        PVOID const block = ExpAllocatePoolWithTag(NonPagedPool, 64, newTag);
        ULONG rows = 0;
        for (const POOL_TRACKER_TABLE& row : PoolTrackTable)
            rows += row.Key == LONG(newTag);
        EXPECT_EQ(rows, 1u);
        ExpFreePoolWithTag(block, newTag);
    });
}

// POL-05, TRP-09
TEST_F(ProcessorListsTest, FreeingAKeptBlockAgain) {
    RunUntilBugCheck(BAD_POOL_CALLER, [] {
        ExInitializeProcessorPool(KeGetPcr()->Prcb);
        PVOID const block = ExpAllocatePoolWithTag(NonPagedPool, 64, Tag);
        ExpFreePoolWithTag(block, Tag);
        EXPECT_TRUE(PoolVector[0].RunningDeAllocs == 0);
        ExpFreePoolWithTag(block, Tag);
    });
    EXPECT_EQ(machine->Stopped().Parameter[0], 7u);
}

// POL-05, ARC-08
TEST_F(ProcessorListsTest, WhatIsTooMuchGoesBackAndDrainingGivesAllBack) {
    RunKeeping([] {
        std::vector<PVOID> blocks;
        for (ULONG i = 0; i < 300; i++)
            blocks.push_back(ExpAllocatePoolWithTag(NonPagedPool, 100, Tag));
        for (PVOID block : blocks)
            ExpFreePoolWithTag(block, Tag);
        const ULONG kept = 2048 / 112;
        EXPECT_EQ(PoolVector[0].RunningDeAllocs, 300 - kept);
        EXPECT_EQ(PoolVector[0].TotalBytes, kept * 112);
        ExDrainPoolLookaside();
        EXPECT_TRUE(PoolVector[0].TotalBytes == 0 && PoolVector[0].TotalPages == 0);
        EXPECT_EQ(PagesFreed, PagesGiven);
        EXPECT_EQ(Tracked().NonPagedBytes, 0);
        EXPECT_TRUE(Tracked().NonPagedAllocs == 300 && Tracked().NonPagedFrees == 300);
    });
}

// POL-05: before an allocation fails, the processor gives back what it keeps
TEST_F(ProcessorListsTest, KeptBlocksAreNoReasonToFail) {
    RunKeeping([] {
        PVOID const small = ExpAllocatePoolWithTag(NonPagedPool, 64, Tag);
        ExpFreePoolWithTag(small, Tag);
        OutOfPages = true;
        EXPECT_EQ(ExpAllocatePoolWithTag(NonPagedPool, 5000, Tag), nullptr);
        EXPECT_EQ(PagesFreed, 1u);
    });
}
