// Page-file space: runs, several files, growth, and a random walk against sets of free pages.
#include "mm/writer/pagefile.h"
#include "ex/pool.h"
#include "fakepool.h"
#include "machine.h"
#include "pagefiletest.h"

#include <algorithm>
#include <random>
#include <set>

using namespace host;

namespace {

/// A backing of a size, which can be told to grow or to refuse.
struct FakeBacking : MM_BACKING {
    ULONGLONG Bytes;
    NTSTATUS Answer = STATUS_SUCCESS;
    explicit FakeBacking(PFN_NUMBER pages, bool grows = false);
};

ULONGLONG NTAPI Size(MM_BACKING* Backing) { return static_cast<FakeBacking*>(Backing)->Bytes; }

NTSTATUS NTAPI Extend(MM_BACKING* Backing, ULONGLONG NewSize) {
    auto& self = *static_cast<FakeBacking*>(Backing);
    if (NT_SUCCESS(self.Answer)) self.Bytes = NewSize;
    return self.Answer;
}

constexpr MM_BACKING_CALLS FixedCalls = {Size, nullptr, nullptr}, GrowingCalls = {Size, nullptr, Extend};

FakeBacking::FakeBacking(PFN_NUMBER pages, bool grows)
    : MM_BACKING{grows ? &GrowingCalls : &FixedCalls, 1, nullptr}, Bytes(ULONGLONG(pages) * PAGE_SIZE) {}

class PageFileTest : public KernelTest {
protected:
    PageFileTest() { ForgetPagingFiles(); }
    ~PageFileTest() override { ForgetPagingFiles(); }

    static const MMPAGING_FILE& File(ULONG number) NO_THREAD_SAFETY_ANALYSIS { // one flow runs
        return *MmPagingFile[number];
    }
    static MI_PAGE_FILE_RUN Reserve(ULONG wanted) {
        MI_PAGE_FILE_RUN run;
        EXPECT_EQ(MiReservePageFileSpace(wanted, &run), run.Pages != 0);
        return run;
    }
};

} // namespace

// PFN-15
TEST_F(PageFileTest, Page0IsNotUsed) {
    Run([&] {
        FakeBacking backing(8);
        ULONG number = 99;
        ASSERT_EQ(MmCreatePagingFile(&backing, 8, 8, &number), STATUS_SUCCESS);
        EXPECT_EQ(number, 0u);
        EXPECT_EQ(MmQueryPagingFile(0), &backing);
        EXPECT_EQ(MmQueryPagingFile(1), nullptr);
        EXPECT_EQ(MmTotalPageFileSpace, 8u);
        EXPECT_EQ(MmTotalFreePageFileSpace, 7u);
        std::set<PFN_NUMBER> pages;
        for (ULONG i = 0; i < 7; i++)
            pages.insert(Reserve(1).Page);
        EXPECT_EQ(pages, (std::set<PFN_NUMBER>{1, 2, 3, 4, 5, 6, 7}));
        EXPECT_EQ(Reserve(1).Pages, 0u);
        MiCheckPagingFiles();
    });
}

// PFN-15, PFN-16: clusters
TEST_F(PageFileTest, GivesARunOrTheLongestThatThereIs) {
    Run([&] {
        FakeBacking backing(33);
        ASSERT_EQ(MmCreatePagingFile(&backing, 33, 33, nullptr), STATUS_SUCCESS);
        const MI_PAGE_FILE_RUN first = Reserve(16), second = Reserve(16);
        EXPECT_EQ(first.Pages, 16u);
        EXPECT_EQ(second.Page, first.Page + 16);
        MiReleasePageFileSpace({0, 5, 3});
        MiReleasePageFileSpace({0, 20, 6});
        const MI_PAGE_FILE_RUN rest = Reserve(16);
        EXPECT_EQ(rest.Page, 20u);
        EXPECT_EQ(rest.Pages, 6u);
        EXPECT_EQ(Reserve(16).Pages, 3u);
        EXPECT_EQ(MmTotalFreePageFileSpace, 0u);
        EXPECT_EQ(File(0).PeakUsage, 32u);
        MiCheckPagingFiles();
    });
}

// PFN-15: next fit, what is written together lies together
TEST_F(PageFileTest, GoesOnBehindTheLastRun) {
    Run([&] {
        FakeBacking backing(65);
        ASSERT_EQ(MmCreatePagingFile(&backing, 65, 65, nullptr), STATUS_SUCCESS);
        const MI_PAGE_FILE_RUN first = Reserve(4);
        MiReleasePageFileSpace(first);
        EXPECT_EQ(Reserve(4).Page, first.Page + 4);
        EXPECT_EQ(Reserve(4).Page, first.Page + 8);
    });
}

// PFN-15
TEST_F(PageFileTest, FilesTakeTurnsAndAWholeRunIsPreferred) {
    Run([&] {
        FakeBacking small(9), large(65);
        ASSERT_EQ(MmCreatePagingFile(&small, 9, 9, nullptr), STATUS_SUCCESS);
        ASSERT_EQ(MmCreatePagingFile(&large, 65, 65, nullptr), STATUS_SUCCESS);
        const ULONG one = Reserve(2).PageFileNumber, two = Reserve(2).PageFileNumber;
        EXPECT_NE(one, two);
        for (ULONG i = 0; i < 3; i++) {
            const MI_PAGE_FILE_RUN run = Reserve(16);
            EXPECT_EQ(run.PageFileNumber, 1u);
            EXPECT_EQ(run.Pages, 16u);
        }
        MiCheckPagingFiles();
    });
}

// PFN-15
TEST_F(PageFileTest, GrowsUpToItsMaximum) {
    Run([&] {
        FakeBacking fixed(2), growing(16, true);
        ASSERT_EQ(MmCreatePagingFile(&fixed, 2, 2, nullptr), STATUS_SUCCESS);
        ASSERT_EQ(MmCreatePagingFile(&growing, 16, 300, nullptr), STATUS_SUCCESS);
        while (Reserve(16).Pages != 0) {}
        growing.Answer = STATUS_IO_DEVICE_ERROR;
        EXPECT_EQ(MiExtendPagingFiles(1), STATUS_IO_DEVICE_ERROR);
        EXPECT_EQ(Reserve(1).Pages, 0u);
        MiCheckPagingFiles();
        growing.Answer = STATUS_SUCCESS;
        EXPECT_EQ(MiExtendPagingFiles(1), STATUS_SUCCESS);
        EXPECT_EQ(growing.Bytes, 272u * PAGE_SIZE);
        EXPECT_EQ(MmTotalFreePageFileSpace, 256u);
        EXPECT_GE(Reserve(16).Page, 16u);
        EXPECT_EQ(MiExtendPagingFiles(1), STATUS_SUCCESS);
        EXPECT_EQ(growing.Bytes, 300u * PAGE_SIZE);
        EXPECT_EQ(MiExtendPagingFiles(1), STATUS_INSUFFICIENT_RESOURCES);
        MiCheckPagingFiles();
    });
}

// PFN-15, ERR-10
TEST_F(PageFileTest, RefusesWhatCannotBe) {
    Run([&] {
        FakeBacking backing(64);
        EXPECT_EQ(MmCreatePagingFile(&backing, 1, 64, nullptr), STATUS_INVALID_PARAMETER);
        EXPECT_EQ(MmCreatePagingFile(&backing, 65, 65, nullptr), STATUS_INVALID_PARAMETER);
        EXPECT_EQ(MmCreatePagingFile(&backing, 9, 8, nullptr), STATUS_INVALID_PARAMETER);
        EXPECT_EQ(MmCreatePagingFile(&backing, 9, MM_LARGEST_PAGING_FILE + 1, nullptr), STATUS_INVALID_PARAMETER);
        PoolFailures = 1;
        EXPECT_EQ(MmCreatePagingFile(&backing, 64, 64, nullptr), STATUS_INSUFFICIENT_RESOURCES);
        for (ULONG i = 0; i < MM_MAXIMUM_PAGING_FILES; i++)
            EXPECT_EQ(MmRegisterPagingDevice(&backing), STATUS_SUCCESS);
        const LONG blocks = PoolBlocks;
        EXPECT_EQ(MmRegisterPagingDevice(&backing), STATUS_TOO_MANY_PAGING_FILES);
        EXPECT_EQ(PoolBlocks, blocks) << "a refused file keeps memory";
        EXPECT_EQ(MmTotalPageFileSpace, 64 * MM_MAXIMUM_PAGING_FILES);
        MiCheckPagingFiles();
    });
}

// PFN-15: against sets of free pages
TEST_F(PageFileTest, RandomWalk) {
    std::mt19937 random(Seed());
    Run([&] {
        FakeBacking backings[3] = {FakeBacking(40), FakeBacking(300), FakeBacking(33)};
        std::set<PFN_NUMBER> free[3];
        std::vector<MI_PAGE_FILE_RUN> taken;
        auto longest = [&](ULONG file) {
            ULONG best = 0, run = 0;
            PFN_NUMBER last = 0;
            for (PFN_NUMBER page : free[file]) {
                run = page == last + 1 ? run + 1 : 1;
                best = std::max(best, run);
                last = page;
            }
            return best;
        };
        for (ULONG file = 0; file < 3; file++) {
            ASSERT_EQ(MmRegisterPagingDevice(&backings[file]), STATUS_SUCCESS);
            for (PFN_NUMBER page = 1; page < backings[file].Bytes / PAGE_SIZE; page++)
                free[file].insert(page);
        }
        for (ULONG step = 0; step < 5000; step++) {
            const bool filling = step / 500 % 2 == 0;
            if (taken.empty() || random() % 8 < (filling ? 6u : 2u)) {
                const ULONG wanted = 1 + random() % MM_MAXIMUM_TRANSFER;
                ULONG possible = std::max({longest(0), longest(1), longest(2)});
                const MI_PAGE_FILE_RUN run = Reserve(wanted);
                ASSERT_EQ(run.Pages, std::min(possible, wanted)) << "step " << step;
                for (ULONG i = 0; i < run.Pages; i++)
                    ASSERT_EQ(free[run.PageFileNumber].erase(run.Page + i), 1u) << "step " << step;
                if (run.Pages != 0) taken.push_back(run);
            } else {
                std::swap(taken[random() % taken.size()], taken.back());
                MI_PAGE_FILE_RUN part = taken.back();
                part.Pages = 1 + random() % part.Pages; // the rest stays in use
                taken.back().Page += part.Pages;
                taken.back().Pages -= part.Pages;
                if (taken.back().Pages == 0) taken.pop_back();
                MiReleasePageFileSpace(part);
                for (ULONG i = 0; i < part.Pages; i++)
                    ASSERT_TRUE(free[part.PageFileNumber].insert(part.Page + i).second);
            }
            ASSERT_EQ(MmTotalFreePageFileSpace, free[0].size() + free[1].size() + free[2].size());
            MiCheckPagingFiles();
        }
    });
}

// PFN-15: a page that is given back twice is a broken contract
TEST_F(PageFileTest, AFreePageIsNotGivenBack) {
    RunUntilAssertion("RtlAreBitsSet", [&] {
        FakeBacking backing(64);
        (void)MmRegisterPagingDevice(&backing);
        const MI_PAGE_FILE_RUN run = Reserve(4);
        MiReleasePageFileSpace(run);
        MiReleasePageFileSpace(run);
    });
}
