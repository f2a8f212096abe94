// Pages that come back from a page file: what one read brings, threads that collide, reads that fail.
// MEM-05, PFN-04, PFN-15, ERR-10
#include "mm/fault/fault.h"
#include "mm/faults.h"
#include "mm/writer/pagewrite.h"
#include "pagefiletest.h"
#include "waits.h"

using namespace host;

extern "C" {
MMINFO_COUNTERS MmInfoCounters;
}

bool MiMayTakePage() { return MmAvailablePages > MiMemoryThresholds.Minimum; }

/// As transition.cpp, without a working set.
NTSTATUS MiResolveTransitionFault(MI_FAULT& fault) {
    MI_IN_PAGE* read = nullptr;
    {
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        const MMPTE pte = *fault.Pte;
        if (MiPteKind(pte) != MI_PTE_KIND::Transition) return STATUS_RETRY;
        MMPFN* const pfn = MiPfnElement(pte.Trans.PageFrameNumber);
        if (!pfn->e1.ReadInProgress) {
            if (pfn->u4.InPageError) return pfn->u1.ReadStatus;
            MiReactivatePfn(pte.Trans.PageFrameNumber);
            fault.Pte->Long = pte.Trans.PageFrameNumber << PAGE_SHIFT | 7;
            return STATUS_PAGE_FAULT_TRANSITION;
        }
        read = MiJoinPageRead(pfn);
    }
    return MiWaitForPageRead(fault, read);
}

namespace {

constexpr ULONG DiskPages = 64;

class PageInTest : public PageFilesTest {
protected:
    /// The pages of these PTEs have been written and taken for other uses: each holds its PTE's number.
    void PageOut(std::vector<ULONG> ptes) {
        {
            nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
            for (ULONG pte : ptes) {
                Fill(Use(pte, true), UCHAR(pte));
                Trim(pte);
            }
        }
        MiWriteModifiedPages();
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        while (MmStandbyPageListHead.Total != 0)
            MiInsertPageInFreeList(MiRemovePageFromList(&MmStandbyPageListHead));
        for (ULONG pte : ptes)
            EXPECT_EQ(MiPteKind(*Pte(pte)), MI_PTE_KIND::PageFile);
    }
    void RunPaged(const std::function<void(Disk&)>& body, ULONG processors = 1) {
        RunUnlocked(
            [&] {
                MiInitializePageFiles();
                MiInitializeModifiedPageWriter();
                ExInitializeFastMutex(&m_set.WorkingSetMutex);
                Disk disk(DiskPages);
                body(disk);
                MiCheckPagingFiles();
            },
            processors);
    }
    /// A thread uses the page, as MmAccessFault would decide, until that is over.
    NTSTATUS Touch(ULONG pte) {
        MI_FAULT fault{};
        fault.WorkingSet = &m_set;
        fault.Pte = Pte(pte);
        fault.Protection = MM_READWRITE;
        for (;;) {
            ExAcquireFastMutex(&m_set.WorkingSetMutex);
            NTSTATUS status = STATUS_SUCCESS;
            if (MiPteKind(*fault.Pte) == MI_PTE_KIND::PageFile) status = MiResolvePageFileFault(fault);
            if (MiPteKind(*fault.Pte) == MI_PTE_KIND::Transition && NT_SUCCESS(status) && status != STATUS_RETRY)
                status = MiResolveTransitionFault(fault);
            ExReleaseFastMutex(&m_set.WorkingSetMutex);
            if (status != STATUS_RETRY) return status;
        }
    }
    static bool IsThere(ULONG pte) {
        return MiPteKind(*Pte(pte)) == MI_PTE_KIND::Valid && Holds(Pte(pte)->Hard.PageFrameNumber, UCHAR(pte));
    }

    MMSUPPORT m_set{};
};

} // namespace

// PFN-04, PFN-15
TEST_F(PageInTest, APageComesBackAndKeepsItsPlace) {
    RunPaged([&](Disk& disk) {
        PageOut({3});
        const ULONG place = Pte(3)->Soft.PageFileHigh;
        EXPECT_EQ(Touch(3), STATUS_PAGE_FAULT_PAGING_FILE);
        EXPECT_TRUE(IsThere(3));
        EXPECT_EQ(FreeSpace(), DiskPages - 2);
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        const MMPFN* const pfn = MiPfnElement(Pte(3)->Hard.PageFrameNumber);
        EXPECT_EQ(pfn->ReferenceCount, 1u);
        EXPECT_FALSE(pfn->e1.Modified);
        EXPECT_EQ(pfn->OriginalPte.Soft.PageFileHigh, place);
    });
}

// PFN-15: neighbours on the page file and in the page table
TEST_F(PageInTest, NeighboursAreReadAheadIntoStandby) {
    RunPaged([&](Disk& disk) {
        PageOut({10, 11, 12, 14});
        EXPECT_EQ(Touch(11), STATUS_PAGE_FAULT_PAGING_FILE);
        EXPECT_EQ(disk.Rules.Reads, 1);
        EXPECT_EQ(MiPteKind(*Pte(10)), MI_PTE_KIND::PageFile); // nothing is read backwards
        EXPECT_EQ(MiPteKind(*Pte(14)), MI_PTE_KIND::PageFile); // a gap in the page table ends it
        EXPECT_EQ(MiPteKind(*Pte(12)), MI_PTE_KIND::Transition);
        EXPECT_EQ(Touch(12), STATUS_PAGE_FAULT_TRANSITION);
        EXPECT_TRUE(IsThere(12));
        EXPECT_EQ(disk.Rules.Reads, 1);
    });
}

TEST_F(PageInTest, NothingIsReadAheadBehindThePageTableOrAcrossPlaces) {
    RunPaged([&](Disk& disk) {
        PageOut({1023});
        EXPECT_EQ(Touch(1023), STATUS_PAGE_FAULT_PAGING_FILE);
        PageOut({20});
        PageOut({30});
        PageOut({21}); // beside 20, but not behind it on the page file
        EXPECT_EQ(Touch(20), STATUS_PAGE_FAULT_PAGING_FILE);
        EXPECT_EQ(MiPteKind(*Pte(21)), MI_PTE_KIND::PageFile);
    });
}

TEST_F(PageInTest, NothingIsReadAheadWhileMemoryIsShort) {
    RunPaged([&](Disk& disk) {
        PageOut({10, 11});
        MiMemoryThresholds.High = 1000;
        EXPECT_EQ(Touch(10), STATUS_PAGE_FAULT_PAGING_FILE);
        EXPECT_EQ(MiPteKind(*Pte(11)), MI_PTE_KIND::PageFile);
    });
}

TEST_F(PageInTest, WithoutAPageAtHandNothingChanges) {
    RunPaged([&](Disk& disk) {
        PageOut({10});
        const MMPTE before = *Pte(10);
        MiMemoryThresholds.Minimum = 1000;
        EXPECT_EQ(Touch(10), STATUS_NO_MEMORY);
        EXPECT_EQ(Pte(10)->Long, before.Long);
        EXPECT_EQ(disk.Rules.Reads, 0);
    });
}

// PFN-04: collided faults
TEST_F(PageInTest, ThreadsThatNeedTheSamePageShareOneRead) {
    RunPaged(
        [&](Disk& disk) {
            PageOut({10, 11});
            disk.Rules.Latency = ULONG(-Ticks(3).QuadPart);
            std::vector<Thread*> threads;
            std::vector<NTSTATUS> ends;
            for (ULONG pte : {10u, 10u, 11u, 10u})
                threads.push_back(machine->Spawn(9, [&, pte] { ends.push_back(Touch(pte)); }));
            for (Thread* thread : threads)
                Await(&thread->Tcb);
            EXPECT_EQ(disk.Rules.Reads, 1);
            EXPECT_EQ(ends.size(), 4u);
            for (NTSTATUS status : ends)
                EXPECT_TRUE(NT_SUCCESS(status));
            EXPECT_TRUE(IsThere(10) && IsThere(11));
        },
        2);
}

// ERR-10: one read, and all that waited for it get the error
TEST_F(PageInTest, AFailureEndsAllFaultsThatWaitedForItAndThePteIsAsBefore) {
    RunPaged([&](Disk& disk) {
        PageOut({10});
        const MMPTE before = *Pte(10);
        disk.Rules.Latency = ULONG(-Ticks(3).QuadPart);
        disk.Rules.FailingPage = before.Soft.PageFileHigh;
        disk.Rules.FailingStatus = STATUS_DEVICE_DATA_ERROR;
        std::vector<Thread*> threads;
        std::vector<NTSTATUS> ends;
        for (ULONG i = 0; i < 3; i++)
            threads.push_back(machine->Spawn(9, [&] { ends.push_back(Touch(10)); }));
        for (Thread* thread : threads)
            Await(&thread->Tcb);
        EXPECT_EQ(ends, std::vector<NTSTATUS>(3, STATUS_DEVICE_DATA_ERROR));
        EXPECT_EQ(disk.Rules.Reads, 1);
        EXPECT_EQ(Pte(10)->Long, before.Long);
        EXPECT_EQ(FreeSpace(), DiskPages - 2);
        disk.Rules.FailingPage = MM_NO_FAILING_PAGE;
        EXPECT_EQ(Touch(10), STATUS_PAGE_FAULT_PAGING_FILE);
        EXPECT_TRUE(IsThere(10));
    });
}

// ERR-10: a page that was only read ahead fails for nobody
TEST_F(PageInTest, AFailureBehindTheFirstPageIsNobodysError) {
    RunPaged([&](Disk& disk) {
        PageOut({10, 11, 12});
        const MMPTE before = *Pte(11);
        disk.Rules.Latency = ULONG(-Ticks(3).QuadPart);
        disk.Rules.FailingPage = before.Soft.PageFileHigh;
        disk.Rules.FailingStatus = STATUS_DEVICE_DATA_ERROR;
        NTSTATUS first = STATUS_PENDING, last = STATUS_PENDING;
        Thread* const reader = machine->Spawn(9, [&] { first = Touch(10); });
        Thread* const other = machine->Spawn(9, [&] { last = Touch(12); });
        Await(&reader->Tcb);
        Await(&other->Tcb);
        EXPECT_TRUE(NT_SUCCESS(first) && NT_SUCCESS(last));
        EXPECT_TRUE(IsThere(10) && IsThere(12));
        EXPECT_EQ(Pte(11)->Long, before.Long);
        EXPECT_EQ(Touch(11), STATUS_DEVICE_DATA_ERROR);
    });
}

// PFN-04: memory is freed while it is read
TEST_F(PageInTest, APageThatIsDeletedWhileItIsReadIsFreeAfterwards) {
    RunPaged([&](Disk& disk) {
        PageOut({10, 11});
        disk.Rules.Latency = ULONG(-Ticks(3).QuadPart);
        Thread* const reader = machine->Spawn(9, [&] { (void)Touch(10); });
        {
            nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
            for (ULONG pte : {10u, 11u}) {
                const PFN_NUMBER frame = Pte(pte)->Trans.PageFrameNumber;
                Pte(pte)->Long = 0;
                MiDeletePfn(frame);
            }
        }
        Await(&reader->Tcb);
        EXPECT_EQ(Pte(10)->Long, 0u);
        EXPECT_EQ(FreeSpace(), DiskPages - 1);
        EXPECT_EQ(MmStandbyPageListHead.Total, 0u);
    });
}
