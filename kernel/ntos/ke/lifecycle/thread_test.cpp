// The life of threads and processes as the dispatcher sees it.
#include "ke/ki.h"
#include "waits.h"

using namespace host;
using ThreadTest = KernelTest;

namespace {

std::vector<KTHREAD_STATE> StatesOf(Machine& machine, const KTHREAD& thread) {
    std::vector<KTHREAD_STATE> states;
    for (const Event& event : machine.Events())
        if (event.Kind == ETW_EVENT::ThreadState && event.Argument[0] == reinterpret_cast<ULONG_PTR>(&thread))
            states.push_back(static_cast<KTHREAD_STATE>(event.Argument[2]));
    return states;
}

using enum KTHREAD_STATE;

} // namespace

// SCH-04, SCH-05, SCH-06, SCH-07, SCH-08, SCH-10
TEST_F(ThreadTest, LifeGoesThroughTheBooksStates) {
    Run([&] {
        KEVENT event;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        Thread* const thread = machine->Make(9, [&] { Await(&event); });
        EXPECT_EQ(StateOf(thread->Tcb), Initialized);
        KeReadyThread(&thread->Tcb);
        EXPECT_EQ(StatesOf(*machine, thread->Tcb),
                  (std::vector<KTHREAD_STATE>{DeferredReady, Standby, Running, Waiting}));
        machine->ForgetEvents();
        KeSetPriorityThread(&thread->Tcb, 3);
        KeSetEvent(&event, 0, FALSE);
        Await(&thread->Tcb);
        EXPECT_EQ(StatesOf(*machine, thread->Tcb),
                  (std::vector<KTHREAD_STATE>{DeferredReady, Ready, Running, Terminated}));
    });
}

// SCH-04
TEST_F(ThreadTest, IllegalTransitionIsCaught) {
    RunUntilAssertion("Successors", [&] {
        Thread* const thread = machine->Make(9, [] {});
        KiSetThreadState(&thread->Tcb, Standby); // without having become ready
    });
}

// DSP-08, SCH-10
TEST_F(ThreadTest, ThreadObjectIsSignaledWhenTheThreadHasEnded) {
    Run([&] {
        Thread* const thread = machine->Spawn(7, [&] { Sleep(3); });
        EXPECT_EQ(Code(WaitFor(&thread->Tcb, Ticks(0))), Code(STATUS_TIMEOUT));
        EXPECT_EQ(Code(WaitFor(&thread->Tcb)), Code(STATUS_SUCCESS));
        EXPECT_EQ(Code(WaitFor(&thread->Tcb)), Code(STATUS_SUCCESS)) << "and stays signaled";
        EXPECT_FALSE(thread->Tcb.SwapBusy) << "its stack is free";
    });
}

// DSP-07, KPR-01, KPR-11
TEST_F(ThreadTest, ProcessObjectIsSignaledWithTheLastThread) {
    Run([&] {
        KPROCESS* const process = machine->MakeProcess(7);
        Thread first{}, second{};
        const auto start = [&](Thread& thread, LONGLONG ticks) {
            thread.Body = [ticks] { Sleep(ticks); };
            machine->Start(&thread, process);
        };
        start(first, 3);
        start(second, 6);
        ULONG threads = 0;
        for (KTHREAD* thread : nt::List<&KTHREAD::ThreadListEntry>(process->ThreadListHead)) {
            EXPECT_EQ(thread->Process, process);
            threads++;
        }
        EXPECT_EQ(threads, 2u);
        EXPECT_EQ(process->StackCount, 2u);
        Await(&first.Tcb);
        EXPECT_EQ(Code(WaitFor(process, Ticks(0))), Code(STATUS_TIMEOUT));
        Await(process);
        EXPECT_TRUE(IsListEmpty(&process->ThreadListHead));
        EXPECT_EQ(process->StackCount, 0u);
    });
}

// KPR-22
TEST_F(ThreadTest, ProcessIsListedWhileItHasThreads) {
    Run([&] {
        KPROCESS* const process = machine->MakeProcess(7);
        EXPECT_TRUE(IsListEmpty(&process->ProcessListEntry));
        Thread thread{};
        thread.Body = [] {};
        machine->Start(&thread, process);
        EXPECT_FALSE(IsListEmpty(&process->ProcessListEntry));
        Await(&thread.Tcb);
        EXPECT_TRUE(IsListEmpty(&process->ProcessListEntry));
    });
}

// KPR-13, KPR-15, KPR-23, SCH-03
TEST_F(ThreadTest, NewThreadHasItsProcessesDefaults) {
    Run([&] {
        KPROCESS* const process = machine->MakeProcess(11);
        process->Affinity = 1;
        process->QuantumReset = 18;
        KTHREAD thread;
        KeInitializeThread(&thread, nullptr, nullptr, nullptr, nullptr, nullptr, process);
        EXPECT_EQ(thread.Priority, 11);
        EXPECT_EQ(thread.BasePriority, 11);
        EXPECT_EQ(thread.Quantum, 18);
        EXPECT_EQ(thread.QuantumReset, 18);
        EXPECT_EQ(thread.Affinity, 1u);
        EXPECT_EQ(thread.ApcState.Process, process);
        EXPECT_EQ(thread.Header.Type, KOBJECTS::ThreadObject);
        EXPECT_EQ(thread.Header.SignalState, 0);
    });
}

// SCH-18
TEST_F(ThreadTest, ThreadsOfAProcessAreSpreadOverIdealProcessors) {
    Run(
        [&] {
            KPROCESS* const process = machine->MakeProcess(8);
            process->Affinity = 0b1101;
            std::vector<UCHAR> ideals;
            for (int i = 0; i < 4; i++) {
                KTHREAD thread;
                KeInitializeThread(&thread, nullptr, nullptr, nullptr, nullptr, nullptr, process);
                ideals.push_back(thread.IdealProcessor);
            }
            EXPECT_EQ(ideals, (std::vector<UCHAR>{0, 2, 3, 0}));
        },
        4);
}

// SCH-14
TEST_F(ThreadTest, ReturningFromTheFirstFrameIsABugcheck) {
    RunUntilBugCheck(MICA_THREAD_RETURNED, [&] {
        KTHREAD thread;
        KeInitializeThread(
            &thread, nullptr, nullptr, [](PKSTART_ROUTINE, PVOID) {}, nullptr, nullptr, &machine->SystemProcess);
        KeSetPriorityThread(&thread, 12);
        KeReadyThread(&thread);
    });
}

// SCH-14, KPR-06
TEST_F(ThreadTest, SwitchChangesTheAddressSpaceOnlyBetweenProcesses) {
    Run([&] {
        KPROCESS* const other = machine->MakeProcess(9);
        machine->Spawn(9, [] {});
        EXPECT_EQ(machine->DirectoryLoads, 0u) << "same process";
        EXPECT_EQ(machine->SystemProcess.ActiveProcessors, 1);
        Thread thread{};
        thread.Body = [&] {
            EXPECT_EQ(machine->LoadedDirectory, other->DirectoryTableBase[0]);
            EXPECT_EQ(other->ActiveProcessors, 1);
            EXPECT_EQ(machine->SystemProcess.ActiveProcessors, 0);
        };
        machine->Start(&thread, other);
        Await(&thread.Tcb);
        EXPECT_EQ(machine->DirectoryLoads, 2u) << "there and back";
        EXPECT_EQ(machine->LoadedDirectory, machine->SystemProcess.DirectoryTableBase[0]);
        EXPECT_EQ(other->ActiveProcessors, 0);
        EXPECT_EQ(machine->SystemProcess.ActiveProcessors, 1);
    });
}

// KPR-06, SCH-14
TEST_F(ThreadTest, AttachedThreadRunsInTheOtherAddressSpaceEvenAcrossSwitches) {
    Run([&] {
        KPROCESS* const other = machine->MakeProcess(8);
        KAPC_STATE saved;
        KeStackAttachProcess(other, &saved);
        EXPECT_EQ(KeGetCurrentThread()->ApcState.Process, other);
        EXPECT_EQ(KeGetCurrentThread()->Process, &machine->SystemProcess);
        EXPECT_EQ(machine->LoadedDirectory, other->DirectoryTableBase[0]);
        EXPECT_EQ(other->ActiveProcessors, 1);
        machine->Spawn(9, [&] { EXPECT_EQ(machine->LoadedDirectory, machine->SystemProcess.DirectoryTableBase[0]); });
        EXPECT_EQ(machine->LoadedDirectory, other->DirectoryTableBase[0]);
        KeUnstackDetachProcess(&saved);
        EXPECT_EQ(KeGetCurrentThread()->ApcState.Process, &machine->SystemProcess);
        EXPECT_EQ(machine->LoadedDirectory, machine->SystemProcess.DirectoryTableBase[0]);
        EXPECT_EQ(other->ActiveProcessors, 0);
    });
}

// SCH-14
TEST_F(ThreadTest, SwitchesAreCounted) {
    Run([&] {
        KPRCB* const prcb = KeGetCurrentPrcb();
        KTHREAD* const self = KeGetCurrentThread();
        const ULONG mine = self->ContextSwitches, all = prcb->ContextSwitches;
        Thread* const thread = machine->Spawn(9, [] {});
        EXPECT_EQ(thread->Tcb.ContextSwitches, 1u);
        EXPECT_EQ(self->ContextSwitches, mine + 1);
        EXPECT_EQ(prcb->ContextSwitches, all + 2);
    });
}
