// The modified page writer: which pages go together, where a page is afterwards, what a failure leaves.
#include "mm/writecounters.h"
#include "mm/writer/pagewrite.h"
#include "pagefiletest.h"
#include "waits.h"

using namespace host;

namespace {

class WriterTest : public PageFilesTest {
protected:
    /// A page with contents that left its working set dirty.
    static PFN_NUMBER Modify(ULONG pteIndex, UCHAR value) {
        const PFN_NUMBER frame = Use(pteIndex, true);
        Fill(frame, value);
        MiPfnElement(frame)->OriginalPte.Soft.Protection = MM_READWRITE;
        Trim(pteIndex);
        return frame;
    }
    /// Runs with the machine's page files, unlocked.
    void RunWriter(const std::function<void()>& body) {
        RunUnlocked([&] {
            MiInitializePageFiles();
            MiInitializeModifiedPageWriter();
            body();
            nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
            EXPECT_EQ(MiPagesBeingWritten, 0u);
            MiCheckPagingFilesUnlessNone();
        });
    }
    static void MiCheckPagingFilesUnlessNone() {
        if (MmNumberOfPagingFiles != 0) MiCheckPagingFiles();
    }
    /// The place of a page that is on standby; 0: none.
    static PFN_NUMBER PlaceOf(PFN_NUMBER frame) {
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        const MMPTE original = MiPfnElement(frame)->OriginalPte;
        return MiPteKind(original) == MI_PTE_KIND::PageFile ? original.Soft.PageFileHigh : 0;
    }
    static MMLISTS StateOf(PFN_NUMBER frame) {
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        return State(frame);
    }
    template <typename BODY> static auto Locked(BODY body) {
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        return body();
    }
};

} // namespace

// PFN-06, PFN-15
TEST_F(WriterTest, AModifiedPageIsOnStandbyWithAPlaceAfterwards) {
    RunWriter([&] {
        Disk disk(32);
        const PFN_NUMBER frame = Locked([&] { return Modify(0, 7); });
        MiWriteModifiedPages();
        EXPECT_EQ(StateOf(frame), StandbyPageList);
        const PFN_NUMBER place = PlaceOf(frame);
        ASSERT_NE(place, 0u);
        EXPECT_EQ(disk.Page(place)[PAGE_SIZE - 1], 7);
        EXPECT_EQ(FreeSpace(), 30u);
        // Taken for another use, the page is where its PTE says.
        Locked([&] {
            EXPECT_EQ(MiRemovePageFromList(&MmStandbyPageListHead), frame);
            MiInsertPageInFreeList(frame);
        });
        EXPECT_EQ(MiPteKind(*Pte(0)), MI_PTE_KIND::PageFile);
        EXPECT_EQ(Pte(0)->Soft.PageFileHigh, place);
        EXPECT_EQ(Pte(0)->Soft.Protection, ULONG(MM_READWRITE));
    });
}

// PFN-16
TEST_F(WriterTest, NeighboursLieTogetherAndInOrder) {
    RunWriter([&] {
        Disk disk(64);
        Locked([&] {
            for (ULONG pte : {12u, 30u, 10u, 13u, 11u, 15u, 31u})
                Modify(pte, UCHAR(pte));
        });
        MiWriteModifiedPages();
        EXPECT_EQ(disk.Rules.Writes, 1);
        std::string order;
        for (ULONG page = 1; page <= 7; page++)
            order += std::to_string(disk.Page(page)[0]) + " ";
        EXPECT_EQ(order, "10 11 12 13 30 31 15 ");
    });
}

// PFN-16
TEST_F(WriterTest, ATransferHasSixteenPagesAtMost) {
    RunWriter([&] {
        Disk disk(64);
        Locked([&] {
            for (ULONG i = 0; i < 40; i++)
                Modify(i, UCHAR(i));
        });
        const LONG transfers = MmWriteCounters.DirtyWriteIoCount, pages = MmWriteCounters.DirtyPagesWriteCount;
        MiWriteModifiedPages();
        EXPECT_EQ(disk.Rules.Writes, 3);
        EXPECT_EQ(MmWriteCounters.DirtyWriteIoCount - transfers, 3);
        EXPECT_EQ(MmWriteCounters.DirtyPagesWriteCount - pages, 40);
        for (ULONG i = 0; i < 40; i++)
            EXPECT_EQ(disk.Page(1 + i)[5], i);
        EXPECT_EQ(FreeSpace(), 63u - 40);
    });
}

// PFN-15
TEST_F(WriterTest, PageFilesTakeTurns) {
    RunWriter([&] {
        Disk first(64), second(64);
        Locked([&] {
            for (ULONG i = 0; i < 32; i++)
                Modify(i, UCHAR(i));
        });
        MiWriteModifiedPages();
        EXPECT_EQ(first.Rules.Writes, 1);
        EXPECT_EQ(second.Rules.Writes, 1);
    });
}

// PFN-06: a page whose contents are on the page file is not written again
TEST_F(WriterTest, ACleanPageKeepsItsPlaceADirtyOneLosesIt) {
    RunWriter([&] {
        Disk disk(32);
        const PFN_NUMBER frame = Locked([&] { return Modify(0, 7); });
        MiWriteModifiedPages();
        const PFN_NUMBER place = PlaceOf(frame);
        const auto useAgain = [&](bool dirty) {
            Locked([&] {
                MiReactivatePfn(frame);
                Pte(0)->Long = frame << PAGE_SHIFT | (dirty ? 0x47 : 0x07);
                Trim(0);
            });
        };
        useAgain(false);
        EXPECT_EQ(StateOf(frame), StandbyPageList);
        EXPECT_EQ(PlaceOf(frame), place);
        MiWriteModifiedPages();
        EXPECT_EQ(disk.Rules.Writes, 1);

        useAgain(true);
        EXPECT_EQ(StateOf(frame), ModifiedPageList);
        EXPECT_EQ(FreeSpace(), 31u);
        MiWriteModifiedPages();
        EXPECT_EQ(disk.Rules.Writes, 2);
        EXPECT_EQ(FreeSpace(), 30u);
    });
}

// PFN-06
TEST_F(WriterTest, WhatChangesOrGoesDuringItsWriteHasNoPlaceAfterwards) {
    RunWriter([&] {
        Disk disk(32);
        disk.Rules.Latency = ULONG(-Ticks(3).QuadPart);
        PFN_NUMBER changed = 0, deleted = 0, kept = 0;
        Locked([&] {
            changed = Modify(0, 1);
            deleted = Modify(1, 2);
            kept = Modify(2, 3);
        });
        MiWriteModifiedPages(); // started, not ended
        Locked([&] {
            EXPECT_EQ(MiPagesBeingWritten, 3u);
            EXPECT_EQ(State(changed), TransitionPage);
            MiReactivatePfn(changed);
            Pte(0)->Long = changed << PAGE_SHIFT | 0x47; // dirty
            Trim(0);
            EXPECT_EQ(State(changed), TransitionPage);
            MiDeletePfn(deleted);
            Pte(1)->Long = 0;
        });
        machine->Tick(5);
        EXPECT_EQ(StateOf(changed), ModifiedPageList);
        EXPECT_EQ(StateOf(deleted), FreePageList);
        EXPECT_EQ(StateOf(kept), StandbyPageList);
        EXPECT_EQ(FreeSpace(), 30u);
        EXPECT_EQ(PlaceOf(kept), 3u);
    });
}

// PFN-15, ERR-10
TEST_F(WriterTest, AFailureLeavesItsPagesModifiedAndTheOthersWritten) {
    RunWriter([&] {
        Disk disk(64);
        disk.Rules.FailingPage = 3;
        disk.Rules.FailingStatus = STATUS_IO_DEVICE_ERROR;
        std::vector<PFN_NUMBER> frames;
        Locked([&] {
            for (ULONG i = 0; i < 4; i++)
                frames.push_back(Modify(i, UCHAR(i)));
        });
        MiWriteModifiedPages();
        EXPECT_EQ(MmWriteCounters.FailureCount, 1);
        EXPECT_EQ(StateOf(frames[1]), StandbyPageList);
        EXPECT_EQ(StateOf(frames[2]), ModifiedPageList);
        EXPECT_EQ(FreeSpace(), 61u);
        MiWriteModifiedPages(); // to other places
        EXPECT_EQ(StateOf(frames[2]), StandbyPageList);
        EXPECT_EQ(StateOf(frames[3]), StandbyPageList);
        EXPECT_EQ(disk.Page(PlaceOf(frames[2]))[0], 2);
        EXPECT_EQ(FreeSpace(), 59u);
    });
}

// PFN-15
TEST_F(WriterTest, AFullPageFileLeavesPagesModified) {
    RunWriter([&] {
        Disk disk(11);
        Locked([&] {
            for (ULONG i = 0; i < 20; i++)
                Modify(i, UCHAR(i));
        });
        MiWriteModifiedPages();
        Locked([&] {
            EXPECT_EQ(MmModifiedPageListHead.Total, 10u);
            EXPECT_EQ(MmStandbyPageListHead.Total, 10u);
        });
        EXPECT_EQ(FreeSpace(), 0u);
        MiWriteModifiedPages(); // and the transfers are not lost
        Locked([&] {
            for (ULONG i = 0; i < 10; i++)
                MiDeletePfn(Pte(i)->Trans.PageFrameNumber);
        });
        MiWriteModifiedPages();
        EXPECT_EQ(Locked([] { return MmModifiedPageListHead.Total; }), 0u);
    });
}

// PFN-16: pages of files are another writer's
TEST_F(WriterTest, PagesOfFilesAreLeftAlone) {
    RunWriter([&] {
        Disk disk(32);
        PFN_NUMBER ofFile = 0, own = 0;
        Locked([&] {
            ofFile = Use(0, true);
            MiPfnElement(ofFile)->OriginalPte.Subsect.Prototype = 1;
            Trim(0);
            own = Modify(1, 2);
        });
        MiWriteModifiedPages();
        EXPECT_EQ(StateOf(ofFile), ModifiedPageList);
        EXPECT_EQ(StateOf(own), StandbyPageList);
        EXPECT_EQ(FreeSpace(), 30u);
        MiWriteModifiedPages(); // nothing to do, and it comes back
    });
}

// PFN-16: what lies beside a prototype PTE need not be one
TEST_F(WriterTest, WhatOnlyLooksLikeANeighbourIsNone) {
    RunWriter([&] {
        Disk disk(32);
        PFN_NUMBER frame = 0, stranger = 0;
        Locked([&] {
            frame = Modify(5, 5);
            stranger = Modify(700, 9);
            *Pte(4) = *Pte(700);
            *Pte(6) = MiMakeTransitionPte(0xFFFFF, MM_READWRITE);
        });
        MiWriteModifiedPages();
        EXPECT_EQ(PlaceOf(frame), 1u);
        EXPECT_EQ(PlaceOf(stranger), 2u);
    });
}

// PFN-06, SYS-11: the thread, woken by the page lists; after a failure it pauses
TEST_F(WriterTest, TheThreadWritesWhenItIsWokenAndPausesAfterAFailure) {
    RunWriter([&] {
        Disk disk(64);
        MiStartMemoryEvents();
        MiMemoryThresholds.Modified = 2;
        machine->Spawn(17, [] { MmModifiedPageWriter(nullptr); });
        const PFN_NUMBER frame = Locked([&] { return Modify(0, 1); });
        machine->Tick(3);
        EXPECT_EQ(StateOf(frame), ModifiedPageList); // one page is not worth a write
        disk.Rules.FailingPage = 1;
        disk.Rules.FailingStatus = STATUS_IO_DEVICE_ERROR;
        KeSetEvent(&MmModifiedPageWriterEvent, 0, FALSE);
        EXPECT_EQ(disk.Rules.Failures, 1);
        KeSetEvent(&MmModifiedPageWriterEvent, 0, FALSE);
        machine->Tick(3);
        EXPECT_EQ(disk.Rules.Writes, 1);
        Sleep(100);
        Sleep(100);
        EXPECT_EQ(StateOf(frame), StandbyPageList);
        EXPECT_EQ(disk.Rules.Writes, 2);
    });
}
