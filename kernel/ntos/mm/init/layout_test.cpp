// The layout from 8 MB to 3.5 GB: regions that do not meet, sizes that grow with the memory.
#include "mm/init/layout.h"

#include <gtest/gtest.h>

#include <random>

namespace {

constexpr ULONG PagesPerMb = 256;
constexpr ULONG PfnEntry = 24;
constexpr ULONG_PTR KB = 1024, MB = 1024 * KB;

MI_LAYOUT Of(ULONG megabytes) { return MiComputeLayout(megabytes * PagesPerMb, megabytes * PagesPerMb - 1); }

void ExpectSound(const MI_LAYOUT& layout, PFN_NUMBER highestPage) {
    for (const ULONG_PTR end : {layout.PfnDatabaseEnd, layout.NonPagedPoolStart, layout.NonPagedPoolExpansionStart,
                                layout.NonPagedPoolEnd, layout.PagedPoolEnd, layout.SystemPteEnd})
        EXPECT_EQ(end % PAGE_SIZE, 0u);
    EXPECT_GE(layout.PfnDatabaseEnd, MM_PFN_DATABASE + (ULONG_PTR(highestPage) + 1) * PfnEntry);
    EXPECT_GE(layout.NonPagedPoolStart, layout.PfnDatabaseEnd);
    EXPECT_GT(layout.NonPagedPoolExpansionStart, layout.NonPagedPoolStart);
    EXPECT_GT(layout.NonPagedPoolEnd, layout.NonPagedPoolExpansionStart);
    EXPECT_LE(layout.NonPagedPoolEnd, MM_SYSTEM_VIEW_START);
    EXPECT_GT(layout.PagedPoolEnd, MM_PAGED_POOL_START);
    EXPECT_LE(layout.PagedPoolEnd, MM_SYSTEM_PTE_START);
    EXPECT_GT(layout.SystemPteEnd, MM_SYSTEM_PTE_START);
    EXPECT_LE(layout.SystemPteEnd, MM_HAL_START);
}

} // namespace

// MEM-01, MEM-02
TEST(SystemLayout, RegionsDoNotMeetAtAnyAmountOfMemory) {
    for (ULONG megabytes = 8; megabytes <= 3584; megabytes++)
        ExpectSound(Of(megabytes), megabytes * PagesPerMb - 1);
}

// MEM-02: holes and single pages
TEST(SystemLayout, HolesMakeTheDatabaseLargerOnly) {
    std::mt19937 random(7);
    for (int turn = 0; turn < 1000; turn++) {
        const PFN_NUMBER highest = 2047 + random() % (MM_PAGE_LIMIT - 2047);
        const PFN_NUMBER pages = 2048 + random() % (highest - 2046);
        const MI_LAYOUT layout = MiComputeLayout(pages, highest);
        ExpectSound(layout, highest);
        const MI_LAYOUT dense = MiComputeLayout(pages, pages - 1);
        EXPECT_EQ(layout.NonPagedPoolExpansionStart - layout.NonPagedPoolStart,
                  dense.NonPagedPoolExpansionStart - dense.NonPagedPoolStart);
        EXPECT_EQ(layout.PagedPoolEnd, dense.PagedPoolEnd);
        EXPECT_EQ(layout.SystemPteEnd, dense.SystemPteEnd);
    }
}

// MEM-02
TEST(SystemLayout, MoreMemoryNeverMakesARegionSmaller) {
    MI_LAYOUT before = Of(8);
    for (ULONG megabytes = 9; megabytes <= 3584; megabytes++) {
        const MI_LAYOUT now = Of(megabytes);
        EXPECT_GE(now.PfnDatabaseEnd, before.PfnDatabaseEnd);
        EXPECT_GE(now.NonPagedPoolExpansionStart - now.NonPagedPoolStart,
                  before.NonPagedPoolExpansionStart - before.NonPagedPoolStart);
        EXPECT_GE(now.NonPagedPoolEnd, before.NonPagedPoolEnd);
        EXPECT_GE(now.PagedPoolEnd, before.PagedPoolEnd);
        EXPECT_GE(now.SystemPteEnd, before.SystemPteEnd);
        before = now;
    }
}

// MEM-02: the sizes that the books give
TEST(SystemLayout, SizesFollowTheMemory) {
    const MI_LAYOUT small = Of(16), large = Of(3584);
    EXPECT_EQ(small.PfnDatabaseEnd, MM_PFN_DATABASE + 24 * PAGE_SIZE); // 4,096 pages of 24 bytes each
    EXPECT_EQ(small.NonPagedPoolExpansionStart - small.NonPagedPoolStart, 256 * KB + 12 * 32 * KB);
    EXPECT_GE(small.NonPagedPoolEnd - small.NonPagedPoolStart, 1 * MB + 12 * 400 * KB);
    EXPECT_EQ(small.PagedPoolEnd - MM_PAGED_POOL_START, 48 * MB);
    EXPECT_EQ(small.SystemPteEnd - MM_SYSTEM_PTE_START, 32 * MB);
    EXPECT_EQ(large.PagedPoolEnd, MM_SYSTEM_PTE_START);
    EXPECT_EQ(large.SystemPteEnd, MM_HAL_START);
    EXPECT_EQ(large.NonPagedPoolExpansionStart - large.NonPagedPoolStart, 32 * MB);
}
