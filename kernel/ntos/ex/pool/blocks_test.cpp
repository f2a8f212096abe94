// Blocks of a pool: splitting, joining with both neighbours, and a random walk against a model.
#include "ex/pool/expool.h"
#include "machine.h"

#include <map>
#include <memory>
#include <random>

namespace {

struct alignas(PAGE_SIZE) Page {
    UCHAR Bytes[PAGE_SIZE];
};

/// A pool over pages of the host's.
class BlocksTest : public testing::Test {
protected:
    BlocksTest() : m_pool(std::make_unique<POOL_DESCRIPTOR>()) { ExpInitializePoolDescriptor(*m_pool, NonPagedPool); }

    // The tests have one flow: the lock is not taken.
    POOL_HEADER* Take(ULONG units) {
        if (POOL_HEADER* const header = ExpTakeBlock(*m_pool, units)) return header;
        auto page = std::make_unique<Page>();
        memset(page->Bytes, 0xAA, PAGE_SIZE);
        POOL_HEADER* const header = ExpCutPage(*m_pool, page->Bytes, units);
        m_pages[page->Bytes] = std::move(page);
        return header;
    }
    /// @returns whether the block's page was given back
    bool Put(POOL_HEADER* header) {
        auto* const page = static_cast<UCHAR*>(ExpPutBlock(*m_pool, header));
        if (!page) return false;
        EXPECT_EQ(m_pages.erase(page), 1u);
        return true;
    }
    void CheckAll() {
        EXPECT_TRUE(ExpCheckPoolLists(*m_pool));
        EXPECT_EQ(m_pool->TotalPages, m_pages.size());
        for (const auto& [address, page] : m_pages)
            EXPECT_EQ(ExpCheckPoolPage(*m_pool, address), POOL_PAGE_UNITS);
    }
    ULONG CheckPage(UCHAR* page) { return ExpCheckPoolPage(*m_pool, page); }
    static ULONG OffsetOf(POOL_HEADER* header) { return ULONG(ExpAddressOf(header) % PAGE_SIZE) / POOL_SMALLEST_UNIT; }

    std::unique_ptr<POOL_DESCRIPTOR> m_pool;
    std::map<UCHAR*, std::unique_ptr<Page>> m_pages;
};

} // namespace

// POL-04
TEST_F(BlocksTest, APagesFirstBlockIsItsFrontLaterOnesComeFromTheEnd) {
    POOL_HEADER* const first = Take(10);
    POOL_HEADER* const second = Take(20);
    POOL_HEADER* const third = Take(30);
    EXPECT_EQ(OffsetOf(first), 0u);
    EXPECT_EQ(OffsetOf(second), POOL_PAGE_UNITS - 20);
    EXPECT_EQ(OffsetOf(third), POOL_PAGE_UNITS - 50);
    EXPECT_EQ(second->PreviousSize, 30u);
    CheckAll();
}

// POL-04
TEST_F(BlocksTest, AFreeBlockAtAPagesStartGivesItsFront) {
    POOL_HEADER* const first = Take(100);
    (void)Take(POOL_PAGE_UNITS - 100);
    EXPECT_FALSE(Put(first));
    POOL_HEADER* const again = Take(40);
    EXPECT_EQ(again, first);
    POOL_HEADER* const behind = Take(60);
    EXPECT_EQ(OffsetOf(behind), 40u);
    CheckAll();
}

// POL-04
TEST_F(BlocksTest, AnExactFitIsNotSplit) {
    POOL_HEADER* const first = Take(POOL_PAGE_UNITS - 50);
    POOL_HEADER* const rest = Take(50);
    EXPECT_EQ(OffsetOf(rest), POOL_PAGE_UNITS - 50);
    EXPECT_EQ(rest->BlockSize, 50u);
    EXPECT_EQ(m_pages.size(), 1u);
    EXPECT_FALSE(Put(rest));
    EXPECT_TRUE(Put(first));
    CheckAll();
}

// POL-04: of three neighbours the middle one is freed at each place of the order
TEST_F(BlocksTest, NeighboursJoinInEveryOrder) {
    const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (const auto& order : orders) {
        POOL_HEADER* const guard = Take(100); // keeps the page
        POOL_HEADER* blocks[3] = {Take(50), Take(60), Take(302)};
        EXPECT_EQ(m_pages.size(), 1u);
        for (const int which : order)
            EXPECT_FALSE(Put(blocks[which]));
        CheckAll();
        POOL_HEADER* const whole = Take(POOL_PAGE_UNITS - 100);
        EXPECT_EQ(OffsetOf(whole), 100u);
        EXPECT_EQ(m_pages.size(), 1u);
        EXPECT_FALSE(Put(whole));
        EXPECT_TRUE(Put(guard));
    }
    EXPECT_TRUE(m_pages.empty());
}

// POL-04: what is too small for a list entry is free all the same, and joins
TEST_F(BlocksTest, ARestTooSmallForAListJoinsLater) {
    const ULONG units = POOL_PAGE_UNITS - 1;
    POOL_HEADER* const first = Take(units);
    EXPECT_EQ(first->BlockSize, units);
    CheckAll();
    EXPECT_TRUE(Put(first));
    CheckAll();
}

// POL-04
TEST_F(BlocksTest, TheSmallestListThatSufficesIsTaken) {
    POOL_HEADER* const small = Take(64);
    POOL_HEADER* const wall = Take(8);
    POOL_HEADER* const fill = Take(POOL_PAGE_UNITS - 72); // page 1 is full
    Put(small);                                           // a free block of 64
    POOL_HEADER* const other = Take(400);                 // page 2: a free block of 112
    POOL_HEADER* const taken = Take(60);
    EXPECT_EQ(ExpPageOf(taken), ExpPageOf(wall));
    POOL_HEADER* const larger = Take(70);
    EXPECT_EQ(ExpPageOf(larger), ExpPageOf(other));
    CheckAll();
    for (POOL_HEADER* header : {wall, fill, other, taken, larger})
        Put(header);
    EXPECT_TRUE(m_pages.empty());
}

// POL-04: the walk finds each kind of damage
TEST_F(BlocksTest, TheWalkFindsDamage) {
    POOL_HEADER* const first = Take(10);
    POOL_HEADER* const second = Take(20);
    UCHAR* const page = ExpPageOf(first);
    ASSERT_EQ(CheckPage(page), POOL_PAGE_UNITS);
    const POOL_HEADER was = *second;
    second->PreviousSize ^= 1;
    EXPECT_EQ(CheckPage(page), OffsetOf(second));
    *second = was;
    second->BlockSize = 0;
    EXPECT_EQ(CheckPage(page), OffsetOf(second));
    *second = was;
    second->PoolType = POOL_FREE_BLOCK; // two free ones are neighbours
    EXPECT_EQ(CheckPage(page), OffsetOf(second));
    *second = was;
    first->PoolType = POOL_FREE_BLOCK; // on no list
    EXPECT_EQ(CheckPage(page), 0u);
    first->PoolType = 1 + ULONG(NonPagedPool);
    EXPECT_EQ(CheckPage(page), POOL_PAGE_UNITS);
}

// POL-04, TRP-09
TEST_F(BlocksTest, AWrittenFreeBlockIsABugcheck) {
    (void)Take(10);
    POOL_HEADER* const freed = Take(20);
    (void)Take(30);
    (void)Put(freed);
    static_cast<LIST_ENTRY*>(ExpBodyOf(freed))->Flink = &m_pool->ListHeads[3];
    EXPECT_THROW((void)Take(20), host::BrokenAssertion);
}

// POL-04: contents stay, blocks do not overlap, sums and invariants hold
TEST_F(BlocksTest, RandomWalkAgainstAModel) {
    struct BLOCK {
        POOL_HEADER* Header;
        ULONG Units;
        UCHAR Fill;
    };
    std::mt19937 random(host::Seed());
    std::vector<BLOCK> blocks;
    SIZE_T bytes = 0;
    for (int step = 0; step < 20'000; step++) {
        const bool grow = random() % 100 < (step / 2000 % 2 ? 40 : 60);
        if (grow || blocks.empty()) {
            const ULONG largest = random() % 8 == 0 ? POOL_PAGE_UNITS - 1 : 40;
            const ULONG units = POOL_LEAST_UNITS + random() % (largest - POOL_LEAST_UNITS + 1);
            BLOCK block{Take(units), units, UCHAR(random())};
            ASSERT_EQ(block.Header->BlockSize, units);
            memset(ExpBodyOf(block.Header), block.Fill, (units - 1) * POOL_SMALLEST_UNIT);
            blocks.push_back(block);
            bytes += units * POOL_SMALLEST_UNIT;
        } else {
            std::swap(blocks[random() % blocks.size()], blocks.back());
            const BLOCK block = blocks.back();
            blocks.pop_back();
            const auto* const body = static_cast<const UCHAR*>(ExpBodyOf(block.Header));
            for (ULONG at = 0; at < (block.Units - 1) * POOL_SMALLEST_UNIT; at++)
                ASSERT_EQ(body[at], block.Fill);
            bytes -= block.Units * POOL_SMALLEST_UNIT;
            (void)Put(block.Header);
        }
        ASSERT_EQ(m_pool->TotalBytes, bytes);
        if (step % 500 == 0) CheckAll();
        if (HasFailure()) return;
    }
    for (const BLOCK& block : blocks)
        (void)Put(block.Header);
    EXPECT_TRUE(m_pages.empty());
    EXPECT_EQ(m_pool->TotalBytes, 0u);
    EXPECT_EQ(m_pool->RunningAllocs, m_pool->RunningDeAllocs);
    CheckAll();
}
