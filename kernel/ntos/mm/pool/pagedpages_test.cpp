// Pages of the paged pool: bits and what lies behind them change in an order that other threads may look into.
#include "mm/i386/pte.h"
#include "mm/pool/mipool.h"
#include "machine.h"

#include <functional>

namespace {

constexpr ULONG Pages = 20, Limit = Pages + PTE_PER_PAGE + 5;
UCHAR* const Base = reinterpret_cast<UCHAR*>(ULONG_PTR(0x10000000)); // never touched

/// What the pool asks of page tables and frames; `Meanwhile` is what another thread does then.
struct Asked {
    ULONG Tables = Pages; ///< pages that have page tables
    ULONG Mapped = 0;     ///< pages
    bool NoMemory = false;
    std::function<void()> Meanwhile = [] {};
} Behind;

/// One flow, but other threads' work where the pool's lock is free.
class PagedPagesTest : public testing::Test {
protected:
    PagedPagesTest() {
        Behind = {};
        MiInitializePagedPool(m_pool, Base, Pages, Limit, m_bits);
    }
    int Take(ULONG pages) {
        auto* const address = static_cast<UCHAR*>(MiAllocatePagedPages(m_pool, pages));
        return address ? int((address - Base) / PAGE_SIZE) : -1;
    }
    ULONG Put(int page) { return MiFreePagedPages(m_pool, At(page)); }
    bool Check() {
        nt::SpinLockGuard guard(m_pool.Lock);
        return MiCheckPagedPool(m_pool) && m_pool.Allocated.SizeOfBitMap <= Behind.Tables;
    }
    ULONG Size(int page) {
        nt::SpinLockGuard guard(m_pool.Lock);
        return MiPagedAllocationSize(m_pool, At(page));
    }
    static UCHAR* At(int page) { return Base + page * int(PAGE_SIZE); }

    MI_PAGED_POOL m_pool;
    ULONG m_bits[2 * MiBitmapWords(Limit)];
};

/// Does it once: what it leads to has the others' quiet.
void Once() {
    std::exchange(Behind.Meanwhile, [] {})();
}

} // namespace

bool MiMakePoolTables(PVOID address, ULONG pages) {
    Once();
    if (Behind.NoMemory) return false;
    const ULONG end = ULONG((static_cast<UCHAR*>(address) - Base) / PAGE_SIZE) + pages;
    if (Behind.Tables < end) Behind.Tables = end;
    return true;
}
bool MiMapPoolPages(PVOID, ULONG pages) {
    Once();
    if (Behind.NoMemory) return false;
    Behind.Mapped += pages;
    return true;
}
void MiUnmapPoolPages(PVOID, ULONG pages) {
    Once();
    Behind.Mapped -= pages;
}

// POL-02
TEST_F(PagedPagesTest, PagesLookAllocatedWhileTheyAreMappedAndUnmapped) {
    Behind.Meanwhile = [&] { EXPECT_EQ(Take(3), 4); };
    EXPECT_EQ(Take(4), 0);
    Behind.Meanwhile = [&] { EXPECT_EQ(Take(2), 7) << "not what is being unmapped"; };
    EXPECT_EQ(Put(0), 4u);
    EXPECT_EQ(Put(0), 0u);
    EXPECT_EQ(Behind.Mapped, 5u);
    EXPECT_TRUE(Check());
}

// POL-02
TEST_F(PagedPagesTest, WithoutFramesNothingIsAllocated) {
    Behind.NoMemory = true;
    EXPECT_EQ(Take(4), -1);
    EXPECT_EQ(Take(Pages + 1), -1) << "no page table";
    EXPECT_EQ(Size(0), 0u);
    EXPECT_TRUE(Check());
    Behind.NoMemory = false;
    EXPECT_EQ(Take(4), 0);
}

// POL-02
TEST_F(PagedPagesTest, ItGrowsToTheRangesEndAndNotFurther) {
    EXPECT_EQ(Take(Limit + 1), -1);
    EXPECT_EQ(Behind.Tables, Pages) << "what cannot help is not made";
    EXPECT_EQ(Take(Pages), 0);
    EXPECT_EQ(Take(PTE_PER_PAGE + 5), int(Pages));
    EXPECT_EQ(Take(1), -1);
    EXPECT_EQ(Behind.Mapped, Limit);
    EXPECT_TRUE(Check());
}

// POL-02: two threads grow the pool; the second finds it larger than it was, and has no page tables for more
TEST_F(PagedPagesTest, TwoThreadsGrowItOnce) {
    EXPECT_EQ(Take(Pages), 0);
    Behind.Meanwhile = [&] { EXPECT_EQ(Take(PTE_PER_PAGE), int(Pages)); };
    EXPECT_EQ(Take(3), int(Pages + PTE_PER_PAGE)) << "it grows once more";
    EXPECT_TRUE(Check());
}
