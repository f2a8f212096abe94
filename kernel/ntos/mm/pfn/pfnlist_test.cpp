// The lists of pages: their order, what they count, and which page is taken for which need.
#include "pagetest.h"

using PfnListTest = host::PageTest;
using namespace host;

// PFN-08
TEST_F(PfnListTest, PagesAreTakenInTheOrderInWhichTheyCame) {
    RunLocked([&] {
        EXPECT_EQ(MiRemovePageFromList(&MmFreePageListHead), FirstFree);
        EXPECT_EQ(MiRemovePageFromList(&MmFreePageListHead), FirstFree + 1);
        MiInsertPageInFreeList(FirstFree);
        EXPECT_EQ(List(FreePageList).back(), FirstFree);
        MiInsertPageInFreeList(FirstFree + 1);
        EXPECT_EQ(MmAvailablePages, FreeFrames);
    });
}

// PFN-01
TEST_F(PfnListTest, APageLeavesItsListFromTheFrontTheMiddleAndTheEnd) {
    RunLocked([&] {
        const std::vector<PFN_NUMBER> all = List(FreePageList);
        for (PFN_NUMBER frame : {all.front(), all[20], all.back()}) {
            MiUnlinkPageFromList(MiPfnElement(frame));
            MiInitializeSystemPfn(frame);
            Check();
        }
        EXPECT_EQ(MmFreePageListHead.Total, FreeFrames - 3);
    });
}

TEST_F(PfnListTest, AListMayBecomeEmptyAndGrowAgain) {
    RunLocked([&] {
        EXPECT_EQ(MiRemovePageFromList(&MmZeroedPageListHead), MM_EMPTY_LIST);
        const PFN_NUMBER frame = MiRemoveAnyPage();
        MiInsertPageInList(&MmZeroedPageListHead, frame);
        EXPECT_EQ(List(ZeroedPageList), std::vector<PFN_NUMBER>{frame});
        Check();
        EXPECT_EQ(MiRemovePageFromList(&MmZeroedPageListHead), frame);
        EXPECT_EQ(MmZeroedPageListHead.Blink, MM_EMPTY_LIST);
        MiInsertPageInList(&MmZeroedPageListHead, frame);
    });
}

// PFN-08, PFN-09, PFN-18
TEST_F(PfnListTest, ZerosComeFromTheZeroedListAndOtherNeedsLeaveThemThere) {
    RunLocked([&] {
        const PFN_NUMBER zeros = MiRemoveAnyPage();
        MiInsertPageInList(&MmZeroedPageListHead, zeros);
        bool zeroed = false;
        const PFN_NUMBER any = MiRemoveAnyPage();
        EXPECT_EQ(any, FirstFree + 1);
        EXPECT_EQ(MiRemoveZeroPage(&zeroed), zeros);
        EXPECT_TRUE(zeroed);
        const PFN_NUMBER dirty = MiRemoveZeroPage(&zeroed);
        EXPECT_EQ(dirty, FirstFree + 2);
        EXPECT_FALSE(zeroed);
        for (PFN_NUMBER frame : {zeros, any, dirty})
            MiInitializeSystemPfn(frame);
    });
}

// PFN-05: the last resort is a page that could still come back
TEST_F(PfnListTest, AStandbyPageIsTakenLastAndItsPteIsWhatItWas) {
    RunLocked([&] {
        Pte(3)->Long = 0;
        Pte(3)->Soft = {.PageFileLow = 2, .Protection = MM_READONLY, .PageFileHigh = 77};
        const MMPTE before = *Pte(3);
        const PFN_NUMBER first = Use(3), second = Use(4);
        Trim(3);
        Trim(4);
        const ULONG shares = MiPfnElement(PteFrame)->u2.ShareCount;
        while (MmFreePageListHead.Total)
            MiInitializeSystemPfn(MiRemoveAnyPage());
        EXPECT_EQ(MmAvailablePages, 2u);
        const PFN_NUMBER taken = MiRemoveAnyPage();
        EXPECT_EQ(taken, first) << "the page that left its working set first";
        EXPECT_EQ(Pte(3)->Long, before.Long);
        EXPECT_EQ(MiPfnElement(taken)->PteAddress, nullptr);
        EXPECT_EQ(MiPfnElement(PteFrame)->u2.ShareCount, shares - 1);
        EXPECT_EQ(MiPteKind(*Pte(4)), MI_PTE_KIND::Transition) << "the other page can still come back";
        MiInitializeSystemPfn(taken);
        EXPECT_EQ(List(StandbyPageList), std::vector<PFN_NUMBER>{second});
    });
}

TEST_F(PfnListTest, APageThatIsFreedForgetsItsPast) {
    RunLocked([&] {
        const PFN_NUMBER frame = UsePrototype(0, 1);
        MiPfnElement(frame)->u4.KernelStack = 1;
        MiPfnElement(frame)->e1.NoModifiedWrite = 1;
        MiDeletePfn(frame);
        const MMPFN* const pfn = MiPfnElement(frame);
        EXPECT_EQ(State(frame), FreePageList);
        EXPECT_EQ(pfn->PteAddress, nullptr);
        EXPECT_EQ(pfn->OriginalPte.Long, 0u);
        EXPECT_FALSE(pfn->e1.PrototypePte || pfn->e1.NoModifiedWrite || pfn->e1.PteDeleted || pfn->u4.KernelStack);
    });
}
