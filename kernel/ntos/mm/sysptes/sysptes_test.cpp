// System PTEs: what is found, what is joined, and that a long random use keeps the runs right. Under a second.
#include "mm/sysptes/sysptes.h"
#include "machine.h"

#include <map>
#include <random>
#include <vector>

using SystemPteTest = host::KernelTest;

namespace {

/// A region with page tables of its own.
class Region {
public:
    explicit Region(ULONG count) : m_entries(count + PTE_PER_PAGE) {
        // begins where a page table would, so that alignments are those of pages
        auto base = reinterpret_cast<ULONG_PTR>(m_entries.data());
        base = (base + PAGE_SIZE - 1) & ~ULONG_PTR(PAGE_SIZE - 1);
        MiInitializeSystemPtes(&m_region, reinterpret_cast<MMPTE*>(base), count);
    }
    /// @returns the run's first index, -1 if there is no room. Fills the run as its owner would.
    int Reserve(ULONG count, ULONG alignment = 1) {
        MMPTE* const first = MiReserveSystemPtes(&m_region, count, alignment);
        if (!first) return -1;
        for (ULONG i = 0; i < count; i++) {
            EXPECT_EQ(first[i].Long, 0u);
            first[i].Long = 0x1000 | 1; // valid
        }
        return int(first - m_region.Base);
    }
    void Release(int first, ULONG count) { MiReleaseSystemPtes(&m_region, &m_region.Base[first], count); }
    bool IsRight() const { return MiCheckSystemPtes(&m_region); }
    MI_SYSTEM_PTES& operator*() { return m_region; }
    MI_SYSTEM_PTES* operator->() { return &m_region; }

private:
    std::vector<MMPTE> m_entries;
    MI_SYSTEM_PTES m_region;
};

} // namespace

// POL-03
TEST_F(SystemPteTest, TheLowestRunWithRoomIsTaken) {
    Run([] {
        Region region(64);
        EXPECT_EQ(region.Reserve(4), 0);
        EXPECT_EQ(region.Reserve(8), 4);
        EXPECT_EQ(region.Reserve(1), 12);
        region.Release(0, 4);
        EXPECT_EQ(region.Reserve(5), 13); // the hole of 4 is too small
        EXPECT_EQ(region.Reserve(2), 0);
        EXPECT_EQ(region.Reserve(1), 2);
        EXPECT_EQ(region.Reserve(1), 3);
        EXPECT_TRUE(region.IsRight());
    });
}

// POL-03
TEST_F(SystemPteTest, NeighboursBecomeOneRun) {
    Run([] {
        Region region(12);
        for (int at = 0; at < 12; at += 3)
            EXPECT_EQ(region.Reserve(3), at);
        EXPECT_EQ(region.Reserve(1), -1);
        region.Release(3, 3);
        region.Release(9, 3);
        EXPECT_EQ(region.Reserve(6), -1); // two runs of 3, apart
        EXPECT_TRUE(region.IsRight());
        region.Release(6, 3); // joins both
        EXPECT_EQ(region.Reserve(9), 3);
        region.Release(3, 9);
        region.Release(0, 3);
        EXPECT_EQ(region->TotalFree, 12u);
        EXPECT_EQ(region.Reserve(12), 0);
    });
}

// POL-03
TEST_F(SystemPteTest, SingleEntriesAreRunsToo) {
    Run([] {
        Region region(5);
        EXPECT_EQ(region.Reserve(5), 0);
        for (int at : {0, 2, 4}) {
            region.Release(at, 1);
            EXPECT_TRUE(region.IsRight()) << at;
        }
        EXPECT_EQ(region.Reserve(2), -1);
        region.Release(1, 1);
        EXPECT_EQ(region.Reserve(3), 0);
        EXPECT_EQ(region.Reserve(1), 4);
        EXPECT_EQ(region->TotalFree, 0u);
        EXPECT_EQ(region->FirstFree, MM_EMPTY_PTE_LIST);
    });
}

// POL-03
TEST_F(SystemPteTest, APartOfARunCanBeGivenBack) {
    Run([] {
        Region region(16);
        EXPECT_EQ(region.Reserve(16), 0);
        region.Release(4, 4);
        EXPECT_EQ(region.Reserve(4), 4);
        region.Release(12, 4);
        region.Release(0, 1);
        EXPECT_EQ(region.Reserve(4), 12);
        EXPECT_TRUE(region.IsRight());
    });
}

// POL-03
TEST_F(SystemPteTest, AlignmentCountsPagesOfTheAddress) {
    Run([] {
        Region region(64);
        EXPECT_EQ(region.Reserve(1), 0);
        EXPECT_EQ(region.Reserve(8, 8), 8);
        EXPECT_EQ(region.Reserve(7), 1); // what the alignment left over
        EXPECT_EQ(region.Reserve(16, 16), 16);
        EXPECT_EQ(region.Reserve(33, 16), -1); // 32 are left
        EXPECT_EQ(region.Reserve(32, 32), 32);
        EXPECT_TRUE(region.IsRight());
    });
}

// POL-03
TEST_F(SystemPteTest, WhatIsFreeCannotBeGivenBack) {
    RunUntilBugCheck(SYSTEM_PTE_MISUSE, [] {
        Region region(16);
        region.Reserve(8);
        region.Release(4, 4);
        region.Release(2, 4);
    });
}
TEST_F(SystemPteTest, WhatFollowsInAFreeRunCannotBeGivenBack) {
    RunUntilBugCheck(SYSTEM_PTE_MISUSE, [] {
        Region region(16);
        region.Reserve(8);
        region.Release(10, 2);
    });
}
TEST_F(SystemPteTest, WhatIsNotOfTheRegionCannotBeGivenBack) {
    RunUntilBugCheck(SYSTEM_PTE_MISUSE, [] {
        Region region(16);
        region.Reserve(16);
        region.Release(12, 5);
    });
}

// POL-03: against a model that marks every entry
TEST_F(SystemPteTest, ALongRandomUseKeepsTheRunsRight) {
    Run([] {
        std::mt19937 random(host::Seed());
        constexpr int count = 300;
        Region region(count);
        std::vector<bool> used(count);
        std::map<int, ULONG> runs;
        const auto fits = [&](ULONG length, ULONG alignment) {
            for (int at = 0; at + int(length) <= count; at += int(alignment)) {
                ULONG free = 0;
                while (free < length && !used[at + free])
                    free++;
                if (free == length) return at;
            }
            return -1;
        };
        for (int step = 0; step < 20000; step++) {
            if (runs.empty() || random() % 100 < 52) {
                const ULONG length = 1 + random() % (random() % 4 ? 6 : 40), alignment = 1u << random() % 4;
                const int at = region.Reserve(length, alignment);
                ASSERT_EQ(at, fits(length, alignment)) << "step " << step << ", seed " << host::Seed();
                if (at < 0) continue;
                runs[at] = length;
                for (ULONG i = 0; i < length; i++)
                    used[at + i] = true;
            } else {
                auto run = runs.begin();
                std::advance(run, random() % runs.size());
                const auto [at, length] = *run;
                runs.erase(run);
                const ULONG keep = random() % 3 ? 0 : random() % length; // a front part stays in use
                region.Release(at + int(keep), length - keep);
                if (keep) runs[at] = keep;
                for (ULONG i = keep; i < length; i++)
                    used[at + i] = false;
            }
            ASSERT_EQ(region->TotalFree, ULONG(std::count(used.begin(), used.end(), false)));
            if (step % 16 == 0) ASSERT_TRUE(region.IsRight()) << "step " << step << ", seed " << host::Seed();
        }
    });
}
