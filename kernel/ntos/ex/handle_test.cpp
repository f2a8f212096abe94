// Handle tables: values, growth over three levels, locked entries, copies, and many threads at once.
#include "ex/handlep.h"
#include "fakepool.h"
#include "waits.h"

#include <map>
#include <random>

using namespace host;

namespace {

/// What the entries of these tests lead to: a number times eight, so that the flags are free.
HANDLE_TABLE_ENTRY EntryOf(ULONG number, ULONG access = 0) {
    return {.Object = reinterpret_cast<PVOID>(ULONG_PTR(number) * 8), .GrantedAccess = access};
}

ULONG_PTR ValueOf(HANDLE handle) { return reinterpret_cast<ULONG_PTR>(handle); }
HANDLE HandleOf(ULONG_PTR value) { return reinterpret_cast<HANDLE>(value); }

/// A machine whose thread has a table, in a critical region.
class HandleTest : public KernelTest {
protected:
    void RunWithTable(std::function<void(PHANDLE_TABLE)> body, ULONG processors = 1) {
        const LONG blocks = PoolBlocks;
        Run(
            [&] {
                const nt::CriticalRegionGuard region;
                PHANDLE_TABLE const table = ExCreateHandleTable(nullptr);
                ASSERT_NE(table, nullptr);
                body(table);
                ExDestroyHandleTable(table);
            },
            processors);
        EXPECT_EQ(PoolBlocks, blocks);
    }
};

HANDLE Create(PHANDLE_TABLE table, ULONG number, ULONG access = 0) {
    const HANDLE_TABLE_ENTRY entry = EntryOf(number, access);
    return ExCreateHandle(table, &entry);
}

/// @returns the number that a handle leads to; 0: none
ULONG Look(PHANDLE_TABLE table, HANDLE handle) {
    PHANDLE_TABLE_ENTRY const entry = ExMapHandleToPointer(table, handle);
    if (!entry) return 0;
    const ULONG number = ULONG((entry->Value & ~ULONG_PTR(7)) / 8);
    ExUnlockHandleTableEntry(table, entry);
    return number;
}

} // namespace

// OBJ-06, OBJ-07
TEST_F(HandleTest, ValuesAreMultiplesOfFourWhoseTwoLowBitsAreIgnored) {
    RunWithTable([](PHANDLE_TABLE table) {
        HANDLE const first = Create(table, 7, 0x1F), second = Create(table, 8);
        EXPECT_EQ(ValueOf(first), 4u);
        EXPECT_EQ(ValueOf(second), 8u);
        for (ULONG_PTR low = 0; low < 4; low++)
            EXPECT_EQ(Look(table, HandleOf(ValueOf(first) + low)), 7u);
        PHANDLE_TABLE_ENTRY const entry = ExMapHandleToPointer(table, first);
        EXPECT_EQ(entry->GrantedAccess, 0x1Fu);
        ExUnlockHandleTableEntry(table, entry);
        EXPECT_EQ(table->HandleCount, 2);
    });
}

// OBJ-06
TEST_F(HandleTest, WhatIsNoHandleIsNotFound) {
    RunWithTable([](PHANDLE_TABLE table) {
        HANDLE const handle = Create(table, 1);
        const ULONG_PTR page = ULONG_PTR(HANDLE_TABLE_PAGE_ENTRIES) << HANDLE_VALUE_SHIFT;
        for (ULONG_PTR value : {ULONG_PTR(0), ULONG_PTR(3), ULONG_PTR(8), page - 4, page, page + 4,
                                ULONG_PTR(0x4000'0000), ULONG_PTR(0x8000'0004), ULONG_PTR(0xFFFF'FFFC), ~ULONG_PTR(0)})
            EXPECT_EQ(ExMapHandleToPointer(table, HandleOf(value)), nullptr) << value;
        EXPECT_TRUE(ExDestroyHandle(table, handle, nullptr));
        EXPECT_EQ(Look(table, handle), 0u);
        EXPECT_FALSE(ExDestroyHandle(table, handle, nullptr)); // a second close
        EXPECT_EQ(table->HandleCount, 0);
    });
}

// OBJ-07
TEST_F(HandleTest, GrowsToThreeLevelsAndKeepsEachEntry) {
    RunWithTable([](PHANDLE_TABLE table) {
        constexpr ULONG perPage = HANDLE_TABLE_PAGE_ENTRIES - 1; // the first of each page is never given out
        const ULONG wanted = perPage * (HANDLE_TABLE_PAGE_POINTERS + 2);
        std::vector<HANDLE> handles;
        for (ULONG i = 1; i <= wanted; i++) {
            handles.push_back(Create(table, i));
            ASSERT_NE(handles.back(), nullptr);
            ASSERT_NE((ValueOf(handles.back()) >> HANDLE_VALUE_SHIFT) % HANDLE_TABLE_PAGE_ENTRIES, 0u);
            if (i == perPage) EXPECT_EQ(table->TableCode & 3, 0u);
            if (i == perPage + 1) EXPECT_EQ(table->TableCode & 3, 1u);
            if (i == perPage * HANDLE_TABLE_PAGE_POINTERS) EXPECT_EQ(table->TableCode & 3, 1u);
        }
        EXPECT_EQ(table->TableCode & 3, 2u);
        for (ULONG i = 1; i <= wanted; i++)
            ASSERT_EQ(Look(table, handles[i - 1]), i);
        EXPECT_EQ(table->HandleCount, LONG(wanted));
        const LONG blocks = PoolBlocks;
        for (HANDLE handle : handles)
            ASSERT_TRUE(ExDestroyHandle(table, handle, nullptr));
        for (ULONG i = 1; i <= wanted; i++) // freed entries serve again
            ASSERT_NE(Create(table, i), nullptr);
        EXPECT_EQ(PoolBlocks, blocks);
    });
}

// OBJ-07
TEST_F(HandleTest, WithoutMemoryNothingChanges) {
    RunWithTable([](PHANDLE_TABLE table) {
        for (ULONG i = 1; i < HANDLE_TABLE_PAGE_ENTRIES; i++)
            (void)Create(table, i);
        for (ULONG failing = 1; failing <= 2; failing++) { // the page of pointers; it, or the page of entries behind it
            PoolFailures = 1;
            EXPECT_EQ(Create(table, 1000), nullptr);
            EXPECT_EQ(PoolFailures, 0u);
            EXPECT_EQ(table->HandleCount, LONG(HANDLE_TABLE_PAGE_ENTRIES) - 1);
        }
        HANDLE const handle = Create(table, 1000);
        EXPECT_EQ(Look(table, handle), 1000u);
        EXPECT_EQ(Look(table, HandleOf(4)), 1u);
        for (ULONG failing = 1; failing <= 2; failing++) {
            PoolFailures = failing;
            EXPECT_EQ(ExCreateHandleTable(nullptr), nullptr);
            while (PoolFailures != 0)
                EXPECT_EQ(ExAllocatePoolWithTag(NonPagedPool, 8, 1), nullptr);
        }
    });
}

// OBJ-07
TEST_F(HandleTest, AThreadWaitsForAnEntryThatAnotherThreadHasLocked) {
    for (bool destroyed : {false, true}) {
        RunWithTable([&](PHANDLE_TABLE table) {
            HANDLE const handle = Create(table, 5);
            PHANDLE_TABLE_ENTRY const entry = ExMapHandleToPointer(table, handle);
            int found = -1;
            Thread* const other = machine->Spawn(9, [&] {
                const nt::CriticalRegionGuard region;
                found = int(Look(table, handle));
            });
            EXPECT_EQ(found, -1);
            EXPECT_NE(table->Waiters, nullptr);
            if (destroyed)
                ExDestroyHandle(table, handle, entry);
            else
                ExUnlockHandleTableEntry(table, entry);
            Await(&other->Tcb);
            EXPECT_EQ(found, destroyed ? 0 : 5);
            EXPECT_EQ(table->Waiters, nullptr);
        });
    }
}

// OBJ-07
TEST_F(HandleTest, ACopyHasTheChosenEntriesUnderTheSameHandles) {
    RunWithTable([](PHANDLE_TABLE table) {
        const ULONG count = HANDLE_TABLE_PAGE_ENTRIES * 2;
        std::vector<HANDLE> handles;
        for (ULONG i = 1; i <= count; i++)
            handles.push_back(Create(table, i));
        for (ULONG i = 0; i < count; i += 5)
            ExDestroyHandle(table, handles[i], nullptr);
        const auto even = [](PHANDLE_TABLE_ENTRY, PHANDLE_TABLE_ENTRY copy) -> BOOLEAN {
            copy->GrantedAccess = 9;
            return copy->Value / 8 % 2 == 0;
        };
        PHANDLE_TABLE const copied = ExDupHandleTable(nullptr, table, even);
        ASSERT_NE(copied, nullptr);
        LONG chosen = 0;
        for (ULONG i = 0; i < count; i++) {
            const bool there = i % 5 != 0 && (i + 1) % 2 == 0;
            EXPECT_EQ(Look(copied, handles[i]), there ? i + 1 : 0);
            chosen += there;
        }
        EXPECT_EQ(copied->HandleCount, chosen);
        // Its free entries are each given out once: all handles are different, and the lowest comes first.
        EXPECT_EQ(Create(copied, 1), handles[0]);
        std::map<HANDLE, bool> given;
        for (ULONG i = 0; i < count; i++) {
            HANDLE const handle = Create(copied, 100000);
            EXPECT_TRUE(given.emplace(handle, true).second);
        }
        EXPECT_EQ(Look(copied, handles[1]), 2u);
        ExDestroyHandleTable(copied);
        for (ULONG failing = 1; failing <= 3; failing++) {
            PoolFailures = 1;
            EXPECT_EQ(ExDupHandleTable(nullptr, table, even), nullptr);
        }
    });
}

// OBJ-07
TEST_F(HandleTest, WalksMeetEachHandleAndASweepMayDestroyThem) {
    RunWithTable([](PHANDLE_TABLE table) {
        std::vector<HANDLE> handles;
        for (ULONG i = 1; i <= 10; i++)
            handles.push_back(Create(table, i));
        const auto isSeven = [](PHANDLE_TABLE_ENTRY entry, HANDLE, PVOID context) -> BOOLEAN {
            ++*static_cast<int*>(context);
            return (entry->Value & ~ULONG_PTR(7)) / 8 == 7;
        };
        int met = 0;
        HANDLE found = nullptr;
        EXPECT_TRUE(ExEnumHandleTable(table, isSeven, &met, &found));
        EXPECT_EQ(met, 7);
        EXPECT_EQ(found, handles[6]);
        const auto destroy = [](PHANDLE_TABLE swept, PHANDLE_TABLE_ENTRY entry, HANDLE handle, PVOID) {
            ExDestroyHandle(swept, handle, entry);
        };
        ExSweepHandleTable(table, destroy, nullptr);
        EXPECT_EQ(table->HandleCount, 0);
        EXPECT_FALSE(ExEnumHandleTable(table, isSeven, &met, nullptr));
        EXPECT_EQ(met, 7);
    });
}

// OBJ-07
TEST_F(HandleTest, RandomUseBySeveralProcessorsLosesNoHandle) {
    const ULONG seed = Seed();
    SCOPED_TRACE(testing::Message() << "MICA_SEED=" << seed);
    for (ULONG processors : {1u, 2u, 4u}) {
        RunWithTable(
            [&](PHANDLE_TABLE table) {
                std::mt19937 random(seed);
                std::map<HANDLE, ULONG> used; // what the test knows of each handle
                std::vector<Thread*> threads;
                for (ULONG t = 0; t < 6; t++) {
                    threads.push_back(machine->Spawn(KPRIORITY(9 + t % 3), [&, t] {
                        const nt::CriticalRegionGuard region;
                        std::vector<std::pair<HANDLE, ULONG>> mine;
                        for (ULONG round = 0; round < 400; round++) {
                            if (mine.empty() || random() % 3 != 0) {
                                const ULONG number = t * 10000 + round + 1;
                                HANDLE const handle = Create(table, number);
                                EXPECT_TRUE(used.emplace(handle, number).second) << "given out twice";
                                mine.emplace_back(handle, number);
                            } else {
                                const size_t which = random() % mine.size();
                                const auto [handle, number] = mine[which];
                                PHANDLE_TABLE_ENTRY const entry = ExMapHandleToPointer(table, handle);
                                ASSERT_NE(entry, nullptr);
                                EXPECT_EQ((entry->Value & ~ULONG_PTR(7)) / 8, number);
                                if (random() % 4 == 0) machine->LetOthersRun();
                                if (random() % 2) {
                                    used.erase(handle);
                                    ExDestroyHandle(table, handle, entry);
                                    mine.erase(mine.begin() + LONG_PTR(which));
                                } else {
                                    ExUnlockHandleTableEntry(table, entry);
                                }
                            }
                            (void)Look(table, HandleOf(random() % 4000)); // and handles of others
                            if (random() % 8 == 0) machine->LetOthersRun();
                        }
                    }));
                }
                for (Thread* thread : threads)
                    Await(&thread->Tcb);
                EXPECT_EQ(table->HandleCount, LONG(used.size()));
                for (const auto& [handle, number] : used)
                    EXPECT_EQ(Look(table, handle), number);
            },
            processors);
    }
}
