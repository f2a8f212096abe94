// Events: what a signal does to waiters, by kind of event. On the fake machine; a few milliseconds.
#include "machine.h"

using namespace host;
using EventTest = KernelTest;

namespace {

NTSTATUS WaitFor(KEVENT& event, PLARGE_INTEGER timeout = nullptr) {
    return KeWaitForSingleObject(&event, KWAIT_REASON::Executive, KernelMode, FALSE, timeout);
}

} // namespace

// DSP-01, DSP-02
TEST_F(EventTest, NotificationEventReleasesEveryWaiterAndStays) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        int released = 0;
        for (int i = 0; i < 3; i++) {
            machine->Spawn(9, [&] {
                EXPECT_EQ(WaitFor(event), STATUS_SUCCESS);
                released++;
            });
        }
        EXPECT_EQ(released, 0);
        EXPECT_EQ(KeSetEvent(&event, 0, FALSE), 0);
        EXPECT_EQ(released, 3);
        EXPECT_EQ(KeReadStateEvent(&event), 1);
        EXPECT_EQ(WaitFor(event), STATUS_SUCCESS); // the fast path: the signal is still there
        EXPECT_EQ(KeReadStateEvent(&event), 1);
    });
}

// DSP-03
TEST_F(EventTest, SynchronizationEventReleasesTheFirstWaiterAndIsConsumed) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        std::vector<int> released;
        for (int i = 0; i < 3; i++) {
            machine->Spawn(9, [&, i] {
                EXPECT_EQ(WaitFor(event), STATUS_SUCCESS);
                released.push_back(i);
            });
        }
        KeSetEvent(&event, 0, FALSE);
        EXPECT_EQ(released, (std::vector<int>{0}));
        EXPECT_EQ(KeReadStateEvent(&event), 0);
        KeSetEvent(&event, 0, FALSE);
        KeSetEvent(&event, 0, FALSE);
        EXPECT_EQ(released, (std::vector<int>{0, 1, 2}));
        KeSetEvent(&event, 0, FALSE);
        EXPECT_EQ(KeSetEvent(&event, 0, FALSE), 1); // two signals without a waiter are one
        EXPECT_EQ(WaitFor(event), STATUS_SUCCESS);
        EXPECT_EQ(KeReadStateEvent(&event), 0);
    });
}
