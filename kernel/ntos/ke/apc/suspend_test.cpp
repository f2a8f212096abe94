// Suspending, resuming, freezing.
#include "apcs.h"
#include "ke/ki.h"
#include "waits.h"

using namespace host;
using SuspendTest = KernelTest;

// INT-14
TEST_F(SuspendTest, SuspendedThreadStandsStillUntilAsManyResumes) {
    Run([&] {
        int rounds = 0;
        bool stop = false;
        Thread* const thread = machine->Spawn(9, [&] {
            while (!stop) {
                rounds++;
                Sleep(1);
            }
        });
        EXPECT_EQ(KeSuspendThread(&thread->Tcb), 0u);
        EXPECT_EQ(KeSuspendThread(&thread->Tcb), 1u);
        Sleep(3);
        const int before = rounds;
        Sleep(5);
        EXPECT_EQ(rounds, before);
        EXPECT_EQ(KeResumeThread(&thread->Tcb), 2u);
        Sleep(5);
        EXPECT_EQ(rounds, before) << "one suspension is left";
        EXPECT_EQ(KeResumeThread(&thread->Tcb), 1u);
        Sleep(5);
        EXPECT_GT(rounds, before + 2);
        EXPECT_EQ(KeResumeThread(&thread->Tcb), 0u) << "it was not suspended";
        stop = true;
        Await(&thread->Tcb);
    });
}

// INT-14
TEST_F(SuspendTest, ThreadMadeSuspendedDoesNotRunItsFirstLine) {
    Run([&] {
        bool ran = false;
        Thread* const thread = machine->Make(9, [&] { ran = true; });
        EXPECT_EQ(KeSuspendThread(&thread->Tcb), 0u);
        KeReadyThread(&thread->Tcb);
        Sleep(2);
        EXPECT_FALSE(ran);
        EXPECT_EQ(thread->Tcb.WaitReason, KWAIT_REASON::Suspended);
        KeResumeThread(&thread->Tcb);
        EXPECT_TRUE(ran);
    });
}

// INT-14: the wait itself is interrupted; a signal meanwhile is kept for it
TEST_F(SuspendTest, WaitGoesOnAfterTheSuspension) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        bool done = false;
        Thread* const thread = machine->Spawn(9, [&] {
            Await(&event);
            done = true;
        });
        KeSuspendThread(&thread->Tcb);
        EXPECT_TRUE(IsListEmpty(&event.Header.WaitListHead)) << "it waits for its semaphore instead";
        KeSetEvent(&event, 0, FALSE);
        EXPECT_EQ(KeReadStateEvent(&event), 1);
        EXPECT_FALSE(done);
        KeResumeThread(&thread->Tcb);
        EXPECT_TRUE(done);
    });
}

// INT-14, INT-15
TEST_F(SuspendTest, NotInACriticalRegion) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        std::string order;
        Thread* const thread = machine->Spawn(9, [&] {
            KeEnterCriticalRegion();
            Await(&event);
            order += "inside ";
            KeLeaveCriticalRegion();
            order += "after ";
        });
        KeSuspendThread(&thread->Tcb);
        KeSetEvent(&event, 0, FALSE);
        EXPECT_EQ(order, "inside ");
        KeResumeThread(&thread->Tcb);
        EXPECT_EQ(order, "inside after ");
    });
}

// INT-14: resumed before its APC ran, suspended again, and so on: only the count matters
TEST_F(SuspendTest, ResumeBeforeTheThreadStoodStillIsKept) {
    Run([&] {
        bool ran = false;
        Thread* const thread = machine->Spawn(7, [&] { ran = true; }); // below this thread: it does not run yet
        for (int i = 0; i < 3; i++) {
            EXPECT_EQ(KeSuspendThread(&thread->Tcb), 0u);
            EXPECT_EQ(KeResumeThread(&thread->Tcb), 1u);
        }
        EXPECT_EQ(thread->Tcb.SuspendSemaphore.Header.SignalState, 1);
        KeSuspendThread(&thread->Tcb);
        Sleep(2);
        EXPECT_FALSE(ran);
        KeResumeThread(&thread->Tcb);
        Await(&thread->Tcb);
        EXPECT_TRUE(ran);
        EXPECT_EQ(thread->Tcb.SuspendSemaphore.Header.SignalState, 0);
    });
}

// INT-14
TEST_F(SuspendTest, CountHasALimit) {
    Run([&] {
        Thread* const thread = machine->Spawn(7, [] {});
        for (ULONG i = 0; i < 127; i++)
            ASSERT_EQ(KeSuspendThread(&thread->Tcb), i);
        try {
            (void)KeSuspendThread(&thread->Tcb);
            ADD_FAILURE() << "the 128th is an exception";
        } catch (const RaisedStatus& raised) {
            EXPECT_EQ(Code(raised.Status), Code(STATUS_SUSPEND_COUNT_EXCEEDED));
        }
        EXPECT_EQ(thread->Tcb.SuspendCount, 127);
        EXPECT_EQ(KeForceResumeThread(&thread->Tcb), 127u);
        Await(&thread->Tcb);
    });
}

// INT-14
TEST_F(SuspendTest, EndedThreadCannotBeSuspended) {
    Run([&] {
        Thread* const thread = machine->Spawn(9, [] {});
        EXPECT_EQ(KeSuspendThread(&thread->Tcb), 0u);
        EXPECT_EQ(thread->Tcb.SuspendCount, 0);
    });
}

// INT-14
TEST_F(SuspendTest, ThreadSuspendsItself) {
    Run([&] {
        std::string order;
        Thread* const thread = machine->Spawn(9, [&] {
            order += "before ";
            (void)KeSuspendThread(KeGetCurrentThread());
            order += "after ";
        });
        EXPECT_EQ(order, "before ");
        KeResumeThread(&thread->Tcb);
        EXPECT_EQ(order, "before after ");
    });
}

// INT-14, KPR-12: the others of the process, on top of their own suspensions
TEST_F(SuspendTest, FreezingAProcessStopsItsOtherThreads) {
    Run([&] {
        KPROCESS* const process = machine->MakeProcess(9);
        int rounds[2] = {};
        bool stop = false, frozen = false;
        KEVENT go, done;
        KeInitializeEvent(&go, SynchronizationEvent, FALSE);
        KeInitializeEvent(&done, SynchronizationEvent, FALSE);
        Thread workers[2] = {}, freezer{};
        for (int i = 0; i < 2; i++) {
            workers[i].Body = [&, i] {
                while (!stop) {
                    rounds[i]++;
                    Sleep(1);
                }
            };
            machine->Start(&workers[i], process);
        }
        freezer.Body = [&] {
            KeFreezeAllThreads();
            EXPECT_TRUE(KeAreApcsDisabled());
            EXPECT_EQ(KeGetCurrentThread()->FreezeCount, 0) << "all but itself";
            frozen = true;
            Await(&go);
            KeThawAllThreads();
            EXPECT_FALSE(KeAreApcsDisabled());
            KeSetEvent(&done, 0, FALSE);
        };
        KeSuspendThread(&workers[0].Tcb);
        machine->Start(&freezer, process);
        Sleep(3);
        ASSERT_TRUE(frozen);
        const int first = rounds[0], second = rounds[1];
        Sleep(5);
        EXPECT_EQ(rounds[0], first);
        EXPECT_EQ(rounds[1], second);
        KeSetEvent(&go, 0, FALSE);
        Await(&done);
        Sleep(5);
        EXPECT_EQ(rounds[0], first) << "it is suspended besides";
        EXPECT_GT(rounds[1], second);
        KeResumeThread(&workers[0].Tcb);
        Sleep(5);
        EXPECT_GT(rounds[0], first);
        stop = true;
        Await(process);
    });
}

// INT-14: on several processors, against each other
TEST_F(SuspendTest, ManySuspensionsFromManyProcessors) {
    for (const ULONG processors : {1u, 2u, 4u}) {
        Run(
            [&] {
                bool stop = false;
                int rounds = 0;
                Thread* const target = machine->Spawn(8, [&] {
                    while (!stop) {
                        rounds++;
                        machine->LetOthersRun();
                        Sleep(1);
                    }
                });
                std::vector<Thread*> others;
                for (int i = 0; i < 3; i++) {
                    others.push_back(machine->Spawn(8, [&, i] {
                        for (int j = 0; j < 40; j++) {
                            KeSuspendThread(&target->Tcb);
                            if ((j + i) % 3 == 0) Sleep(1);
                            machine->LetOthersRun();
                            KeResumeThread(&target->Tcb);
                        }
                    }));
                }
                for (Thread* other : others)
                    Await(&other->Tcb);
                EXPECT_EQ(target->Tcb.SuspendCount, 0);
                const int before = rounds;
                Sleep(6);
                EXPECT_GT(rounds, before) << "nobody holds it any more";
                stop = true;
                Await(&target->Tcb);
            },
            processors);
    }
}
