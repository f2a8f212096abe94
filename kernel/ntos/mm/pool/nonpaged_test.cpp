// Runs of non-paged pages: taken, joined, grown; and a random walk against a model.
#include "mm/pool/mipool.h"
#include "machine.h"

#include <cstdlib>
#include <random>

namespace {

constexpr ULONG Pages = 200;

/// A pool over pages of the host's. One flow: there is no other user to lock out.
class NonPagedTest : public testing::Test {
protected:
    NonPagedTest() {
        m_base = static_cast<UCHAR*>(std::aligned_alloc(PAGE_SIZE, Pages * PAGE_SIZE));
        MiInitializeNonPagedPool(m_pool, m_base, Pages, m_bits);
    }
    ~NonPagedTest() override { std::free(m_base); }
    void Grow(ULONG pages) {
        PVOID const address = MiExpandNonPagedPool(m_pool, pages);
        ASSERT_NE(address, nullptr);
        EXPECT_EQ(MiPutNonPagedPages(m_pool, address), pages);
    }
    /// @returns the page number; -1: none
    int Take(ULONG pages) {
        auto* const address = static_cast<UCHAR*>(MiTakeNonPagedPages(m_pool, pages));
        return address ? int((address - m_base) / PAGE_SIZE) : -1;
    }
    ULONG Put(int page) { return MiPutNonPagedPages(m_pool, At(page)); }
    bool Check() { return MiCheckNonPagedPool(m_pool); }
    ULONG Free() { return m_pool.FreePages; }
    UCHAR* At(int page) { return m_base + page * int(PAGE_SIZE); }

    MI_NONPAGED_POOL m_pool;
    ULONG m_bits[3 * MiBitmapWords(Pages)];
    UCHAR* m_base;
};

} // namespace

// POL-01
TEST_F(NonPagedTest, TheFreePageIsTheNode) {
    Grow(8);
    auto* const node = reinterpret_cast<MMFREE_POOL_ENTRY*>(m_base);
    EXPECT_EQ(m_pool.FreeList[3].Flink, &node->List);
    EXPECT_EQ(node->Size, 8u);
    EXPECT_EQ(reinterpret_cast<MMFREE_POOL_ENTRY*>(At(7))->Owner, node);
    EXPECT_EQ(Take(6), 2) << "the end is taken";
    EXPECT_EQ(m_pool.FreeList[1].Flink, &node->List) << "two pages are left";
    EXPECT_TRUE(Check());
}

// POL-01
TEST_F(NonPagedTest, RunsJoinWithBothNeighbours) {
    Grow(12);
    const int c = Take(4), b = Take(4), a = Take(4);
    EXPECT_TRUE(a == 0 && b == 4 && c == 8);
    EXPECT_EQ(Take(1), -1);
    EXPECT_EQ(Put(a), 4u);
    EXPECT_EQ(Put(c), 4u);
    EXPECT_EQ(Take(8), -1);
    EXPECT_EQ(Put(b), 4u);
    EXPECT_TRUE(Check());
    EXPECT_EQ(Take(12), 0);
}

// POL-01
TEST_F(NonPagedTest, AFreeThatIsNoneIsNoticed) {
    Grow(8);
    const int block = Take(4);
    EXPECT_EQ(Put(block + 1), 0u) << "its middle";
    EXPECT_EQ(Put(0), 0u) << "free";
    EXPECT_EQ(Put(20), 0u) << "not mapped";
    EXPECT_EQ(Put(int(Pages)), 0u);
    EXPECT_EQ(Put(block), 4u);
    EXPECT_EQ(Put(block), 0u) << "twice";
}

// POL-01
TEST_F(NonPagedTest, GrowthJoinsAndAnAbandonedOneLeavesNothing) {
    Grow(4);
    Grow(4);
    EXPECT_EQ(Take(8), 0);
    PVOID const gap = MiExpandNonPagedPool(m_pool, 10);
    Grow(5);
    MiAbandonExpansion(m_pool, gap, 10);
    EXPECT_TRUE(Check());
    EXPECT_EQ(m_pool.MappedPages, 13u);
    EXPECT_EQ(MiExpandNonPagedPool(m_pool, Pages), nullptr);
    Grow(10); // closes the gap
    EXPECT_EQ(Take(15), 8);
    EXPECT_TRUE(Check());
}

// POL-01: no overlap, sums, invariants; everything joins in the end
TEST_F(NonPagedTest, RandomWalkAgainstAModel) {
    std::mt19937 random(host::Seed());
    std::vector<std::pair<int, ULONG>> taken;
    std::vector<bool> used(Pages);
    ULONG mapped = 0, inUse = 0;
    for (int step = 0; step < 20'000; step++) {
        const ULONG pages = 1 + random() % (random() % 4 == 0 ? 20 : 4);
        if (random() % 100 < 52 || taken.empty()) {
            const int page = Take(pages);
            if (page < 0) {
                if (mapped + 16 <= Pages) Grow(16), mapped += 16;
                continue;
            }
            for (ULONG at = 0; at < pages; at++) {
                ASSERT_FALSE(used[ULONG(page) + at]);
                used[ULONG(page) + at] = true;
                memset(At(page + int(at)), page, PAGE_SIZE);
            }
            taken.emplace_back(page, pages);
            inUse += pages;
        } else {
            std::swap(taken[random() % taken.size()], taken.back());
            const auto [page, size] = taken.back();
            taken.pop_back();
            for (ULONG at = 0; at < size; at++) {
                ASSERT_EQ(*At(page + int(at)), UCHAR(page));
                ASSERT_EQ(At(page + int(at))[PAGE_SIZE - 1], UCHAR(page));
                used[ULONG(page) + at] = false;
            }
            ASSERT_EQ(Put(page), size);
            inUse -= size;
        }
        ASSERT_EQ(Free(), mapped - inUse);
        if (step % 200 == 0) ASSERT_TRUE(Check());
    }
    for (const auto& [page, size] : taken)
        (void)Put(page);
    EXPECT_TRUE(Check());
    EXPECT_EQ(Take(mapped), 0);
}

// POL-01: the check finds each kind of damage
TEST_F(NonPagedTest, TheCheckFindsDamage) {
    Grow(8);
    (void)Take(2);
    EXPECT_TRUE(Check());
    auto* const node = reinterpret_cast<MMFREE_POOL_ENTRY*>(m_base);
    node->Size = 7;
    EXPECT_FALSE(Check());
    node->Size = 6;
    node->Owner = nullptr;
    EXPECT_FALSE(Check());
    node->Owner = node;
    m_pool.FreePages++;
    EXPECT_FALSE(Check());
    m_pool.FreePages--;
    RtlSetBit(&m_pool.Start, 7);
    EXPECT_FALSE(Check());
    RtlClearBit(&m_pool.Start, 7);
    EXPECT_TRUE(Check());
}
