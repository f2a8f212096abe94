// ExInterlockedXxx: results, levels, and processors that do the same at once.
#include "ex/interlocked.h"

#include "contention.h"
#include "machine.h"

using namespace host;
using ExInterlockedTest = KernelTest;

// SYH-03, EXE-01
TEST_F(ExInterlockedTest, ListsReturnWhatWasThere) {
    Run([&] {
        KSPIN_LOCK lock;
        KeInitializeSpinLock(&lock);
        LIST_ENTRY head, a, b, c;
        InitializeListHead(&head);
        EXPECT_EQ(ExInterlockedRemoveHeadList(&head, &lock), nullptr);
        EXPECT_EQ(ExInterlockedInsertHeadList(&head, &a, &lock), nullptr);
        EXPECT_EQ(ExInterlockedInsertHeadList(&head, &b, &lock), &a);
        EXPECT_EQ(ExInterlockedInsertTailList(&head, &c, &lock), &a);
        EXPECT_EQ(ExInterlockedRemoveHeadList(&head, &lock), &b);
        EXPECT_EQ(ExInterlockedRemoveHeadList(&head, &lock), &a);
        EXPECT_EQ(ExInterlockedRemoveHeadList(&head, &lock), &c);
        EXPECT_TRUE(IsListEmpty(&head));

        SINGLE_LIST_ENTRY stack = {}, x, y;
        EXPECT_EQ(ExInterlockedPushEntryList(&stack, &x, &lock), nullptr);
        EXPECT_EQ(ExInterlockedPushEntryList(&stack, &y, &lock), &x);
        EXPECT_EQ(ExInterlockedPopEntryList(&stack, &lock), &y);
        EXPECT_EQ(ExInterlockedPopEntryList(&stack, &lock), &x);
        EXPECT_EQ(ExInterlockedPopEntryList(&stack, &lock), nullptr);
        EXPECT_EQ(lock.Value, 0u);
    });
}

// SYH-03, INT-02
TEST_F(ExInterlockedTest, WorksAtAnyLevelAndKeepsIt) {
    Run([&] {
        KSPIN_LOCK lock;
        KeInitializeSpinLock(&lock);
        ULONG sum = 0xFFFF'FFFF;
        EXPECT_EQ(ExInterlockedAddUlong(&sum, 3, &lock), 0xFFFF'FFFFu);
        EXPECT_EQ(sum, 2u);
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(PASSIVE_LEVEL));
        machine->Interrupt([&] {
            const KIRQL level = KeGetCurrentIrql();
            EXPECT_EQ(ExInterlockedAddUlong(&sum, 5, &lock), 2u);
            EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(level));
        });
        LARGE_INTEGER wide, step;
        wide.QuadPart = 0xFFFF'FFFF;
        step.QuadPart = 1;
        EXPECT_EQ(ExInterlockedAddLargeInteger(&wide, step, &lock).QuadPart, 0xFFFF'FFFF);
        EXPECT_EQ(wide.QuadPart, 0x1'0000'0000);
        ExInterlockedAddLargeStatistic(&wide, 7);
        EXPECT_EQ(wide.QuadPart, 0x1'0000'0007);
    });
}

// SYH-03, SYH-05
TEST(ExInterlockedContentionTest, ProcessorsDoNotLoseEntries) {
    constexpr unsigned Processors = 4, Own = 500;
    KSPIN_LOCK lock;
    KeInitializeSpinLock(&lock);
    LIST_ENTRY head;
    InitializeListHead(&head);
    ULONG sum = 0;
    std::vector<LIST_ENTRY> entries(Processors * Own);
    OnProcessors(Processors, [&](unsigned index) {
        for (unsigned i = 0; i < Own; i++) {
            ExInterlockedInsertTailList(&head, &entries[index * Own + i], &lock);
            ExInterlockedAddUlong(&sum, 1, &lock);
        }
    });
    EXPECT_EQ(sum, Processors * Own);
    unsigned length = 0;
    while (ExInterlockedRemoveHeadList(&head, &lock))
        length++;
    EXPECT_EQ(length, Processors * Own);
}
