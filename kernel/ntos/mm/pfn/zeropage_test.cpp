// The zero page thread.
#include "mm.h"
#include "pagetest.h"

using ZeroPageTest = host::PageTest;
using namespace host;

// SYS-13, PFN-09, PFN-18
TEST_F(ZeroPageTest, EveryFreePageBecomesOneOfZeros) {
    RunUnlocked([&] {
        MiZeroFreePages();
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        EXPECT_EQ(MmFreePageListHead.Total, 0u);
        EXPECT_EQ(MmZeroedPageListHead.Total, FreeFrames);
        EXPECT_EQ(MmAvailablePages, FreeFrames);
        for (PFN_NUMBER frame : List(ZeroedPageList))
            for (ULONG i = 0; i < PAGE_SIZE; i++)
                ASSERT_EQ(PageOf(frame)[i], 0) << frame;
        EXPECT_EQ(PageOf(256)[0], 0xAA) << "a page in use is left alone";
    });
}

// SYS-13: the lock is not held while a page is cleared, and no one else can get that page
TEST_F(ZeroPageTest, APageThatIsBeingZeroedIsNobodys) {
    RunUnlocked([&] {
        BeforeZeroing = [](PFN_NUMBER frame) {
            nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
            EXPECT_EQ(State(frame), TransitionPage);
            EXPECT_EQ(MmAvailablePages, FreeFrames - 1);
            Check();
        };
        MiZeroFreePages();
    });
}

// SYS-13
TEST_F(ZeroPageTest, TheThreadIsWokenWhenEnoughPagesAreFree) {
    RunUnlocked([&] {
        const auto idle = [] { // threads of lower priority run
            LARGE_INTEGER tick = Ticks(1);
            (void)KeDelayExecutionThread(KernelMode, FALSE, &tick);
        };
        Thread* const zero = machine->Spawn(9, [] { MmZeroPageThread(nullptr); });
        EXPECT_EQ(zero->Tcb.Priority, LOW_PRIORITY);
        EXPECT_EQ(MmZeroedPageListHead.Total, 0u) << "a thread of any other priority comes first";
        idle();
        std::vector<PFN_NUMBER> pages;
        {
            nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
            EXPECT_EQ(MmZeroedPageListHead.Total, FreeFrames) << "it begins with what boot has left";
            for (PFN_NUMBER i = 0; i < 2 * MM_MINIMUM_PAGES_TO_ZERO; i++) {
                pages.push_back(MiRemoveAnyPage());
                MiInitializeSystemPfn(pages.back());
            }
            for (PFN_NUMBER i = 0; i < MM_MINIMUM_PAGES_TO_ZERO - 1; i++)
                MiDeletePfn(pages[i]);
            EXPECT_FALSE(MmZeroingPageThreadActive);
            EXPECT_EQ(MmFreePageListHead.Total, MM_MINIMUM_PAGES_TO_ZERO - 1);
            MiDeletePfn(pages[MM_MINIMUM_PAGES_TO_ZERO - 1]);
            EXPECT_TRUE(MmZeroingPageThreadActive);
        }
        EXPECT_EQ(MmFreePageListHead.Total, MM_MINIMUM_PAGES_TO_ZERO);
        idle();
        EXPECT_EQ(MmFreePageListHead.Total, 0u);
        EXPECT_FALSE(MmZeroingPageThreadActive);
    });
}
