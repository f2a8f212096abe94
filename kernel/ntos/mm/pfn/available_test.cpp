// Who is told when memory is short, when there is plenty, and when modified pages wait.
#include "pagetest.h"

using AvailableTest = host::PageTest;
using namespace host;

namespace {

/// Takes free pages until so many are available.
void TakeDownTo(PFN_NUMBER pages) {
    while (MmAvailablePages > pages)
        MiInitializeSystemPfn(MiRemoveAnyPage());
}

void SetThresholds() {
    MiStartMemoryEvents();
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    TakeDownTo(50);
    MiMemoryThresholds = {.Minimum = 4, .Low = 10, .High = 30, .Modified = 3};
}

} // namespace

// SYS-14
TEST_F(AvailableTest, LevelsAreSignaledWhenTheyAreCrossed) {
    RunUnlocked([&] {
        SetThresholds();
        (void)KeSetEvent(&MiHighMemoryEvent, 0, FALSE);
        (void)KeResetEvent(&MmWorkingSetManagerEvent);
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        TakeDownTo(30);
        EXPECT_TRUE(KeReadStateEvent(&MiHighMemoryEvent));
        TakeDownTo(29);
        EXPECT_FALSE(KeReadStateEvent(&MiHighMemoryEvent));
        (void)KeResetEvent(&MiLowMemoryEvent);
        TakeDownTo(10);
        EXPECT_FALSE(KeReadStateEvent(&MiLowMemoryEvent));
        EXPECT_FALSE(KeReadStateEvent(&MmWorkingSetManagerEvent));
        const PFN_NUMBER frame = Use(0);
        EXPECT_TRUE(KeReadStateEvent(&MiLowMemoryEvent));
        EXPECT_TRUE(KeReadStateEvent(&MmWorkingSetManagerEvent));
        (void)KeSetEvent(&MmAvailablePagesEvent, 0, FALSE);
        TakeDownTo(4);
        EXPECT_TRUE(KeReadStateEvent(&MmAvailablePagesEvent));
        TakeDownTo(3);
        EXPECT_FALSE(KeReadStateEvent(&MmAvailablePagesEvent));
        MiDeletePfn(frame);
        EXPECT_TRUE(KeReadStateEvent(&MmAvailablePagesEvent));
        EXPECT_TRUE(KeReadStateEvent(&MiLowMemoryEvent)) << "4 pages are still few";
    });
}

// PFN-16
TEST_F(AvailableTest, TheModifiedPageWriterIsWokenWhenThereIsEnoughToWrite) {
    RunUnlocked([&] {
        SetThresholds();
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        for (ULONG i = 0; i < 3; i++) {
            EXPECT_FALSE(KeReadStateEvent(&MmModifiedPageWriterEvent)) << i;
            (void)Use(i, true);
            Trim(i);
        }
        EXPECT_TRUE(KeReadStateEvent(&MmModifiedPageWriterEvent));
    });
}

// PFN-14: a thread that found no page goes on when one comes
TEST_F(AvailableTest, AThreadWaitsUntilAPageIsAvailable) {
    RunUnlocked([&] {
        SetThresholds();
        PFN_NUMBER frame;
        {
            nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
            frame = Use(0);
            TakeDownTo(3);
        }
        bool woken = false;
        machine->Spawn(10, [&] {
            (void)KeWaitForSingleObject(&MmAvailablePagesEvent, KWAIT_REASON::WrFreePage, KernelMode, FALSE, nullptr);
            woken = true;
        });
        EXPECT_FALSE(woken);
        {
            nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
            MiDeletePfn(frame);
        }
        EXPECT_TRUE(woken);
    });
}

TEST_F(AvailableTest, ThresholdsFollowTheAmountOfMemory) {
    RunUnlocked([&] {
        MmNumberOfPhysicalPages = 1024u << 8; // 1 GB
        MiStartMemoryEvents();
        EXPECT_EQ(MiMemoryThresholds.Low, 8u << 8) << "8 MB";
        EXPECT_EQ(MiMemoryThresholds.High, 24u << 8);
        EXPECT_TRUE(KeReadStateEvent(&MiLowMemoryEvent)) << "it has " << FreeFrames << " pages";
        MmNumberOfPhysicalPages = 8u << 8;
        MiStartMemoryEvents();
        EXPECT_EQ(MiMemoryThresholds.Low, 32u);
        EXPECT_FALSE(KeReadStateEvent(&MiLowMemoryEvent));
    });
}
