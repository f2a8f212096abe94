// Alerts and alertable waits.
#include "apcs.h"
#include "ke/ki.h"
#include "waits.h"

using namespace host;
using AlertTest = KernelTest;

namespace {
NTSTATUS AlertableWait(PVOID object, KPROCESSOR_MODE mode, BOOLEAN alertable = TRUE) {
    LARGE_INTEGER time = Ticks(3);
    return KeWaitForSingleObject(object, KWAIT_REASON::UserRequest, mode, alertable, &time);
}
} // namespace

// INT-12, DSP-14
TEST_F(AlertTest, EndsAlertableWaitsOfItsMode) {
    Run([&] {
        struct Case {
            KPROCESSOR_MODE Wait, Alert;
            BOOLEAN Alertable;
            NTSTATUS Result;
        };
        const Case cases[] = {
            {KernelMode, KernelMode, TRUE, STATUS_ALERTED},  {UserMode, KernelMode, TRUE, STATUS_ALERTED},
            {UserMode, UserMode, TRUE, STATUS_ALERTED},      {KernelMode, UserMode, TRUE, STATUS_TIMEOUT},
            {KernelMode, KernelMode, FALSE, STATUS_TIMEOUT}, {UserMode, UserMode, FALSE, STATUS_TIMEOUT},
        };
        for (const Case& each : cases) {
            for (const bool before : {false, true}) { // the alert comes before the wait, or ends it
                KEVENT event;
                KeInitializeEvent(&event, SynchronizationEvent, FALSE);
                NTSTATUS status = STATUS_UNSUCCESSFUL;
                Thread* const thread =
                    machine->Make(9, [&] { status = AlertableWait(&event, each.Wait, each.Alertable); });
                if (before) EXPECT_FALSE(KeAlertThread(&thread->Tcb, each.Alert));
                KeReadyThread(&thread->Tcb);
                if (!before) EXPECT_FALSE(KeAlertThread(&thread->Tcb, each.Alert));
                Await(&thread->Tcb);
                EXPECT_EQ(Code(status), Code(each.Result)) << "before the wait: " << before;
                EXPECT_TRUE(IsListEmpty(&event.Header.WaitListHead));
                const bool kept = thread->Tcb.Alerted[ULONG(each.Alert)];
                EXPECT_EQ(kept, each.Result == STATUS_TIMEOUT) << "who it woke has consumed it";
            }
        }
    });
}

// INT-12
TEST_F(AlertTest, EndsDelaysAndWaitsForSeveral) {
    Run([&] {
        NTSTATUS delay = STATUS_UNSUCCESSFUL, several = STATUS_UNSUCCESSFUL;
        KEVENT first, second;
        KeInitializeEvent(&first, SynchronizationEvent, FALSE);
        KeInitializeEvent(&second, SynchronizationEvent, FALSE);
        Thread* const a = machine->Spawn(9, [&] {
            LARGE_INTEGER time = Ticks(1000);
            delay = KeDelayExecutionThread(KernelMode, TRUE, &time);
        });
        Thread* const b = machine->Spawn(9, [&] {
            PVOID objects[] = {&first, &second};
            several = KeWaitForMultipleObjects(2, objects, WaitAny, KWAIT_REASON::UserRequest, UserMode, TRUE, nullptr,
                                               nullptr);
        });
        KeAlertThread(&a->Tcb, KernelMode);
        KeAlertThread(&b->Tcb, UserMode);
        EXPECT_EQ(Code(delay), Code(STATUS_ALERTED));
        EXPECT_EQ(Code(several), Code(STATUS_ALERTED));
        EXPECT_TRUE(IsListEmpty(&first.Header.WaitListHead));
        EXPECT_TRUE(IsListEmpty(&second.Header.WaitListHead));
        EXPECT_FALSE(a->Tcb.Timer.Header.Inserted);
    });
}

// INT-12
TEST_F(AlertTest, IsRememberedOnce) {
    Run([&] {
        KTHREAD* const self = KeGetCurrentThread();
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        EXPECT_FALSE(KeAlertThread(self, UserMode));
        EXPECT_TRUE(KeAlertThread(self, UserMode)) << "it was alerted already";
        EXPECT_EQ(Code(AlertableWait(&event, UserMode)), Code(STATUS_ALERTED));
        EXPECT_EQ(Code(AlertableWait(&event, UserMode)), Code(STATUS_TIMEOUT));
    });
}

// INT-12
TEST_F(AlertTest, UserAlertGoesBeforeUserApcBeforeKernelAlert) {
    Run([&] {
        KTHREAD* const self = KeGetCurrentThread();
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        Apc apc(
            *self, nullptr, [] {}, UserMode);
        apc.Queue();
        KeAlertThread(self, UserMode);
        KeAlertThread(self, KernelMode);
        EXPECT_EQ(Code(AlertableWait(&event, UserMode)), Code(STATUS_ALERTED));
        EXPECT_TRUE(self->Alerted[ULONG(KernelMode)]);
        EXPECT_EQ(Code(AlertableWait(&event, UserMode)), Code(STATUS_USER_APC));
        EXPECT_TRUE(self->Alerted[ULONG(KernelMode)]);
        KeRemoveQueueApc(&apc.Object);
        EXPECT_EQ(Code(AlertableWait(&event, UserMode)), Code(STATUS_ALERTED));
        EXPECT_FALSE(self->Alerted[ULONG(KernelMode)]);
    });
}

// INT-12
TEST_F(AlertTest, TestTakesTheAlertAndMakesUserApcsPending) {
    Run([&] {
        KTHREAD* const self = KeGetCurrentThread();
        EXPECT_FALSE(KeTestAlertThread(UserMode));
        KeAlertThread(self, UserMode);
        Apc apc(
            *self, nullptr, [] {}, UserMode);
        apc.Queue();
        EXPECT_TRUE(KeTestAlertThread(UserMode));
        EXPECT_FALSE(self->ApcState.UserApcPending) << "the alert was the answer";
        EXPECT_FALSE(KeTestAlertThread(KernelMode));
        EXPECT_FALSE(self->ApcState.UserApcPending);
        EXPECT_FALSE(KeTestAlertThread(UserMode));
        EXPECT_TRUE(self->ApcState.UserApcPending);
        KeRemoveQueueApc(&apc.Object);
    });
}

// INT-12, INT-14
TEST_F(AlertTest, AlertResumeReachesASuspendedThreadsNextWait) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        NTSTATUS status = STATUS_UNSUCCESSFUL;
        Thread* const thread = machine->Spawn(9, [&] { status = AlertableWait(&event, KernelMode); });
        KeSuspendThread(&thread->Tcb);
        EXPECT_EQ(KeAlertResumeThread(&thread->Tcb), 1u);
        EXPECT_EQ(Code(status), Code(STATUS_ALERTED));
    });
}
