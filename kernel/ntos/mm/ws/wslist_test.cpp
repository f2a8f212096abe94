// The working set list and its hash table: growth, lookups, locks, shrinking, and a random walk against a model.
// PFN-11, PFN-13
#include "fakeset.h"
#include "machine.h"

#include <random>

namespace {

/// A working set, checked by its invariants at the end of each test.
class WorkingSetListTest : public testing::Test {
protected:
    void TearDown() override { EXPECT_STREQ(MiCheckWorkingSet(&set.Set), nullptr); }
    host::FakeSet set;
};

// PFN-13
TEST_F(WorkingSetListTest, EntryHoldsThePageAndItsAttributes) {
    const ULONG index = set.Add(0x12345, true, 6);
    EXPECT_EQ(set.Find(0x12345), index);
    EXPECT_EQ(set.Entry(0x12345).VirtualPageNumber, 0x12345u);
    EXPECT_EQ(set.Entry(0x12345).Protection, 6u);
    EXPECT_EQ(set.Entry(0x12345).Age, 0u);
    EXPECT_EQ(set.Set.WorkingSetSize, 1u);
    EXPECT_EQ(set.List()->HashTableSize, 0u) << "a direct entry needs no hash table";
    set.Remove(0x12345);
    EXPECT_EQ(set.Find(0x12345), WSLE_NULL_INDEX);
    EXPECT_EQ(set.Set.WorkingSetSize, 0u);
    EXPECT_EQ(set.Set.PeakWorkingSetSize, 1u);
}

// PFN-13
TEST_F(WorkingSetListTest, HintOfAnotherProcessIsNotTaken) {
    const ULONG own = set.Add(0x100, false), other = set.Add(0x200);
    set.Pages[0x100].WsIndex = other; // the page's index is one of another process's list
    EXPECT_EQ(set.Find(0x100), own);
    set.Pages[0x100].WsIndex = 0xFFFFFFF;
    EXPECT_EQ(set.Find(0x100), own);
}

// PFN-13: a page that is deleted takes its locks along; the other locked one stays where locked entries are
TEST_F(WorkingSetListTest, LockedEntryIsReleasedWithItsLocks) {
    for (ULONG vpn = 0; vpn < 5; vpn++)
        set.Add(vpn);
    MiLockWsle(&set.Set, set.Find(1), MI_WSLE_LOCK::InWorkingSet);
    MiLockWsle(&set.Set, set.Find(1), MI_WSLE_LOCK::InMemory);
    MiLockWsle(&set.Set, set.Find(3), MI_WSLE_LOCK::InMemory);
    ASSERT_EQ(set.List()->FirstDynamic, 2u);
    MiReleaseLockedWsle(&set.Set, set.Find(1));
    EXPECT_EQ(set.List()->FirstDynamic, 1u);
    EXPECT_EQ(set.Set.WorkingSetSize, 4u);
    EXPECT_LT(set.Find(3), 1u);
    EXPECT_STREQ(MiCheckWorkingSet(&set.Set), nullptr);
    MiReleaseLockedWsle(&set.Set, set.Find(4)); // one without a lock, too
    EXPECT_EQ(set.List()->FirstDynamic, 1u);
    EXPECT_EQ(set.Set.WorkingSetSize, 3u);
}

// PFN-11
TEST_F(WorkingSetListTest, GrowsByAPageAndUsesFreeEntriesFirst) {
    const ULONG first = set.List()->LastInitializedWsle + 1;
    for (ULONG i = 0; i < first; i++)
        set.Add(i);
    EXPECT_EQ(set.MappedPages(), 0u);
    set.MemoryIsShort = true;
    EXPECT_EQ(set.Add(first), WSLE_NULL_INDEX);
    EXPECT_EQ(set.Set.WorkingSetSize, first);
    set.Remove(7);
    EXPECT_EQ(set.Add(7), 7u);
    set.MemoryIsShort = false;
    EXPECT_EQ(set.Add(first), first);
    EXPECT_EQ(set.MappedPages(), 1u);
    EXPECT_EQ(set.List()->LastInitializedWsle, first + PAGE_SIZE / sizeof(MMWSLE) - 1);
}

// PFN-11
TEST(WorkingSetList, EndsAtItsRoom) {
    host::FakeSet set(2, 1);
    for (ULONG i = 0; i < set.List()->MaximumEntries; i++)
        ASSERT_NE(set.Add(i), WSLE_NULL_INDEX);
    EXPECT_EQ(set.Add(99999), WSLE_NULL_INDEX);
    EXPECT_STREQ(MiCheckWorkingSet(&set.Set), nullptr);
}

// PFN-13
TEST(WorkingSetList, FullOrMissingHashTableLosesNothing) {
    host::FakeSet set(8, 1); // one page of slots, 512
    set.MemoryIsShort = true;
    for (ULONG i = 0; i < 100; i++)
        set.Add(i * 16, false);
    EXPECT_EQ(set.List()->HashTableSize, 0u);
    for (ULONG i = 0; i < 100; i++)
        ASSERT_NE(set.Find(i * 16), WSLE_NULL_INDEX);
    set.MemoryIsShort = false;
    for (ULONG i = 100; i < 700; i++)
        set.Add(i * 16, false);
    EXPECT_EQ(set.List()->HashTableSize, 512u);
    EXPECT_EQ(set.List()->HashedCount, 511u) << "one slot stays empty: searches end there";
    for (ULONG i = 0; i < 700; i++)
        ASSERT_NE(set.Find(i * 16), WSLE_NULL_INDEX);
    ASSERT_EQ(set.Find(1), WSLE_NULL_INDEX);
    for (ULONG i = 0; i < 700; i += 2)
        set.Remove(i * 16);
    for (ULONG i = 0; i < 700; i++)
        ASSERT_EQ(set.Find(i * 16) != WSLE_NULL_INDEX, i % 2 == 1) << i;
    EXPECT_STREQ(MiCheckWorkingSet(&set.Set), nullptr);
}

// PFN-13
TEST(WorkingSetList, HashTableThatCannotGrowWholeStaysAsItWas) {
    host::FakeSet set(64, 3); // from one page of slots to two, but four are too many
    for (ULONG i = 0; i < 2000; i++)
        set.Add(i, false);
    EXPECT_EQ(set.List()->HashTableSize, 1024u);
    for (ULONG i = 0; i < 2000; i++)
        ASSERT_NE(set.Find(i), WSLE_NULL_INDEX);
    EXPECT_STREQ(MiCheckWorkingSet(&set.Set), nullptr);
}

// PFN-11
TEST_F(WorkingSetListTest, LockedEntriesLieBelowFirstDynamic) {
    for (ULONG i = 0; i < 10; i++)
        set.Add(i, i % 2 == 0);
    EXPECT_EQ(MiLockWsle(&set.Set, set.Find(7), MI_WSLE_LOCK::InWorkingSet), 0u);
    EXPECT_EQ(MiLockWsle(&set.Set, set.Find(4), MI_WSLE_LOCK::InMemory), 1u);
    EXPECT_EQ(MiLockWsle(&set.Set, set.Find(7), MI_WSLE_LOCK::InMemory), 0u) << "it is there already";
    EXPECT_EQ(set.List()->FirstDynamic, 2u);
    EXPECT_STREQ(MiCheckWorkingSet(&set.Set), nullptr);
    for (ULONG i = 0; i < 10; i++)
        EXPECT_EQ(set.Entry(i).VirtualPageNumber, i) << "found after the moves";
    EXPECT_EQ(MiUnlockWsle(&set.Set, 0, MI_WSLE_LOCK::InWorkingSet), 0u) << "the other lock holds it";
    EXPECT_EQ(MiUnlockWsle(&set.Set, 0, MI_WSLE_LOCK::InMemory), 1u);
    EXPECT_EQ(set.List()->FirstDynamic, 1u);
    EXPECT_EQ(set.Find(7), 1u);
    EXPECT_EQ(set.Find(4), 0u);
    EXPECT_THROW(MiReleaseWsle(&set.Set, 0), host::BrokenAssertion) << "a locked entry is not released";
}

// PFN-11
TEST_F(WorkingSetListTest, SwapWithAFreeEntryKeepsTheFreeListWhole) {
    for (ULONG i = 0; i < 6; i++)
        set.Add(i);
    set.Remove(1);
    set.Remove(3); // free: 3, 1, 6, 7 ...
    MiSwapWslEntries(&set.Set, 1, set.Find(5));
    EXPECT_STREQ(MiCheckWorkingSet(&set.Set), nullptr);
    EXPECT_EQ(set.Find(5), 1u);
    MiSwapWslEntries(&set.Set, set.Find(0), 3); // the free list's head
    EXPECT_STREQ(MiCheckWorkingSet(&set.Set), nullptr);
    EXPECT_EQ(set.Find(0), 3u);
    EXPECT_EQ(set.Add(8), 0u);
    EXPECT_EQ(set.Add(9), 5u);
}

// PFN-11
TEST_F(WorkingSetListTest, ShrinkingMovesEntriesDownAndGivesPagesBack) {
    for (ULONG i = 0; i < 5000; i++)
        set.Add(i, i % 3 != 0);
    const ULONG mapped = set.MappedPages();
    for (ULONG i = 0; i < 4990; i++)
        set.Remove(i);
    const ULONG hashPages = set.List()->HashTableSize * ULONG(sizeof(MMWSLE_HASH)) / PAGE_SIZE;
    EXPECT_EQ(MiShrinkWorkingSetList(&set.Set), mapped - hashPages);
    EXPECT_EQ(set.MappedPages(), hashPages);
    EXPECT_EQ(set.List()->LastEntry, 9u);
    EXPECT_STREQ(MiCheckWorkingSet(&set.Set), nullptr);
    for (ULONG i = 4990; i < 5000; i++)
        EXPECT_LT(set.Find(i), 10u);
    EXPECT_EQ(MiShrinkWorkingSetList(&set.Set), 0u);
    while (!set.Pages.empty())
        set.Remove(set.Pages.begin()->first);
    EXPECT_EQ(MiShrinkWorkingSetList(&set.Set), 0u);
    EXPECT_EQ(set.Add(1), 0u);
}

// PFN-13
TEST_F(WorkingSetListTest, CheckNamesWhatIsBroken) {
    for (ULONG i = 0; i < 20; i++)
        set.Add(i, i % 2 == 0);
    MMWSL* const list = set.List();
    const auto breaks = [&](auto& field, auto value) {
        const auto before = field;
        field = value;
        EXPECT_NE(MiCheckWorkingSet(&set.Set), nullptr);
        field = before;
        EXPECT_STREQ(MiCheckWorkingSet(&set.Set), nullptr);
    };
    breaks(set.Set.WorkingSetSize, 19u);
    breaks(list->FirstDynamic, 1u);
    breaks(list->LastEntry, 18u);
    breaks(list->NonDirectCount, 9u);
    breaks(list->HashedCount, 9u);
    breaks(list->FirstFree, 3u);
    breaks(list->FirstFree, list->Wsle[list->FirstFree].Free.NextFree);
    breaks(MiFindWsleHash(list, 5)->Index, 6u);
    breaks(MiFindWsleHash(list, 5)->Key, 0u);
    MMWSLE locked = list->Wsle[4];
    locked.e1.LockedInWs = 1;
    breaks(list->Wsle[4], locked);
}

/// What the model knows of a page in the working set.
struct Known {
    bool Direct;
    ULONG Protection;
    bool Locks[2];
};

// PFN-11, PFN-13
TEST_F(WorkingSetListTest, RandomWalkAgreesWithAModel) {
    std::mt19937 random(host::Seed());
    std::map<ULONG, Known> model;
    const auto anyPage = [&](ULONG from) {
        auto at = model.lower_bound(from);
        return at == model.end() ? model.begin() : at;
    };
    for (ULONG step = 0; step < 100'000; step++) {
        const ULONG vpn = random() % 6000 * (random() % 2 ? 1 : 37);
        const bool growing = step / 8'000 % 2 == 0;
        set.MemoryIsShort = step / 1'000 % 4 == 3;
        const ULONG what = random() % 100;
        if (model.empty() || what < (growing ? 60u : 20u)) {
            if (model.count(vpn)) continue;
            const Known known{random() % 3 != 0, ULONG(random() % 32), {false, false}};
            if (set.Add(vpn, known.Direct, known.Protection) != WSLE_NULL_INDEX)
                model[vpn] = known;
            else
                ASSERT_TRUE(set.MemoryIsShort) << "step " << step;
        } else if (what < 85) {
            auto victim = anyPage(vpn);
            if (victim->second.Locks[0] || victim->second.Locks[1]) continue;
            set.Remove(victim->first);
            model.erase(victim);
        } else if (what < 90) {
            auto& [page, known] = *anyPage(vpn);
            const ULONG which = random() % 2;
            const auto lock = which ? MI_WSLE_LOCK::InMemory : MI_WSLE_LOCK::InWorkingSet;
            known.Locks[which] ? MiUnlockWsle(&set.Set, set.Find(page), lock)
                               : MiLockWsle(&set.Set, set.Find(page), lock);
            known.Locks[which] = !known.Locks[which];
        } else if (what < 99) {
            const ULONG one = set.Find(anyPage(vpn)->first), first = set.List()->FirstDynamic;
            const ULONG other = random() % (set.List()->LastInitializedWsle + 1);
            if (one >= first && other >= first) MiSwapWslEntries(&set.Set, one, other);
        } else if (random() % 20 == 0) {
            MiShrinkWorkingSetList(&set.Set);
        }

        ASSERT_EQ(set.Find(vpn) != WSLE_NULL_INDEX, model.count(vpn) != 0) << "step " << step;
        ASSERT_EQ(set.Set.WorkingSetSize, model.size());
        if (step % 512 != 0) continue;
        ASSERT_STREQ(MiCheckWorkingSet(&set.Set), nullptr) << "step " << step;
        for (auto& [page, known] : model) {
            const ULONG index = set.Find(page);
            ASSERT_NE(index, WSLE_NULL_INDEX) << "step " << step << ": page " << page << " is lost";
            const auto entry = set.List()->Wsle[index].e1;
            ASSERT_EQ(entry.VirtualPageNumber, page);
            ASSERT_EQ(entry.Protection, known.Protection);
            ASSERT_EQ(entry.Direct, known.Direct);
            ASSERT_EQ(entry.LockedInWs, known.Locks[0]);
            ASSERT_EQ(entry.LockedInMemory, known.Locks[1]);
            if (known.Direct) ASSERT_EQ(set.Pages[page].WsIndex, index);
        }
    }
}

} // namespace
