// Events: what a signal does to waiters, by kind of event. On the fake machine; a few milliseconds.
#include "waits.h"

using namespace host;
using EventTest = KernelTest;

// DSP-01, DSP-02
TEST_F(EventTest, NotificationEventReleasesEveryWaiterAndStays) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        int released = 0;
        for (int i = 0; i < 3; i++) {
            machine->Spawn(9, [&] {
                Await(&event);
                released++;
            });
        }
        EXPECT_EQ(released, 0);
        EXPECT_EQ(KeSetEvent(&event, 0, FALSE), 0);
        EXPECT_EQ(released, 3);
        EXPECT_EQ(KeReadStateEvent(&event), 1);
        Await(&event); // the fast path: the signal is still there
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
                Await(&event);
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
        Await(&event);
        EXPECT_EQ(KeReadStateEvent(&event), 0);
    });
}

// DSP-01, DSP-02
TEST_F(EventTest, ResetAndClearTakeTheSignalAway) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, NotificationEvent, TRUE);
        EXPECT_EQ(KeResetEvent(&event), 1);
        EXPECT_EQ(KeResetEvent(&event), 0);
        KeSetEvent(&event, 0, FALSE);
        KeClearEvent(&event);
        EXPECT_EQ(KeReadStateEvent(&event), 0);
    });
}

// DSP-02, DSP-03
TEST_F(EventTest, PulseReleasesWhoWaitsNowAndLeavesNothing) {
    Run([&] {
        for (EVENT_TYPE type : {NotificationEvent, SynchronizationEvent}) {
            KEVENT event;
            KeInitializeEvent(&event, type, FALSE);
            int released = 0;
            std::vector<Thread*> waiters;
            for (int i = 0; i < 3; i++) {
                waiters.push_back(machine->Spawn(9, [&] {
                    Await(&event);
                    released++;
                }));
            }
            EXPECT_EQ(KePulseEvent(&event, 0, FALSE), 0);
            EXPECT_EQ(released, type == NotificationEvent ? 3 : 1);
            EXPECT_EQ(KeReadStateEvent(&event), 0);
            while (released < 3)
                KeSetEvent(&event, 0, FALSE);
        }
    });
}

// DSP-03, SYH-01
TEST_F(EventTest, ServiceAtDispatchLevelMaySignal) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        bool released = false;
        machine->Spawn(9, [&] {
            Await(&event);
            released = true;
        });
        {
            nt::DispatchLevelGuard guard;
            KeSetEvent(&event, 0, FALSE);
            EXPECT_FALSE(released) << "the waiter runs when the IRQL falls";
        }
        EXPECT_TRUE(released);
    });
}

// DSP-03, SCH-19
TEST_F(EventTest, BoostingSignalHandsTheEventToTheFirstWaiterAtTheCallersPriority) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        std::string order;
        auto wait = [&](char name) {
            Await(&event);
            (order += name) += std::to_string(KeQueryPriorityThread(KeGetCurrentThread())) + ' ';
        };
        Thread* const a = machine->Spawn(4, [&] { wait('a'); });
        Sleep(1);
        machine->Spawn(5, [&] { wait('b'); });
        Sleep(1);
        (void)KeSetPriorityThread(KeGetCurrentThread(), 11);
        PKTHREAD woken = nullptr;
        KeSetEventBoostPriority(&event, &woken);
        EXPECT_EQ(woken, &a->Tcb);
        EXPECT_EQ(KeReadStateEvent(&event), 0) << "from hand to hand";
        EXPECT_EQ(order, "") << "equal priority does not preempt";
        Sleep(1);
        EXPECT_EQ(order, "a11 ");
        KeSetEventBoostPriority(&event, nullptr);
        Sleep(1);
        EXPECT_EQ(order, "a11 b11 ");
        woken = nullptr;
        KeSetEventBoostPriority(&event, &woken);
        EXPECT_EQ(woken, nullptr);
        EXPECT_EQ(KeReadStateEvent(&event), 1) << "kept for whoever comes";
    });
}

// DSP-03, DSP-13
TEST_F(EventTest, BoostingSignalRespectsWaitsForSeveralObjects) {
    Run([&] {
        KEVENT event, other;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        KeInitializeEvent(&other, SynchronizationEvent, FALSE);
        ULONG any = 99;
        bool all = false;
        machine->Spawn(9, [&] {
            EXPECT_EQ(Code(WaitForSeveral({&event, &other}, WaitAll)), Code(STATUS_SUCCESS));
            all = true;
        });
        machine->Spawn(9, [&] { any = Code(WaitForSeveral({&other, &event}, WaitAny)); });
        KeSetEventBoostPriority(&event, nullptr);
        EXPECT_EQ(any, 1u) << "passes over who lacks another object, and says which one came";
        KeSetEvent(&other, 0, FALSE);
        EXPECT_FALSE(all);
        KeSetEventBoostPriority(&event, nullptr);
        EXPECT_TRUE(all);
        EXPECT_EQ(KeReadStateEvent(&event), 0);
        EXPECT_EQ(KeReadStateEvent(&other), 0);
    });
}

// DSP-02, DSP-03, DSP-14: pulse and wait, in one step
TEST_F(EventTest, PulseAndWaitIsOneStep) {
    Run([&] {
        for (EVENT_TYPE type : {NotificationEvent, SynchronizationEvent}) {
            KEVENT event, reply;
            KeInitializeEvent(&event, type, FALSE);
            KeInitializeEvent(&reply, SynchronizationEvent, FALSE);
            std::string order;
            for (char name : {'a', 'b'}) {
                machine->Spawn(12, [&, name] {
                    if (WaitFor(&event, Ticks(5)) == STATUS_SUCCESS) order += name;
                    KeSetEvent(&reply, 0, FALSE);
                });
            }
            EXPECT_EQ(KePulseEvent(&event, 0, TRUE), 0);
            order += '!';
            EXPECT_EQ(Code(WaitFor(&reply)), Code(STATUS_SUCCESS));
            EXPECT_EQ(order, type == NotificationEvent ? "!ab" : "!a");
            EXPECT_EQ(KeReadStateEvent(&event), 0);
            Sleep(10);
        }
    });
}
