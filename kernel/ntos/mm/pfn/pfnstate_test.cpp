// The life of a page: share count, reference count, and where a page goes when both are 0.
#include "pagetest.h"

using PfnStateTest = host::PageTest;
using namespace host;

// PFN-03
TEST_F(PfnStateTest, APageInUseKnowsItsPteAndWhatThePteWas) {
    RunLocked([&] {
        Pte(5)->Soft.Protection = MM_EXECUTE_READ;
        const MMPTE before = *Pte(5);
        const ULONG shares = MiPfnElement(PteFrame)->u2.ShareCount;
        const PFN_NUMBER frame = Use(5);
        const MMPFN* const pfn = MiPfnElement(frame);
        EXPECT_EQ(State(frame), ActiveAndValid);
        EXPECT_EQ(pfn->PteAddress, Pte(5));
        EXPECT_EQ(pfn->OriginalPte.Long, before.Long);
        EXPECT_EQ(pfn->u4.PteFrame, PteFrame);
        EXPECT_EQ(pfn->u2.ShareCount, 1u);
        EXPECT_EQ(pfn->ReferenceCount, 1u);
        EXPECT_EQ(MiPfnElement(PteFrame)->u2.ShareCount, shares + 1);
    });
}

// PFN-05, PFN-06, PFN-07
TEST_F(PfnStateTest, ATrimmedPageGoesWhereItsContentsSay) {
    RunLocked([&] {
        const PFN_NUMBER clean = Use(0), fresh = Use(1, true), dirty = Use(2), log = Use(3, true);
        Pte(2)->Hard.Dirty = 1;
        MiPfnElement(log)->e1.NoModifiedWrite = 1;
        for (ULONG i = 0; i < 4; i++)
            Trim(i);
        EXPECT_EQ(List(StandbyPageList), std::vector<PFN_NUMBER>{clean});
        EXPECT_EQ(List(ModifiedPageList), (std::vector<PFN_NUMBER>{fresh, dirty}));
        EXPECT_EQ(List(ModifiedNoWritePageList), std::vector<PFN_NUMBER>{log});
        EXPECT_EQ(MmAvailablePages, FreeFrames - 3) << "a modified page cannot be given out";
    });
}

// PFN-03: a soft fault
TEST_F(PfnStateTest, ATrimmedPageComesBackWithItsContents) {
    RunLocked([&] {
        const PFN_NUMBER clean = Use(0), dirty = Use(1, true);
        Trim(0);
        Trim(1);
        for (PFN_NUMBER frame : {clean, dirty}) {
            MiReactivatePfn(frame);
            EXPECT_EQ(State(frame), ActiveAndValid);
            EXPECT_EQ(MiPfnElement(frame)->u2.ShareCount, 1u);
            EXPECT_EQ(MiPfnElement(frame)->ReferenceCount, 1u);
        }
        EXPECT_FALSE(MiPfnElement(clean)->e1.Modified);
        EXPECT_TRUE(MiPfnElement(dirty)->e1.Modified);
    });
}

TEST_F(PfnStateTest, ASharedPageStaysUntilTheLastPteGoes) {
    RunLocked([&] {
        const PFN_NUMBER frame = UsePrototype(0, 3);
        MiDecrementShareCount(frame);
        MiDecrementShareCount(frame);
        EXPECT_EQ(State(frame), ActiveAndValid);
        EXPECT_EQ(MiPteKind(*Pte(0)), MI_PTE_KIND::Valid);
        MiDecrementShareCount(frame);
        EXPECT_EQ(State(frame), StandbyPageList);
        EXPECT_EQ(MiPteKind(*Pte(0)), MI_PTE_KIND::Transition) << "nobody but the page frame database knows when";
        EXPECT_EQ(Pte(0)->Trans.PageFrameNumber, frame);
        EXPECT_EQ(ULONG(Pte(0)->Trans.Protection), ULONG(MM_READWRITE));
    });
}

// PFN-04
TEST_F(PfnStateTest, APageThatIsLockedStaysInTransitionAfterItsLastPte) {
    RunLocked([&] {
        const PFN_NUMBER frame = Use(0, true);
        MiIncrementReferenceCount(frame);
        Trim(0);
        EXPECT_EQ(State(frame), TransitionPage);
        EXPECT_EQ(MiPfnElement(frame)->ReferenceCount, 1u);
        MiReactivatePfn(frame);
        EXPECT_EQ(MiPfnElement(frame)->ReferenceCount, 2u);
        Pte(0)->Long = frame << PAGE_SHIFT | 7;
        Trim(0);
        MiDecrementReferenceCount(frame);
        EXPECT_EQ(State(frame), ModifiedPageList);
    });
}

// PFN-04
TEST_F(PfnStateTest, ALockTakesAPageOffItsList) {
    RunLocked([&] {
        const PFN_NUMBER frame = Use(0);
        Trim(0);
        MiIncrementReferenceCount(frame);
        EXPECT_EQ(State(frame), TransitionPage);
        EXPECT_EQ(MmStandbyPageListHead.Total, 0u);
        Check();
        MiDecrementReferenceCount(frame);
        EXPECT_EQ(State(frame), StandbyPageList);
    });
}

// PFN-08
TEST_F(PfnStateTest, APageWhosePteIsGoneIsFree) {
    RunLocked([&] {
        const ULONG shares = MiPfnElement(PteFrame)->u2.ShareCount;
        const PFN_NUMBER active = Use(0, true), standby = Use(1), modified = Use(2, true), locked = Use(3);
        Trim(1);
        Trim(2);
        MiIncrementReferenceCount(locked);
        for (PFN_NUMBER frame : {active, standby, modified, locked})
            MiDeletePfn(frame);
        EXPECT_EQ(State(active), FreePageList);
        EXPECT_EQ(State(standby), FreePageList);
        EXPECT_EQ(State(modified), FreePageList);
        EXPECT_EQ(State(locked), TransitionPage) << "its I/O goes on";
        EXPECT_EQ(MiPfnElement(PteFrame)->u2.ShareCount, shares) << "the page table may go, even so";
        MiDecrementReferenceCount(locked);
        EXPECT_EQ(State(locked), FreePageList);
        EXPECT_EQ(MmAvailablePages, FreeFrames);
    });
}

TEST_F(PfnStateTest, TheSpaceInAPageFileGoesWithThePte) {
    RunLocked([&] {
        Pte(0)->Soft = {.PageFileLow = 1, .Protection = MM_READWRITE, .PageFileHigh = 55};
        MiDeletePfn(Use(0));
        MiDeletePfn(Use(1)); // demand zero: there is none
        EXPECT_EQ(ReleasedPageFileSpace, std::vector<ULONG>{55});
    });
}

// PFN-10
TEST_F(PfnStateTest, AnUnreliablePageGoesToTheBadListOnceNothingNeedsIt) {
    RunLocked([&] {
        const PFN_NUMBER active = Use(0), modified = Use(1, true), standby = Use(2);
        Trim(1);
        Trim(2);
        const PFN_NUMBER free = MmFreePageListHead.Flink;
        for (PFN_NUMBER frame : {active, modified, standby, free})
            MiMarkPageBad(frame);
        EXPECT_EQ(State(free), BadPageList);
        EXPECT_EQ(State(standby), BadPageList);
        EXPECT_EQ(MiPteKind(*Pte(2)), MI_PTE_KIND::DemandZero);
        EXPECT_EQ(State(active), ActiveAndValid);
        EXPECT_EQ(State(modified), ModifiedPageList) << "what it holds is nowhere else";
        MiBeginPageWrite(modified);
        MiEndPageWrite(modified, STATUS_SUCCESS);
        EXPECT_EQ(State(modified), BadPageList);
        MiDeletePfn(active);
        EXPECT_EQ(State(active), BadPageList);
        EXPECT_EQ(MmBadPageListHead.Total, 5u);
    });
}

// PFN-02
TEST_F(PfnStateTest, ATransitionThatIsNotInTheFigureIsRefused) {
    RunLockedUntilAssertion("Successors", [&] { MiSetPageLocation(MiPfnElement(FirstFree), StandbyPageList); });
    RunLockedUntilAssertion("Successors", [&] { MiSetPageLocation(MiPfnElement(BadFrame), FreePageList); });
    RunLockedUntilAssertion("ShareCount", [&] {
        const PFN_NUMBER frame = Use(0);
        Trim(0);
        MiDecrementShareCount(frame);
    });
    RunLockedUntilAssertion("ReferenceCount", [&] { MiInsertPageInFreeList(Use(0)); });
}

// PFN-02: what tools see
TEST_F(PfnStateTest, EachTransitionIsAnEvent) {
    RunLocked([&] {
        machine->ForgetEvents();
        const PFN_NUMBER frame = Use(7);
        Trim(7);
        const std::vector<Event>& events = machine->Events();
        ASSERT_EQ(events.size(), 2u);
        EXPECT_EQ(events[0].Kind, ETW_EVENT::PfnTransition);
        EXPECT_EQ(events[0].Argument[0], frame);
        EXPECT_EQ(events[0].Argument[1], ULONG_PTR(FreePageList | ActiveAndValid << 8));
        EXPECT_EQ(events[0].Argument[2], reinterpret_cast<ULONG_PTR>(Pte(7)));
        EXPECT_EQ(events[1].Argument[1], ULONG_PTR(ActiveAndValid | StandbyPageList << 8));
    });
}
