// Interlocked singly linked lists: order, depth, the sequence that pop relies on, and many processors at once.
#include "ex/slist.h"

#include "contention.h"

#include <set>

using namespace host;

namespace {

constexpr unsigned Processors = 4;

struct Item {
    SLIST_ENTRY Link;
    int Number;
};

struct SListTest : testing::Test {
    SLIST_HEADER List;
    Item Items[4] = {{{nullptr}, 0}, {{nullptr}, 1}, {{nullptr}, 2}, {{nullptr}, 3}};
    SListTest() { ExInitializeSListHead(&List); }
    PSLIST_ENTRY Entry(int number) { return &Items[number].Link; }
};

} // namespace

// SYH-04
TEST_F(SListTest, LastInFirstOut) {
    EXPECT_EQ(InterlockedPopEntrySList(&List), nullptr);
    EXPECT_EQ(InterlockedPushEntrySList(&List, Entry(0)), nullptr);
    EXPECT_EQ(InterlockedPushEntrySList(&List, Entry(1)), Entry(0));
    EXPECT_EQ(ExInterlockedPushEntrySList(&List, Entry(2), nullptr), Entry(1));
    EXPECT_EQ(ExQueryDepthSList(&List), 3u);
    EXPECT_EQ(InterlockedPopEntrySList(&List), Entry(2));
    EXPECT_EQ(ExInterlockedPopEntrySList(&List, nullptr), Entry(1));
    EXPECT_EQ(InterlockedPopEntrySList(&List), Entry(0));
    EXPECT_EQ(InterlockedPopEntrySList(&List), nullptr);
    EXPECT_EQ(ExQueryDepthSList(&List), 0u);
}

// SYH-04
TEST_F(SListTest, FlushTakesEverythingInOrder) {
    EXPECT_EQ(InterlockedFlushSList(&List), nullptr);
    for (int number = 0; number < 4; number++)
        InterlockedPushEntrySList(&List, Entry(number));
    PSLIST_ENTRY all = InterlockedFlushSList(&List);
    for (int number = 3; number >= 0; number--, all = all->Next)
        ASSERT_EQ(all, Entry(number));
    EXPECT_EQ(all, nullptr);
    EXPECT_EQ(ExQueryDepthSList(&List), 0u);
    EXPECT_EQ(InterlockedPopEntrySList(&List), nullptr);
}

// SYH-04
TEST_F(SListTest, ListThatLooksTheSameAgainIsNotTheSame) {
    InterlockedPushEntrySList(&List, Entry(0));
    InterlockedPushEntrySList(&List, Entry(1));
    const SLIST_HEADER seen = nt::ReadSList(&List); // another processor begins to pop: it sees 1, and 0 behind it
    SLIST_HEADER wanted = seen;
    wanted.Next.Next = seen.Next.Next->Next;
    wanted.Depth = 1;

    ASSERT_EQ(InterlockedPopEntrySList(&List), Entry(1));
    ASSERT_EQ(InterlockedPopEntrySList(&List), Entry(0));
    InterlockedPushEntrySList(&List, Entry(2));
    InterlockedPushEntrySList(&List, Entry(1)); // first again, with the same depth; but 2 is behind it
    ASSERT_EQ(List.Next.Next, seen.Next.Next);
    ASSERT_EQ(List.Depth, seen.Depth);

    EXPECT_FALSE(nt::CompareExchangeSList(&List, wanted, seen))
        << "the list would lose 2 and have 0, which is not on it";
    EXPECT_EQ(InterlockedPopEntrySList(&List), Entry(1));
    EXPECT_EQ(InterlockedPopEntrySList(&List), Entry(2));
}

// SYH-04, SYH-03
TEST(SListContentionTest, NothingIsLostAndNothingComesTwice) {
    constexpr int Own = 8, Rounds = 4'000;
    SLIST_HEADER list;
    InitializeSListHead(&list);
    std::vector<Item> items(Processors * Own);
    for (size_t i = 0; i < items.size(); i++) {
        items[i].Number = 0;
        InterlockedPushEntrySList(&list, &items[i].Link);
    }
    OnProcessors(Processors, [&](unsigned index) {
        for (int round = 0; round < Rounds; round++) {
            PSLIST_ENTRY entries[3];
            for (PSLIST_ENTRY& entry : entries) {
                if ((entry = InterlockedPopEntrySList(&list)) == nullptr) continue;
                // Who has an entry has it alone: nobody else writes its number meanwhile.
                int& number = CONTAINING_RECORD(entry, Item, Link)->Number;
                EXPECT_EQ(__atomic_exchange_n(&number, int(index + 1), __ATOMIC_SEQ_CST), 0);
            }
            for (PSLIST_ENTRY entry : entries) {
                if (!entry) continue;
                __atomic_store_n(&CONTAINING_RECORD(entry, Item, Link)->Number, 0, __ATOMIC_SEQ_CST);
                InterlockedPushEntrySList(&list, entry);
            }
        }
    });
    EXPECT_EQ(ExQueryDepthSList(&list), items.size());
    std::set<PSLIST_ENTRY> found;
    while (PSLIST_ENTRY entry = InterlockedPopEntrySList(&list))
        EXPECT_TRUE(found.insert(entry).second);
    EXPECT_EQ(found.size(), items.size());
}
