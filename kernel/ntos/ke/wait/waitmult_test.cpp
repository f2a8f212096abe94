// Waiting for several objects.
#include "ke/ki.h"
#include "waits.h"

using namespace host;
using WaitMultipleTest = KernelTest;

namespace {

struct Events {
    KEVENT Event[MAXIMUM_WAIT_OBJECTS];
    std::vector<PVOID> Pointers;

    explicit Events(ULONG count) {
        for (ULONG i = 0; i < count; i++) {
            KeInitializeEvent(&Event[i], SynchronizationEvent, FALSE);
            Pointers.push_back(&Event[i]);
        }
    }
    void Set(ULONG index) { KeSetEvent(&Event[index], 0, FALSE); }
    LONG State(ULONG index) { return KeReadStateEvent(&Event[index]); }
};

} // namespace

// DSP-13, DSP-16
TEST_F(WaitMultipleTest, AnyTakesTheFirstSignaledObjectOfTheArray) {
    Run([&] {
        Events events(3);
        events.Set(2);
        events.Set(1);
        EXPECT_EQ(Code(WaitForSeveral(events.Pointers, WaitAny)), 1u);
        EXPECT_EQ(events.State(1), 0);
        EXPECT_EQ(events.State(2), 1) << "only one is taken";
        EXPECT_EQ(Code(WaitForSeveral(events.Pointers, WaitAny)), 2u);
    });
}

// DSP-12, DSP-13
TEST_F(WaitMultipleTest, AnyEndsWithTheIndexOfTheObjectThatCame) {
    Run([&] {
        Events events(3);
        ULONG result = 99;
        machine->Spawn(9, [&] { result = Code(WaitForSeveral(events.Pointers, WaitAny)); });
        for (ULONG i = 0; i < 3; i++)
            EXPECT_FALSE(IsListEmpty(&events.Event[i].Header.WaitListHead));
        events.Set(2);
        EXPECT_EQ(result, 2u);
        for (ULONG i = 0; i < 3; i++)
            EXPECT_TRUE(IsListEmpty(&events.Event[i].Header.WaitListHead)) << "it is on no list any more";
    });
}

// DSP-13, DSP-14
TEST_F(WaitMultipleTest, AllTakesNothingUntilItCanTakeEverything) {
    Run([&] {
        Events events(3);
        bool released = false;
        machine->Spawn(9, [&] {
            EXPECT_EQ(Code(WaitForSeveral(events.Pointers, WaitAll)), Code(STATUS_SUCCESS));
            released = true;
        });
        events.Set(0);
        events.Set(2);
        EXPECT_FALSE(released);
        EXPECT_EQ(events.State(0), 1) << "still there for others";
        events.Set(1);
        EXPECT_TRUE(released);
        for (ULONG i = 0; i < 3; i++)
            EXPECT_EQ(events.State(i), 0) << "all are consumed in one step";
    });
}

// DSP-03, DSP-13
TEST_F(WaitMultipleTest, SignalPassesOverAWaitAllThatCannotBeSatisfied) {
    Run([&] {
        Events events(2);
        bool all = false, any = false;
        machine->Spawn(9, [&] {
            (void)WaitForSeveral(events.Pointers, WaitAll);
            all = true;
        });
        machine->Spawn(9, [&] {
            Await(&events.Event[0]);
            any = true;
        });
        events.Set(0);
        EXPECT_FALSE(all);
        EXPECT_TRUE(any);
        events.Set(1);
        EXPECT_FALSE(all) << "the first one's signal was consumed";
        events.Set(0);
        EXPECT_TRUE(all);
    });
}

// DSP-16
TEST_F(WaitMultipleTest, SixtyFourObjectsWithAnArray) {
    Run([&] {
        Events events(MAXIMUM_WAIT_OBJECTS);
        KWAIT_BLOCK blocks[MAXIMUM_WAIT_OBJECTS];
        ULONG result = 99;
        machine->Spawn(9, [&] { result = Code(WaitForSeveral(events.Pointers, WaitAny, blocks)); });
        events.Set(63);
        EXPECT_EQ(result, Code(STATUS_WAIT_63));
        bool all = false;
        machine->Spawn(9, [&] {
            (void)WaitForSeveral(events.Pointers, WaitAll, blocks);
            all = true;
        });
        for (ULONG i = 0; i < MAXIMUM_WAIT_OBJECTS; i++) {
            EXPECT_FALSE(all);
            events.Set(i);
        }
        EXPECT_TRUE(all);
    });
}

// DSP-16
TEST_F(WaitMultipleTest, MoreThanSixtyFourObjectsAreABugcheck) {
    RunUntilBugCheck(MAXIMUM_WAIT_OBJECTS_EXCEEDED, [&] {
        KEVENT event;
        KeInitializeEvent(&event, NotificationEvent, TRUE);
        KWAIT_BLOCK blocks[MAXIMUM_WAIT_OBJECTS + 1];
        (void)WaitForSeveral(std::vector<PVOID>(MAXIMUM_WAIT_OBJECTS + 1, &event), WaitAny, blocks);
    });
}

// DSP-16
TEST_F(WaitMultipleTest, MoreThanThreeObjectsNeedAnArray) {
    RunUntilBugCheck(MAXIMUM_WAIT_OBJECTS_EXCEEDED, [&] {
        KEVENT event;
        KeInitializeEvent(&event, NotificationEvent, TRUE);
        (void)WaitForSeveral(std::vector<PVOID>(THREAD_WAIT_OBJECTS + 1, &event), WaitAny);
    });
}

// DSP-13, DSP-14
TEST_F(WaitMultipleTest, TimeoutLeavesNothingBehind) {
    Run([&] {
        Events events(3);
        for (WAIT_TYPE type : {WaitAny, WaitAll}) {
            if (type == WaitAll) events.Set(1);
            LARGE_INTEGER timeout = Ticks(3);
            EXPECT_EQ(Code(WaitForSeveral(events.Pointers, type, nullptr, &timeout)), Code(STATUS_TIMEOUT));
            for (ULONG i = 0; i < 3; i++)
                EXPECT_TRUE(IsListEmpty(&events.Event[i].Header.WaitListHead));
        }
        EXPECT_EQ(events.State(1), 1) << "a WaitAll that ends takes nothing";
    });
}

// DSP-13, DSP-14
TEST_F(WaitMultipleTest, OneSignalEndsTheWaitOfAThreadOnceEvenIfTheObjectIsNamedTwice) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        ULONG ends = 0;
        machine->Spawn(9, [&] {
            EXPECT_EQ(Code(WaitForSeveral({&event, &event, &event}, WaitAny)), 0u);
            ends++;
        });
        KeSetEvent(&event, 0, FALSE);
        EXPECT_EQ(ends, 1u);
        EXPECT_TRUE(IsListEmpty(&event.Header.WaitListHead));
    });
}

// DSP-04, DSP-13
TEST_F(WaitMultipleTest, AllMixesKindsOfObjects) {
    Run([&] {
        KEVENT event;
        KMUTANT mutant;
        KSEMAPHORE semaphore;
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        KeInitializeMutant(&mutant, TRUE);
        KeInitializeSemaphore(&semaphore, 2, 2);
        Thread* const waiter = machine->Spawn(9, [&] {
            EXPECT_EQ(Code(WaitForSeveral({&event, &mutant, &semaphore}, WaitAll)), Code(STATUS_SUCCESS));
            EXPECT_EQ(mutant.OwnerThread, KeGetCurrentThread());
            EXPECT_EQ(KeReadStateSemaphore(&semaphore), 1);
            KeReleaseMutant(&mutant, 0, FALSE, FALSE);
        });
        KeSetEvent(&event, 0, FALSE);
        EXPECT_EQ(StateOf(waiter->Tcb), KTHREAD_STATE::Waiting);
        KeReleaseMutant(&mutant, 0, FALSE, FALSE);
        EXPECT_EQ(StateOf(waiter->Tcb), KTHREAD_STATE::Terminated);
    });
}

// DSP-07, DSP-08, DSP-11, DSP-13
TEST_F(WaitMultipleTest, ThreadsAndProcessesAreObjectsLikeOthers) {
    Run([&] {
        KPROCESS* const process = machine->MakeProcess(8);
        KEVENT go, event;
        KeInitializeEvent(&go, NotificationEvent, FALSE);
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        Thread own[2] = {{{}, [&] { Await(&go); }}, {{}, [&] { Await(&go); }}};
        for (Thread& thread : own)
            machine->Start(&thread, process);
        Thread* const system = machine->Spawn(9, [&] { Await(&go); });
        Sleep(1);
        ULONG all = 99, any = 99;
        machine->Spawn(9, [&] {
            all = Code(WaitForSeveral({process, &system->Tcb, &event}, WaitAll));
            // They stay signaled: a second wait is over at once.
            EXPECT_EQ(Code(WaitForSeveral({process, &system->Tcb}, WaitAll)), Code(STATUS_SUCCESS));
        });
        machine->Spawn(9, [&] { any = Code(WaitForSeveral({&event, process, &own[1].Tcb}, WaitAny)); });
        KeSetEvent(&event, 0, FALSE); // goes to the WaitAny: the WaitAll cannot have it yet
        EXPECT_EQ(any, 0u);
        KeSetEvent(&go, 0, FALSE);
        Sleep(1);
        EXPECT_EQ(StateOf(own[0].Tcb), KTHREAD_STATE::Terminated);
        EXPECT_EQ(process->Header.SignalState, 1);
        EXPECT_EQ(all, 99u) << "the event is not there";
        KeSetEvent(&event, 0, FALSE);
        EXPECT_EQ(all, Code(STATUS_SUCCESS));
        EXPECT_EQ(KeReadStateEvent(&event), 0);
    });
}

// DSP-13, DSP-16: every one of 64, in both kinds of wait, with an abandoned mutant among them
TEST_F(WaitMultipleTest, AnyOfSixtyFourNamesEachIndexAndAbandonment) {
    Run([&] {
        Events events(MAXIMUM_WAIT_OBJECTS);
        KWAIT_BLOCK blocks[MAXIMUM_WAIT_OBJECTS];
        for (ULONG i = 0; i < MAXIMUM_WAIT_OBJECTS; i += 7) {
            ULONG result = 999;
            machine->Spawn(9, [&] { result = Code(WaitForSeveral(events.Pointers, WaitAny, blocks)); });
            events.Set(i);
            EXPECT_EQ(result, i);
        }
        KMUTANT mutant;
        KeInitializeMutant(&mutant, FALSE);
        machine->Spawn(9, [&] { Await(&mutant); }); // ends with it
        events.Pointers[63] = &mutant;
        EXPECT_EQ(Code(WaitForSeveral(events.Pointers, WaitAny, blocks)), Code(STATUS_ABANDONED_WAIT_0) + 63);
        EXPECT_EQ(mutant.OwnerThread, KeGetCurrentThread());
        KeReleaseMutant(&mutant, 0, FALSE, FALSE);
    });
}

// DSP-04, DSP-13
TEST_F(WaitMultipleTest, AllTellsOfAnAbandonedMutantAtOnceAndAfterAWait) {
    Run([&] {
        for (const bool waits : {false, true}) {
            KMUTANT mutant;
            KEVENT event, leave;
            KeInitializeMutant(&mutant, FALSE);
            KeInitializeEvent(&event, NotificationEvent, TRUE);
            KeInitializeEvent(&leave, NotificationEvent, !waits);
            machine->Spawn(9, [&] {
                Await(&mutant);
                Await(&leave);
            });
            ULONG result = 999;
            machine->Spawn(9, [&] {
                result = Code(WaitForSeveral({&event, &mutant}, WaitAll));
                KeReleaseMutant(&mutant, 0, FALSE, FALSE);
            });
            EXPECT_EQ(result, waits ? 999u : Code(STATUS_ABANDONED_WAIT_0));
            KeSetEvent(&leave, 0, FALSE);
            EXPECT_EQ(result, Code(STATUS_ABANDONED_WAIT_0));
            EXPECT_EQ(Code(WaitFor(&mutant)), Code(STATUS_SUCCESS)) << "told once";
            KeReleaseMutant(&mutant, 0, FALSE, FALSE);
        }
    });
}
