// The backing for tests: a disk's order, a disk's time, failures on demand.
#include "mm/testbacking.h"
#include "backings.h"
#include "waits.h"

#include <memory>
#include <random>
#include <set>

using namespace host;

namespace {

constexpr ULONG Pages = 64;

class TestBackingTest : public KernelTest {
protected:
    void SetUp() override {
        KernelTest::SetUp();
        m_memory = std::make_unique<Memory>(Pages * PAGE_SIZE);
    }
    /// Runs with a backing that is made on the machine.
    void RunWith(std::function<void(MM_TEST_BACKING&)> body) {
        Run([&] {
            MM_TEST_BACKING backing;
            MmInitializeTestBacking(&backing, &m_memory->Backing());
            body(backing);
        });
    }
    std::unique_ptr<Memory> m_memory;
};

/// Latency of so many ticks of the clock.
ULONG TicksLong(ULONG ticks) { return ULONG(-Ticks(ticks).QuadPart); }

/// Ticks until a transfer has ended.
ULONG TicksUntil(Machine& machine, const Transfer& transfer) {
    ULONG ticks = 0;
    for (; transfer.Ends == 0 && ticks < 100; ticks++)
        machine.Tick();
    return ticks;
}

} // namespace

// PFN-15
TEST_F(TestBackingTest, EndsAtDispatchLevelAndNeverInsideStart) {
    RunWith([&](MM_TEST_BACKING& backing) {
        Transfer read(false, 9, 1, 5);
        {
            nt::DispatchLevelGuard level;
            read.StartOn(backing.Backing);
            EXPECT_EQ(read.Ends, 0u);
        }
        EXPECT_EQ(read.Ends, 1u);
        EXPECT_EQ(unsigned(read.Irql), unsigned(DISPATCH_LEVEL));
        EXPECT_EQ(read.Status, STATUS_SUCCESS);
        EXPECT_EQ(Frame(5)[0], 9);
        EXPECT_EQ(backing.Backing.Calls->Size(&backing.Backing), Pages * PAGE_SIZE);
    });
}

// PFN-15
TEST_F(TestBackingTest, TakesItsTimeForEachTransfer) {
    RunWith([&](MM_TEST_BACKING& backing) {
        backing.Latency = TicksLong(4);
        Transfer first(false, 0, 1, 5), second(false, 1, 1, 6);
        first.StartOn(backing.Backing);
        second.StartOn(backing.Backing);
        const ULONG ticks = TicksUntil(*machine, first);
        EXPECT_TRUE(ticks == 4 || ticks == 5) << ticks;
        EXPECT_EQ(second.Ends, 0u);
        EXPECT_EQ(TicksUntil(*machine, second), 4u);
        EXPECT_EQ(backing.Reads, 2);
    });
}

// PFN-15: the order of a disk's arm
TEST_F(TestBackingTest, SweepsInOneDirection) {
    RunWith([&](MM_TEST_BACKING& backing) {
        std::string order;
        std::vector<std::unique_ptr<Transfer>> transfers;
        auto start = [&](char name, ULONG page) {
            transfers.push_back(std::make_unique<Transfer>(false, page, 2, 5));
            transfers.back()->Then = [&order, name] { order += name; };
            transfers.back()->StartOn(backing.Backing);
        };
        backing.Latency = TicksLong(1);
        start('a', 30);
        start('b', 10);
        start('c', 50);
        start('d', 32);
        start('e', 12);
        machine->Tick(10);
        EXPECT_EQ(order, "adcbe");
    });
}

// PFN-15: a completion routine may start the next transfer at once
TEST_F(TestBackingTest, ACompletionRoutineMayStartAnother) {
    RunWith([&](MM_TEST_BACKING& backing) {
        Transfer first(false, 0, 1, 5), second(false, 1, 1, 6);
        first.Then = [&] { second.StartOn(backing.Backing); };
        first.StartOn(backing.Backing);
        EXPECT_EQ(second.Ends, 1u);
        EXPECT_EQ(Frame(6)[0], 1);
    });
}

// PFN-15, ERR-10
TEST_F(TestBackingTest, FailsAtAPage) {
    RunWith([&](MM_TEST_BACKING& backing) {
        backing.FailingPage = 11;
        backing.FailingStatus = STATUS_DEVICE_DATA_ERROR;
        Frame(6).fill(0xEE);
        Transfer before(false, 10, 1, 50), across(false, 9, 4, 4), at(true, 11, 2, 60), behind(false, 12, 1, 70);
        for (Transfer* transfer : {&before, &across, &at, &behind})
            transfer->StartOn(backing.Backing);
        EXPECT_EQ(before.Status, STATUS_SUCCESS);
        EXPECT_EQ(across.Status, STATUS_DEVICE_DATA_ERROR);
        EXPECT_EQ(across.Information, 2 * PAGE_SIZE);
        EXPECT_EQ(Frame(5)[0], 10);
        EXPECT_EQ(Frame(6)[0], 0xEE);
        EXPECT_EQ(at.Status, STATUS_DEVICE_DATA_ERROR);
        EXPECT_EQ(at.Information, 0u);
        EXPECT_EQ(m_memory->Page(12)[0], 12);
        EXPECT_EQ(behind.Status, STATUS_SUCCESS);
        EXPECT_EQ(backing.Failures, 2);
        EXPECT_EQ(backing.Writes, 1);
        backing.FailingPage = MM_NO_FAILING_PAGE;
        EXPECT_EQ(Transfer(false, 9, 4, 4).StartOn(backing.Backing).Status, STATUS_SUCCESS);
        backing.FailsWrites = TRUE;
        EXPECT_EQ(Transfer(true, 3, 2, 80).StartOn(backing.Backing).Status, STATUS_DEVICE_DATA_ERROR);
        EXPECT_EQ(m_memory->Page(3)[0], 3);
        EXPECT_EQ(Transfer(false, 3, 2, 80).StartOn(backing.Backing).Status, STATUS_SUCCESS);
    });
}

// PFN-15
TEST_F(TestBackingTest, GivesShortReads) {
    RunWith([&](MM_TEST_BACKING& backing) {
        backing.LongestRead = PAGE_SIZE + 100;
        Transfer read(false, 0, 3, 5), write(true, 0, 3, 5);
        read.StartOn(backing.Backing);
        write.StartOn(backing.Backing);
        EXPECT_EQ(read.Status, STATUS_SUCCESS);
        EXPECT_EQ(read.Information, PAGE_SIZE + 100);
        EXPECT_EQ(write.Information, 3 * PAGE_SIZE);
        EXPECT_EQ(Transfer(false, Pages, 1, 5).StartOn(backing.Backing).Status, STATUS_END_OF_FILE);
    });
}

// PFN-15: against a model that knows each page's last writer, on four processors
TEST_F(TestBackingTest, RandomTransfersFromSeveralThreads) {
    constexpr ULONG Threads = 4, Rounds = 100, Own = Pages / Threads;
    const ULONG seed = Seed();
    auto body = [&](MM_TEST_BACKING& backing, ULONG number) {
        std::mt19937 random(seed + number);
        std::vector<UCHAR> model(Own);
        for (ULONG i = 0; i < Own; i++)
            model[i] = UCHAR(number * Own + i);
        for (ULONG round = 0; round < Rounds; round++) {
            const ULONG first = random() % Own, count = 1 + random() % std::min(Own - first, MM_MAXIMUM_TRANSFER);
            const bool write = random() % 2 != 0;
            backing.Latency = TicksLong(random() % 3);
            KEVENT done;
            KeInitializeEvent(&done, NotificationEvent, FALSE);
            Transfer transfer(write, number * Own + first, count, 1000 * (number + 1));
            transfer.Then = [&] { KeSetEvent(&done, 0, FALSE); };
            for (ULONG i = 0; write && i < count; i++)
                Frame(transfer.FrameNumbers[i]).fill(model[first + i] = UCHAR(random()));
            transfer.StartOn(backing.Backing);
            Await(&done);
            ASSERT_EQ(transfer.Status, STATUS_SUCCESS);
            for (ULONG i = 0; i < count; i++)
                ASSERT_EQ(Frame(transfer.FrameNumbers[i])[0], model[first + i]) << "page " << first + i;
        }
    };
    Run(
        [&] {
            MM_TEST_BACKING backing;
            MmInitializeTestBacking(&backing, &m_memory->Backing());
            std::vector<Thread*> threads;
            for (ULONG i = 0; i < Threads; i++)
                threads.push_back(machine->Spawn(9, [&, i] { body(backing, i); }));
            for (Thread* thread : threads)
                Await(&thread->Tcb);
            EXPECT_EQ(backing.Reads + backing.Writes, LONG(Threads * Rounds));
            EXPECT_EQ(backing.Current, nullptr);
            EXPECT_FALSE(backing.Queue.Busy);
        },
        4);
}
