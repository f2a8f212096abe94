// Pages that are being read or written.
#include "pagetest.h"

using PfnIoTest = host::PageTest;
using namespace host;

namespace {

int Waiters; // its address is the event

PFN_NUMBER BeginRead(MMPTE* pte) {
    const PFN_NUMBER frame = MiRemoveAnyPage();
    MiBeginPageRead(frame, pte, &Waiters);
    *pte = MiMakeTransitionPte(frame, MM_READWRITE);
    return frame;
}

} // namespace

// PFN-04
TEST_F(PfnIoTest, APageThatIsReadIsInTransitionAndThenInUse) {
    RunLocked([&] {
        const PFN_NUMBER frame = BeginRead(Pte(0));
        EXPECT_EQ(State(frame), TransitionPage);
        EXPECT_TRUE(MiPfnElement(frame)->e1.ReadInProgress);
        EXPECT_EQ(MiPfnElement(frame)->u1.Event, &Waiters);
        Check();
        MiEndPageRead(frame, STATUS_SUCCESS);
        MiReactivatePfn(frame);
        MiDecrementReferenceCount(frame);
        EXPECT_EQ(State(frame), ActiveAndValid);
        EXPECT_EQ(MiPfnElement(frame)->ReferenceCount, 1u);
        EXPECT_FALSE(MiPfnElement(frame)->e1.Modified);
    });
}

TEST_F(PfnIoTest, APageThatWasReadForNobodyIsOnStandby) {
    RunLocked([&] {
        const PFN_NUMBER frame = BeginRead(Pte(0));
        MiEndPageRead(frame, STATUS_SUCCESS);
        MiDecrementReferenceCount(frame);
        EXPECT_EQ(State(frame), StandbyPageList);
    });
}

TEST_F(PfnIoTest, AFailedReadTellsThoseWhoWaitAndGivesThePteBack) {
    RunLocked([&] {
        const MMPTE before = *Pte(0);
        const PFN_NUMBER frame = BeginRead(Pte(0));
        MiIncrementReferenceCount(frame); // a second thread needs the page
        MiEndPageRead(frame, STATUS_UNSUCCESSFUL);
        MiDecrementReferenceCount(frame);
        EXPECT_TRUE(MiPfnElement(frame)->u4.InPageError);
        EXPECT_EQ(MiPfnElement(frame)->u1.ReadStatus, STATUS_UNSUCCESSFUL);
        EXPECT_EQ(MiPteKind(*Pte(0)), MI_PTE_KIND::Transition);
        MiDecrementReferenceCount(frame);
        EXPECT_EQ(State(frame), FreePageList);
        EXPECT_EQ(Pte(0)->Long, before.Long);
    });
}

// PFN-06
TEST_F(PfnIoTest, AWrittenPageIsOnStandby) {
    RunLocked([&] {
        const PFN_NUMBER frame = Use(0, true);
        Trim(0);
        MiBeginPageWrite(frame);
        EXPECT_EQ(State(frame), TransitionPage);
        EXPECT_TRUE(MiPfnElement(frame)->e1.WriteInProgress);
        Check();
        MiEndPageWrite(frame, STATUS_SUCCESS);
        EXPECT_EQ(State(frame), StandbyPageList);
    });
}

// PFN-06
TEST_F(PfnIoTest, APageIsModifiedAfterAFailedWriteAndAfterAChangeDuringOne) {
    RunLocked([&] {
        const PFN_NUMBER failed = Use(0, true), changed = Use(1, true);
        Trim(0);
        MiBeginPageWrite(failed);
        MiEndPageWrite(failed, STATUS_UNSUCCESSFUL);
        EXPECT_EQ(State(failed), ModifiedPageList);

        MiBeginPageWrite(changed); // while it is in use
        Pte(1)->Hard.Dirty = 1;
        Trim(1);
        EXPECT_EQ(State(changed), TransitionPage);
        MiEndPageWrite(changed, STATUS_SUCCESS);
        EXPECT_EQ(State(changed), ModifiedPageList);
    });
}

TEST_F(PfnIoTest, APageThatIsDeletedDuringItsWriteIsFreeAfterwards) {
    RunLocked([&] {
        const PFN_NUMBER frame = Use(0, true);
        Trim(0);
        MiBeginPageWrite(frame);
        MiDeletePfn(frame);
        EXPECT_EQ(State(frame), TransitionPage);
        MiEndPageWrite(frame, STATUS_UNSUCCESSFUL);
        EXPECT_EQ(State(frame), FreePageList);
    });
}
