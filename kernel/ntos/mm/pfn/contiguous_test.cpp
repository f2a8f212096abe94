// Runs of pages in a row.
#include "pagetest.h"

using ContiguousTest = host::PageTest;
using namespace host;

// PFN-01
TEST_F(ContiguousTest, TheHighestRunIsTaken) {
    RunLocked([&] {
        EXPECT_EQ(MiFindContiguousPages(0, MM_EMPTY_LIST - 1, 0, 3), 317u);
        EXPECT_EQ(MiFindContiguousPages(0, MM_EMPTY_LIST - 1, 0, 3), 314u);
        EXPECT_EQ(MiFindContiguousPages(0, MM_EMPTY_LIST - 1, 0, 3), 309u) << "neither the hole nor the bad page";
        EXPECT_EQ(State(310), ActiveAndValid);
        EXPECT_EQ(MmAvailablePages, FreeFrames - 9);
    });
}

TEST_F(ContiguousTest, LimitsAndBoundariesHold) {
    RunLocked([&] {
        EXPECT_EQ(MiFindContiguousPages(0, 300, 0, 4), 297u);
        EXPECT_EQ(MiFindContiguousPages(270, 280, 8, 8), 272u) << "271..278 would cross 272";
        EXPECT_EQ(MiFindContiguousPages(270, 280, 0, 8), MM_EMPTY_LIST);
        EXPECT_EQ(MiFindContiguousPages(300, 299, 0, 1), MM_EMPTY_LIST);
        EXPECT_EQ(MiFindContiguousPages(0, 319, 0, 1000), MM_EMPTY_LIST);
        EXPECT_EQ(MiFindContiguousPages(FirstFree, FirstFree, 0, 1), FirstFree);
    });
}

// PFN-05: a standby page may be in the run
TEST_F(ContiguousTest, AStandbyPageInTheRunLosesItsPte) {
    RunLocked([&] {
        while (MmFreePageListHead.Flink != 315)
            MiInitializeSystemPfn(MiRemoveAnyPage());
        const PFN_NUMBER standby = Use(0);
        Trim(0);
        EXPECT_EQ(standby, 315u);
        EXPECT_EQ(MiFindContiguousPages(0, 319, 0, 5), 315u);
        EXPECT_EQ(MiPteKind(*Pte(0)), MI_PTE_KIND::DemandZero);
        EXPECT_EQ(MmAvailablePages, 0u);
    });
}
