// The paged pool's bitmaps: the first run that fits, the ends of allocations, growth, and a random walk against a model.
#include "mm/i386/pte.h"
#include "mm/pool/mipool.h"
#include "machine.h"

#include <random>

namespace {

constexpr ULONG Pages = 150;                                         ///< at first
constexpr ULONG Limit = Pages + 2 * PTE_PER_PAGE + 7;                ///< of the range
UCHAR* const Base = reinterpret_cast<UCHAR*>(ULONG_PTR(0x10000000)); // never touched

/// One flow: there is no other user to lock out.
class PagedTest : public testing::Test {
protected:
    PagedTest() { MiInitializePagedPool(m_pool, Base, Pages, Limit, m_bits); }
    int Take(ULONG pages) {
        auto* const address = static_cast<UCHAR*>(MiReservePagedPages(m_pool, pages));
        return address ? int((address - Base) / PAGE_SIZE) : -1;
    }
    ULONG SizeAt(const UCHAR* address) { return MiPagedAllocationSize(m_pool, address); }
    ULONG Size(int page) { return MiPagedAllocationSize(m_pool, At(page)); }
    ULONG Put(int page) {
        const ULONG pages = Size(page);
        if (pages != 0) MiReleasePagedPages(m_pool, At(page), pages);
        return pages;
    }
    ULONG Growth(ULONG pages) { return MiPagedGrowth(m_pool, pages); }
    void Expand(ULONG pages) { MiExpandPagedPool(m_pool, pages); }
    bool Check() { return MiCheckPagedPool(m_pool); }
    static UCHAR* At(int page) { return Base + page * int(PAGE_SIZE); }

    MI_PAGED_POOL m_pool;
    ULONG m_bits[2 * MiBitmapWords(Limit)];
};

} // namespace

// POL-02
TEST_F(PagedTest, TheFirstRunOfClearBitsIsTaken) {
    EXPECT_EQ(Take(3), 0);
    EXPECT_EQ(Take(5), 3);
    EXPECT_EQ(Take(2), 8);
    EXPECT_EQ(Put(3), 5u);
    EXPECT_EQ(Take(6), 10) << "the gap is too small";
    EXPECT_EQ(Take(4), 3);
    EXPECT_EQ(Take(2), 16);
    EXPECT_EQ(Take(1), 7) << "the gap's last page";
    EXPECT_TRUE(Check());
}

// POL-02: neighbours are one row of set bits; the second bitmap tells where one ends
TEST_F(PagedTest, EndsSeparateNeighbours) {
    (void)Take(3);
    (void)Take(1);
    (void)Take(4);
    EXPECT_TRUE(Size(0) == 3 && Size(3) == 1 && Size(4) == 4);
    for (const int inside : {1, 2, 5, 6, 7, 8, int(Pages)})
        EXPECT_EQ(Size(inside), 0u);
    EXPECT_EQ(SizeAt(At(0) + 8), 0u) << "inside a page";
    EXPECT_EQ(SizeAt(At(0) - 8), 0u) << "before the pool";
    EXPECT_EQ(Put(3), 1u);
    EXPECT_EQ(Put(3), 0u) << "twice";
    EXPECT_TRUE(Size(0) == 3 && Size(4) == 4);
}

// POL-02
TEST_F(PagedTest, FullAndEmptyAgain) {
    EXPECT_EQ(Take(Pages + 1), -1);
    EXPECT_EQ(Take(Pages), 0);
    EXPECT_EQ(Take(1), -1);
    EXPECT_EQ(Put(0), Pages);
    EXPECT_EQ(Take(1), 0);
    EXPECT_TRUE(Check());
}

// POL-02
TEST_F(PagedTest, RandomWalkAgainstAModel) {
    std::mt19937 random(host::Seed());
    std::vector<bool> used(Pages);
    std::vector<std::pair<int, ULONG>> taken;
    const auto firstRun = [&](ULONG pages) {
        for (ULONG page = 0, run = 0; page < Pages; page++) {
            run = used[page] ? 0 : run + 1;
            if (run == pages) return int(page + 1 - pages);
        }
        return -1;
    };
    for (int step = 0; step < 20'000; step++) {
        if (random() % 100 < 52 || taken.empty()) {
            const ULONG pages = 1 + random() % 12;
            const int expected = firstRun(pages), page = Take(pages);
            ASSERT_EQ(page, expected);
            if (page < 0) continue;
            for (ULONG at = 0; at < pages; at++)
                used[ULONG(page) + at] = true;
            taken.emplace_back(page, pages);
        } else {
            std::swap(taken[random() % taken.size()], taken.back());
            const auto [page, size] = taken.back();
            taken.pop_back();
            ASSERT_EQ(Put(page), size);
            for (ULONG at = 0; at < size; at++)
                used[ULONG(page) + at] = false;
        }
        if (step % 100 == 0) ASSERT_TRUE(Check());
        ASSERT_EQ(m_pool.FreePages, ULONG(std::count(used.begin(), used.end(), false)));
    }
}

// POL-02: by whole page tables, as few as suffice behind what is free at the end
TEST_F(PagedTest, ThePoolGrowsByAsManyPageTablesAsSuffice) {
    EXPECT_EQ(Growth(Pages + 1), PTE_PER_PAGE);
    EXPECT_EQ(Growth(Pages + PTE_PER_PAGE), PTE_PER_PAGE);
    EXPECT_EQ(Growth(Pages + PTE_PER_PAGE + 1), 2 * PTE_PER_PAGE);
    EXPECT_EQ(Growth(Pages + 2 * PTE_PER_PAGE + 1), Limit - Pages) << "the range's rest has no whole table";
    EXPECT_EQ(Growth(Limit), Limit - Pages);
    EXPECT_EQ(Growth(Limit + 1), 0u);
    EXPECT_EQ(Take(Pages), 0);
    EXPECT_EQ(Growth(1), PTE_PER_PAGE);
    EXPECT_EQ(Growth(PTE_PER_PAGE + 1), 2 * PTE_PER_PAGE);
    EXPECT_EQ(Growth(Limit - Pages + 1), 0u);
    Expand(2 * PTE_PER_PAGE);
    EXPECT_TRUE(Check());
    EXPECT_EQ(Take(2 * PTE_PER_PAGE), int(Pages));
    EXPECT_EQ(Growth(7), 7u);
    EXPECT_EQ(Growth(8), 0u);
    Expand(7);
    EXPECT_EQ(Take(8), -1);
    EXPECT_EQ(Put(0), Pages);
    EXPECT_EQ(Take(8), 0) << "the hint went back";
    EXPECT_TRUE(Check());
}

// POL-02: the check finds each kind of damage
TEST_F(PagedTest, TheCheckFindsDamage) {
    (void)Take(4);
    RtlSetBit(&m_pool.EndOfAllocation, 9);
    EXPECT_FALSE(Check());
    RtlClearBit(&m_pool.EndOfAllocation, 9);
    RtlClearBit(&m_pool.EndOfAllocation, 3);
    EXPECT_FALSE(Check());
    RtlSetBit(&m_pool.EndOfAllocation, 3);
    EXPECT_TRUE(Check());
    m_pool.Hint++;
    EXPECT_FALSE(Check());
    m_pool.Hint--;
    m_pool.FreePages++;
    EXPECT_FALSE(Check());
}
