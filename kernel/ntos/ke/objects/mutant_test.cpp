// Mutants: ownership, recursion, abandonment.
#include "ke/ki.h"
#include "waits.h"

using namespace host;
using MutantTest = KernelTest;

namespace {

ULONG RaisedBy(const std::function<void()>& action) {
    try {
        action();
    } catch (const RaisedStatus& raised) {
        return Code(raised.Status);
    }
    return 0;
}

} // namespace

// DSP-04
TEST_F(MutantTest, OwnerMayTakeItAgainAndMustReleaseAsOften) {
    Run([&] {
        KMUTANT mutant;
        KeInitializeMutant(&mutant, FALSE);
        EXPECT_EQ(KeReadStateMutant(&mutant), 1);
        Await(&mutant);
        Await(&mutant);
        EXPECT_EQ(KeReadStateMutant(&mutant), -1);
        EXPECT_EQ(mutant.OwnerThread, KeGetCurrentThread());
        bool other = false;
        machine->Spawn(9, [&] {
            Await(&mutant);
            other = true;
            KeReleaseMutant(&mutant, 0, FALSE, FALSE);
        });
        EXPECT_EQ(KeReleaseMutant(&mutant, 0, FALSE, FALSE), -1);
        EXPECT_FALSE(other);
        EXPECT_EQ(KeReleaseMutant(&mutant, 0, FALSE, FALSE), 0);
        EXPECT_TRUE(other);
        EXPECT_EQ(KeReadStateMutant(&mutant), 1);
        EXPECT_EQ(mutant.OwnerThread, nullptr);
    });
}

// DSP-04
TEST_F(MutantTest, OnlyTheOwnerMayRelease) {
    Run([&] {
        KMUTANT mutant;
        KeInitializeMutant(&mutant, TRUE);
        machine->Spawn(9, [&] {
            EXPECT_EQ(RaisedBy([&] { KeReleaseMutant(&mutant, 0, FALSE, FALSE); }), Code(STATUS_MUTANT_NOT_OWNED));
        });
        EXPECT_EQ(KeReadStateMutant(&mutant), 0);
        KeReleaseMutant(&mutant, 0, FALSE, FALSE);
        EXPECT_EQ(RaisedBy([&] { KeReleaseMutant(&mutant, 0, FALSE, FALSE); }), Code(STATUS_MUTANT_NOT_OWNED));
    });
}

// DSP-04
TEST_F(MutantTest, AbandonedByAnEndingThreadTheNextOwnerIsTold) {
    Run([&] {
        KMUTANT mutant;
        KeInitializeMutant(&mutant, FALSE);
        Thread* const owner = machine->Spawn(9, [&] {
            Await(&mutant);
            Await(&mutant); // even if it was owned more than once
        });
        Await(&owner->Tcb);
        EXPECT_TRUE(mutant.Abandoned);
        EXPECT_EQ(Code(WaitFor(&mutant)), Code(STATUS_ABANDONED));
        EXPECT_FALSE(mutant.Abandoned) << "told once";
        KeReleaseMutant(&mutant, 0, FALSE, FALSE);
        EXPECT_EQ(Code(WaitFor(&mutant)), Code(STATUS_SUCCESS));
    });
}

// DSP-04, DSP-14
TEST_F(MutantTest, AbandonmentReleasesTheFirstWaiter) {
    Run([&] {
        KMUTANT mutant;
        KeInitializeMutant(&mutant, FALSE);
        machine->Spawn(9, [&] {
            Await(&mutant);
            Sleep(5);
        });
        std::vector<ULONG> results;
        std::vector<Thread*> waiters;
        for (int i = 0; i < 2; i++) {
            waiters.push_back(machine->Spawn(9, [&] {
                results.push_back(Code(WaitFor(&mutant)));
                KeReleaseMutant(&mutant, 0, FALSE, FALSE);
            }));
        }
        for (Thread* waiter : waiters)
            Await(&waiter->Tcb);
        EXPECT_EQ(results, (std::vector<ULONG>{Code(STATUS_ABANDONED), Code(STATUS_SUCCESS)}));
    });
}

// DSP-04, DSP-13
TEST_F(MutantTest, AbandonedMutantIsNamedByItsIndexInAWaitAny) {
    Run([&] {
        KEVENT event;
        KMUTANT mutant;
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        KeInitializeMutant(&mutant, FALSE);
        machine->Spawn(9, [&] {
            Await(&mutant);
            Sleep(2);
        });
        EXPECT_EQ(Code(WaitForSeveral({&event, &mutant}, WaitAny)), Code(STATUS_ABANDONED_WAIT_0) + 1);
        EXPECT_EQ(mutant.OwnerThread, KeGetCurrentThread());
        KeReleaseMutant(&mutant, 0, FALSE, FALSE);
    });
}

// DSP-04
TEST_F(MutantTest, ExplicitAbandonmentFreesItWhoeverOwnsIt) {
    Run([&] {
        KMUTANT mutant;
        KeInitializeMutant(&mutant, FALSE);
        Thread* const owner = machine->Spawn(9, [&] {
            Await(&mutant);
            Sleep(3);
            EXPECT_EQ(RaisedBy([&] { KeReleaseMutant(&mutant, 0, FALSE, FALSE); }), Code(STATUS_ABANDONED));
        });
        KeReleaseMutant(&mutant, 0, TRUE, FALSE);
        EXPECT_TRUE(IsListEmpty(&owner->Tcb.MutantListHead));
        Await(&owner->Tcb);
    });
}

// DSP-04
TEST_F(MutantTest, RecursionHasALimit) {
    Run([&] {
        KMUTANT mutant;
        KeInitializeMutant(&mutant, TRUE);
        mutant.Header.SignalState = -0x7FFF'FFFF - 1; // taken 2^31 + 1 times
        EXPECT_EQ(RaisedBy([&] { (void)WaitFor(&mutant); }), Code(STATUS_MUTANT_LIMIT_EXCEEDED));
        EXPECT_EQ(mutant.Header.SignalState, -0x7FFF'FFFF - 1);
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(PASSIVE_LEVEL));
    });
}

// DSP-04
TEST_F(MutantTest, OwnersListHoldsExactlyWhatItOwns) {
    Run([&] {
        KMUTANT mutants[3];
        KTHREAD* const self = KeGetCurrentThread();
        for (KMUTANT& mutant : mutants) {
            KeInitializeMutant(&mutant, FALSE);
            Await(&mutant);
        }
        KeReleaseMutant(&mutants[1], 0, FALSE, FALSE);
        std::vector<KMUTANT*> owned;
        for (KMUTANT* mutant : nt::List<&KMUTANT::MutantListEntry>(self->MutantListHead))
            owned.push_back(mutant);
        EXPECT_EQ(owned, (std::vector<KMUTANT*>{&mutants[0], &mutants[2]}));
        KeReleaseMutant(&mutants[0], 0, FALSE, FALSE);
        KeReleaseMutant(&mutants[2], 0, FALSE, FALSE);
    });
}

// DSP-04: a mutex (KMUTEX) is the kernel's own: its data would be half changed, and nobody learns of it
TEST_F(MutantTest, ThreadThatEndsWithAMutexIsABugcheck) {
    KMUTANT mutant, mutex;
    RunUntilBugCheck(THREAD_TERMINATE_HELD_MUTEX, [&] {
        KeInitializeMutant(&mutant, FALSE);
        KeInitializeMutex(&mutex, 0);
        Thread* const owner = machine->Spawn(9, [&] {
            Await(&mutant);
            Await(&mutex);
        });
        Await(&owner->Tcb);
    });
    EXPECT_EQ(machine->Stopped().Parameter[1], reinterpret_cast<ULONG_PTR>(&mutex));
}
