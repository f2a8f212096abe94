// What APCs do to waits: a kernel APC interrupts one that goes on afterwards, a user APC ends one.
#include "apcs.h"
#include "ke/ki.h"
#include "waits.h"

using namespace host;
using ApcWaitTest = KernelTest;

namespace {

NTSTATUS AlertableWait(PVOID object, KPROCESSOR_MODE mode) {
    return KeWaitForSingleObject(object, KWAIT_REASON::UserRequest, mode, TRUE, nullptr);
}

} // namespace

// INT-10, DSP-14
TEST_F(ApcWaitTest, WaitIsInterruptedAndGoesOn) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        int runs = 0;
        NTSTATUS status = STATUS_UNSUCCESSFUL;
        Thread* const waiter = machine->Spawn(9, [&] { status = WaitFor(&event); });
        Apc special(waiter->Tcb, [&] { runs++; }), normal(waiter->Tcb, nullptr, [&] { runs++; });
        special.Queue();
        EXPECT_EQ(runs, 1);
        EXPECT_EQ(StateOf(waiter->Tcb), KTHREAD_STATE::Waiting);
        normal.Queue();
        EXPECT_EQ(runs, 2);
        EXPECT_EQ(StateOf(waiter->Tcb), KTHREAD_STATE::Waiting);
        EXPECT_EQ(Code(status), Code(STATUS_UNSUCCESSFUL)) << "the caller of the wait has not noticed";
        KeSetEvent(&event, 0, FALSE);
        EXPECT_EQ(Code(status), Code(STATUS_SUCCESS));
        EXPECT_TRUE(IsListEmpty(&event.Header.WaitListHead));
    });
}

// INT-10, DSP-13
TEST_F(ApcWaitTest, WaitForSeveralIsInterruptedAndTakesNothing) {
    Run([&] {
        KEVENT first, second;
        KeInitializeEvent(&first, SynchronizationEvent, FALSE);
        KeInitializeEvent(&second, SynchronizationEvent, FALSE);
        NTSTATUS status = STATUS_UNSUCCESSFUL;
        Thread* const waiter = machine->Spawn(9, [&] { status = WaitForSeveral({&first, &second}, WaitAll); });
        KeSetEvent(&first, 0, FALSE);
        int runs = 0;
        Apc apc(waiter->Tcb, [&] { runs++; });
        apc.Queue();
        EXPECT_EQ(runs, 1);
        EXPECT_EQ(KeReadStateEvent(&first), 1);
        KeSetEvent(&second, 0, FALSE);
        EXPECT_EQ(Code(status), Code(STATUS_SUCCESS));
        EXPECT_EQ(KeReadStateEvent(&first), 0);
    });
}

// INT-10, DSP-06
TEST_F(ApcWaitTest, WaitForAQueueIsInterruptedAndGoesOn) {
    Run([&] {
        KQUEUE queue;
        KeInitializeQueue(&queue, 1);
        LIST_ENTRY entry;
        PLIST_ENTRY taken = nullptr;
        Thread* const waiter = machine->Spawn(9, [&] { taken = KeRemoveQueue(&queue, KernelMode, nullptr); });
        int runs = 0;
        Apc apc(waiter->Tcb, [&] { runs++; });
        apc.Queue();
        EXPECT_EQ(runs, 1);
        EXPECT_EQ(taken, nullptr) << "it waits on";
        KeInsertQueue(&queue, &entry);
        EXPECT_EQ(taken, &entry);
        EXPECT_EQ(queue.CurrentCount, 0u) << "its thread has ended";
    });
}

// INT-10, DSP-14
TEST_F(ApcWaitTest, TimeOutIsNotCountedAnewAfterAnApc) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        ULONGLONG end = 0, slept = 0;
        NTSTATUS status = STATUS_SUCCESS;
        const ULONGLONG begin = KeQueryInterruptTime();
        Thread* const waiter = machine->Spawn(9, [&] {
            status = WaitFor(&event, Ticks(10));
            end = KeQueryInterruptTime();
        });
        Thread* const sleeper = machine->Spawn(9, [&] {
            Sleep(10);
            slept = KeQueryInterruptTime();
        });
        Apc a(waiter->Tcb, [] {}), b(sleeper->Tcb, [] {});
        for (int i = 0; i < 3; i++) {
            Sleep(2);
            EXPECT_TRUE(a.Queue());
            EXPECT_TRUE(b.Queue());
        }
        Await(&waiter->Tcb);
        Await(&sleeper->Tcb);
        EXPECT_EQ(Code(status), Code(STATUS_TIMEOUT));
        EXPECT_EQ((end - begin) / KeQueryTimeIncrement(), 10u);
        EXPECT_EQ((slept - begin) / KeQueryTimeIncrement(), 10u);
    });
}

// INT-10, DSP-14
TEST_F(ApcWaitTest, ApcThatTakesLongerThanTheTimeOutEndsTheWait) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        NTSTATUS status = STATUS_SUCCESS;
        Thread* const waiter = machine->Spawn(9, [&] { status = WaitFor(&event, Ticks(2)); });
        Apc apc(waiter->Tcb, nullptr, [] { Sleep(5); });
        apc.Queue();
        Await(&waiter->Tcb);
        EXPECT_EQ(Code(status), Code(STATUS_TIMEOUT));
    });
}

// INT-10
TEST_F(ApcWaitTest, SignalDuringTheApcIsNotLost) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        NTSTATUS status = STATUS_UNSUCCESSFUL;
        Thread* const waiter = machine->Spawn(9, [&] { status = WaitFor(&event); });
        Apc apc(waiter->Tcb, nullptr, [&] { KeSetEvent(&event, 0, FALSE); });
        apc.Queue();
        EXPECT_EQ(Code(status), Code(STATUS_SUCCESS));
    });
}

// INT-10
TEST_F(ApcWaitTest, WaitAtApcLevelIsNotInterrupted) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        std::string order;
        Thread* const waiter = machine->Spawn(9, [&] {
            const KIRQL old = KfRaiseIrql(APC_LEVEL);
            Await(&event);
            order += "wait ";
            KfLowerIrql(old);
        });
        Apc apc(waiter->Tcb, [&] { order += "apc "; });
        apc.Queue();
        EXPECT_EQ(order, "");
        EXPECT_EQ(CountEvents(*machine, ETW_EVENT::Unwait), 0u) << "not even woken in vain";
        KeSetEvent(&event, 0, FALSE);
        EXPECT_EQ(order, "wait apc ");
    });
}

// INT-10, DSP-14: what is queued between the decision to wait and the wait is seen by the wait
TEST_F(ApcWaitTest, PendingApcRunsBeforeTheWaitBegins) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        bool ran = false;
        Apc apc(Self(), nullptr, [&] {
            ran = true;
            KeSetEvent(&event, 0, FALSE);
        });
        KEVENT done;
        KeInitializeEvent(&done, NotificationEvent, FALSE);
        const KIRQL old = KfRaiseIrql(APC_LEVEL);
        apc.Queue();
        (void)KeSetEvent(&done, 0, TRUE); // the database stays locked: the wait that follows is the first that looks
        KeGetCurrentThread()->WaitIrql = old;
        EXPECT_FALSE(ran);
        Await(&event);
        EXPECT_TRUE(ran);
    });
}

// INT-12
TEST_F(ApcWaitTest, UserApcEndsOnlyAnAlertableUserModeWait) {
    Run([&] {
        struct Case {
            KPROCESSOR_MODE Mode;
            BOOLEAN Alertable;
            bool Ends;
        };
        for (const Case& each : {Case{KernelMode, FALSE, false}, Case{KernelMode, TRUE, false},
                                 Case{UserMode, FALSE, false}, Case{UserMode, TRUE, true}}) {
            KEVENT event;
            KeInitializeEvent(&event, SynchronizationEvent, FALSE);
            NTSTATUS status = STATUS_UNSUCCESSFUL;
            bool pending = false;
            Thread* const waiter = machine->Spawn(9, [&] {
                status = KeWaitForSingleObject(&event, KWAIT_REASON::UserRequest, each.Mode, each.Alertable, nullptr);
                pending = Self().ApcState.UserApcPending;
            });
            Apc apc(
                waiter->Tcb, [] { ADD_FAILURE() << "there is no user mode to deliver it to"; }, [] {}, UserMode);
            EXPECT_TRUE(apc.Queue());
            EXPECT_EQ(StateOf(waiter->Tcb) != KTHREAD_STATE::Waiting, each.Ends);
            if (!each.Ends) KeSetEvent(&event, 0, FALSE);
            EXPECT_EQ(Code(status), Code(each.Ends ? STATUS_USER_APC : STATUS_SUCCESS));
            EXPECT_EQ(pending, each.Ends);
            EXPECT_TRUE(IsListEmpty(&event.Header.WaitListHead));
            EXPECT_TRUE(apc.RunDown) << "its thread has ended";
        }
    });
}

// INT-12
TEST_F(ApcWaitTest, QueuedUserApcKeepsAnAlertableWaitFromWaiting) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        Apc apc(
            Self(), nullptr, [] {}, UserMode);
        EXPECT_TRUE(apc.Queue());
        EXPECT_EQ(Code(WaitFor(&event, Ticks(1))), Code(STATUS_TIMEOUT)) << "not alertable";
        EXPECT_FALSE(Self().ApcState.UserApcPending);
        EXPECT_EQ(Code(AlertableWait(&event, UserMode)), Code(STATUS_USER_APC));
        EXPECT_TRUE(Self().ApcState.UserApcPending);
        LARGE_INTEGER time = Ticks(5);
        EXPECT_EQ(Code(KeDelayExecutionThread(UserMode, FALSE, &time)), Code(STATUS_USER_APC))
            << "pending, it ends any wait of user mode";
        EXPECT_TRUE(KeRemoveQueueApc(&apc.Object));
        EXPECT_FALSE(Self().ApcState.UserApcPending);
    });
}

// INT-12, DSP-14
TEST_F(ApcWaitTest, SignaledObjectIsTakenBeforeAUserApcIsLookedAt) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, TRUE);
        Apc apc(
            Self(), nullptr, [] {}, UserMode);
        apc.Queue();
        EXPECT_EQ(Code(AlertableWait(&event, UserMode)), Code(STATUS_SUCCESS));
        EXPECT_EQ(Code(AlertableWait(&event, UserMode)), Code(STATUS_USER_APC));
        KeRemoveQueueApc(&apc.Object);
    });
}
