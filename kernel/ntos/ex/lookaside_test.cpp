// Look-aside lists: what is kept, what goes back to the pool, and how the depth follows the load.
#include "ex/lookaside.h"
#include "ex/explookaside.h"
#include "machine.h"

using LookasideTest = host::KernelTest;

namespace {

ULONG Allocated; ///< blocks that a list has taken from its pool
ULONG Freed;

PVOID NTAPI Allocate(POOL_TYPE, SIZE_T bytes, ULONG) {
    Allocated++;
    return std::malloc(bytes);
}
void NTAPI Free(PVOID block) {
    Freed++;
    std::free(block);
}

/// A list with an own pool.
class List {
public:
    explicit List(SIZE_T size = 32) {
        Allocated = Freed = 0;
        ExInitializeNPagedLookasideList(&m_list, Allocate, Free, 0, size, EX_TAG("Test"), 0);
    }
    ~List() {
        ExDeleteNPagedLookasideList(&m_list);
        EXPECT_EQ(Freed, Allocated) << "blocks were lost";
    }
    PVOID Take() { return ExAllocateFromNPagedLookasideList(&m_list); }
    void Give(PVOID block) { ExFreeToNPagedLookasideList(&m_list, block); }
    /// Takes `count` blocks and gives them back.
    void Use(ULONG count) {
        std::vector<PVOID> blocks;
        for (ULONG i = 0; i < count; i++)
            blocks.push_back(Take());
        for (PVOID block : blocks)
            Give(block);
    }
    GENERAL_LOOKASIDE& L() { return m_list.L; }

private:
    NPAGED_LOOKASIDE_LIST m_list;
};

} // namespace

// ARC-08
TEST_F(LookasideTest, AFreedBlockIsTheNextOne) {
    Run([&] {
        List list;
        PVOID const block = list.Take();
        EXPECT_EQ(Allocated, 1u);
        list.Give(block);
        EXPECT_EQ(list.Take(), block);
        EXPECT_EQ(Allocated, 1u);
        EXPECT_TRUE(list.L().TotalAllocates == 2 && list.L().AllocateMisses == 1);
        list.Give(block);
        EXPECT_TRUE(list.L().TotalFrees == 2 && list.L().FreeMisses == 0 && Freed == 0);
    });
}

// ARC-08
TEST_F(LookasideTest, BlocksBeyondTheDepthGoBack) {
    Run([&] {
        List list(1);
        EXPECT_EQ(list.L().Size, sizeof(PVOID)) << "a kept block has room for its link";
        list.Use(LOOKASIDE_MINIMUM_DEPTH + 3);
        EXPECT_EQ(Freed, 3u);
        EXPECT_EQ(list.L().FreeMisses, 3u);
        EXPECT_EQ(ExQueryDepthSList(&list.L().ListHead), LOOKASIDE_MINIMUM_DEPTH);
    });
}

// ARC-08, SYS-14
TEST_F(LookasideTest, TheDepthFollowsWhatTheListLacked) {
    Run([&] {
        List list;
        list.Use(5);
        ExpAdjustLookasideDepth(nullptr);
        EXPECT_EQ(list.L().Depth, 8) << "five were lacking: at most twice the depth";
        list.Use(6); // four are there
        ExpAdjustLookasideDepth(nullptr);
        EXPECT_EQ(list.L().Depth, 10);
        for (int second = 0; second < 10; second++) {
            list.Use(1000);
            ExpAdjustLookasideDepth(nullptr);
        }
        EXPECT_EQ(list.L().Depth, LOOKASIDE_MAXIMUM_DEPTH);
        list.Use(100);
        ExpAdjustLookasideDepth(nullptr);
        EXPECT_EQ(list.L().Depth, 256 - 32) << "it lacked none: an eighth of 252, rounded up";
        for (int second = 0; second < 60; second++)
            ExpAdjustLookasideDepth(nullptr);
        EXPECT_EQ(list.L().Depth, LOOKASIDE_MINIMUM_DEPTH);
    });
}

// ARC-08: the pool's own routines, and a list that is not scanned any more after its end
TEST_F(LookasideTest, APagedListTakesFromThePool) {
    Run([&] {
        PAGED_LOOKASIDE_LIST list;
        ExInitializePagedLookasideList(&list, nullptr, nullptr, POOL_RAISE_IF_ALLOCATION_FAILURE, 64, EX_TAG("Test"),
                                       0);
        EXPECT_EQ(list.L.Type, PagedPool | POOL_RAISE_IF_ALLOCATION_FAILURE);
        PVOID const block = ExAllocateFromPagedLookasideList(&list);
        ASSERT_NE(block, nullptr);
        ExFreeToPagedLookasideList(&list, block);
        EXPECT_EQ(ExAllocateFromPagedLookasideList(&list), block);
        ExFreeToPagedLookasideList(&list, block);
        ExDeletePagedLookasideList(&list);
        memset(static_cast<void*>(&list), 0xDD, sizeof(list));
        ExpAdjustLookasideDepth(nullptr);
    });
}
