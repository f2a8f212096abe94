// Kernel stacks and processes leave memory and come back. The memory manager is a fake.
#include "apcs.h"
#include "fakeswap.h"

using namespace host;
using enum KTHREAD_STATE;
using enum KPROCESS_STATE;

namespace {

using Strings = std::vector<std::string>;

/// The states that a thread went through.
std::vector<KTHREAD_STATE> StatesOf(const Machine& machine, const KTHREAD& thread) {
    std::vector<KTHREAD_STATE> states;
    for (const Event& event : machine.Events())
        if (event.Kind == ETW_EVENT::ThreadState && event.Argument[0] == reinterpret_cast<ULONG_PTR>(&thread))
            states.push_back(static_cast<KTHREAD_STATE>(event.Argument[2]));
    return states;
}

} // namespace

// SCH-09, SYS-15, KPR-21
TEST_F(SwapTest, LongUserWaitCostsTheStackAndItsEndBringsItBack) {
    Run([&] {
        StartSwapper();
        SIGNAL signal;
        bool ran = false;
        Thread* const thread = machine->Spawn(9, [&] {
            EXPECT_EQ(UserWait(&signal.Event), STATUS_SUCCESS);
            ran = true;
        });
        const ULONG stacks = machine->SystemProcess.StackCount;
        KeRequestStackOutSwap(0);
        EXPECT_EQ(StateOf(thread->Tcb), Waiting);
        EXPECT_TRUE(IsOut(thread));
        EXPECT_EQ(machine->SystemProcess.StackCount, stacks - 1);
        machine->ForgetEvents();
        signal.Set();
        EXPECT_TRUE(ran);
        EXPECT_FALSE(IsOut(thread));
        EXPECT_EQ(StatesOf(*machine, thread->Tcb),
                  (std::vector{Transition, DeferredReady, Ready, Running, Terminated}));
        EXPECT_EQ(CountEvents(*machine, ETW_EVENT::StackSwap), 1u);
        EXPECT_EQ(Memory.Calls, (Strings{"out", "in"}));
    });
}

// SCH-09: only while it waits in user mode's name, as it allows it itself, and for as long as it was asked for.
TEST_F(SwapTest, OtherThreadsKeepTheirStacks) {
    Run([&] {
        StartSwapper();
        SIGNAL signal(NotificationEvent);
        KPROCESS* const other = machine->MakeProcess(8);
        auto waits = [&] { EXPECT_EQ(UserWait(&signal.Event), STATUS_SUCCESS); };
        Thread* const kernel = machine->Spawn(9, [&] { Await(&signal.Event); });
        Thread* const refuses = machine->Spawn(9, [&] {
            EXPECT_TRUE(KeSetKernelStackSwapEnable(FALSE));
            waits();
            EXPECT_FALSE(KeSetKernelStackSwapEnable(TRUE));
        });
        Thread* const attached = machine->Spawn(9, [&] {
            KAPC_STATE saved;
            KeStackAttachProcess(other, &saved);
            waits();
            KeUnstackDetachProcess(&saved);
        });
        Thread* const realTime = machine->Spawn(LOW_REALTIME_PRIORITY, waits);
        Thread* const early = machine->Spawn(9, waits);
        machine->Tick(20);
        Thread* const late = machine->Spawn(9, waits);
        KeRequestStackOutSwap(20);
        for (Thread* thread : {kernel, refuses, attached, realTime, late})
            EXPECT_FALSE(IsOut(thread));
        EXPECT_TRUE(IsOut(early));
        KeRequestStackOutSwap(0);
        EXPECT_TRUE(IsOut(late));
        EXPECT_FALSE(IsOut(kernel) || IsOut(refuses) || IsOut(attached) || IsOut(realTime));
        signal.Set();
        for (Thread* thread : {kernel, refuses, attached, realTime, early, late})
            EXPECT_EQ(StateOf(thread->Tcb), Terminated);
    });
}

// SCH-09: others look for what a wait is about, so a wait for something on the stack keeps the stack.
TEST_F(SwapTest, WaitForSomethingOnTheOwnStackKeepsIt) {
    Run([&] {
        StartSwapper();
        struct {
            SIGNAL Signal;
            KWAIT_BLOCK Blocks[4];
        } stack;
        SIGNAL elsewhere;
        auto surround = [&] {
            Self().StackLimit = &stack;
            Self().InitialStack = &stack + 1;
        };
        Thread* const object = machine->Spawn(9, [&] {
            surround();
            EXPECT_EQ(UserWait(&stack.Signal.Event), STATUS_SUCCESS);
        });
        Thread* const blocks = machine->Spawn(9, [&] {
            surround();
            PVOID objects[] = {&elsewhere.Event, &elsewhere.Event, &elsewhere.Event, &elsewhere.Event};
            EXPECT_EQ(KeWaitForMultipleObjects(4, objects, WaitAny, KWAIT_REASON::UserRequest, UserMode, FALSE, nullptr,
                                               stack.Blocks),
                      STATUS_SUCCESS);
        });
        Thread* const neither = machine->Spawn(9, [&] {
            surround();
            EXPECT_EQ(UserWait(&elsewhere.Event), STATUS_SUCCESS);
        });
        KeRequestStackOutSwap(0);
        EXPECT_FALSE(IsOut(object));
        EXPECT_FALSE(IsOut(blocks));
        EXPECT_TRUE(IsOut(neither));
        stack.Signal.Set();
        elsewhere.Set();
        elsewhere.Set();
        EXPECT_EQ(Memory.Calls, (Strings{"out", "in"}));
    });
}

// SCH-09: what ends a wait ends it while the stack is out, with the same result.
TEST_F(SwapTest, EveryEndOfAWaitFindsAThreadWithoutAStack) {
    Run([&] {
        StartSwapper();
        SIGNAL signal;
        NTSTATUS result = STATUS_PENDING;
        int inTheApc = 0;
        auto attempt = [&](std::function<void(KTHREAD&)> end, LARGE_INTEGER* timeout = nullptr) {
            Thread* const thread = machine->Spawn(9, [&] { result = UserWait(&signal.Event, TRUE, timeout); });
            KeRequestStackOutSwap(0);
            EXPECT_TRUE(IsOut(thread));
            end(thread->Tcb);
            return Code(result);
        };
        EXPECT_EQ(attempt([&](KTHREAD&) { signal.Set(); }), Code(STATUS_SUCCESS));
        LARGE_INTEGER soon = Ticks(5);
        EXPECT_EQ(attempt([&](KTHREAD&) { machine->Tick(6); }, &soon), Code(STATUS_TIMEOUT));
        EXPECT_EQ(attempt([&](KTHREAD& thread) { (void)KeAlertThread(&thread, UserMode); }), Code(STATUS_ALERTED));
        EXPECT_EQ(attempt([&](KTHREAD& thread) {
                      Apc apc(
                          thread, nullptr, [] {}, UserMode);
                      EXPECT_TRUE(apc.Queue());
                      EXPECT_TRUE(thread.KernelStackResident);
                  }),
                  Code(STATUS_USER_APC));
        // A kernel APC runs on the stack, and the wait begins anew: it is a young one now.
        EXPECT_EQ(attempt([&](KTHREAD& thread) {
                      machine->Tick(10);
                      Apc apc(thread, [&] { inTheApc++; });
                      EXPECT_TRUE(apc.Queue());
                      EXPECT_EQ(inTheApc, 1);
                      EXPECT_EQ(StateOf(thread), Waiting);
                      KeRequestStackOutSwap(5);
                      EXPECT_TRUE(thread.KernelStackResident);
                      KeRequestStackOutSwap(0);
                      EXPECT_FALSE(thread.KernelStackResident);
                      signal.Set();
                  }),
                  Code(STATUS_SUCCESS));
        // Suspended: it comes in to stand still in kernel mode, and so keeps its stack.
        EXPECT_EQ(attempt([&](KTHREAD& thread) {
                      EXPECT_EQ(KeSuspendThread(&thread), 0u);
                      KeRequestStackOutSwap(0);
                      EXPECT_TRUE(thread.KernelStackResident);
                      EXPECT_EQ(KeResumeThread(&thread), 1u);
                      signal.Set();
                  }),
                  Code(STATUS_SUCCESS));
    });
}

// SCH-09, SYS-15: the end of a wait while the pages go, or come.
TEST_F(SwapTest, WakesOnTheWayOutAndOnTheWayIn) {
    Run([&] {
        StartSwapper();
        SIGNAL first, second;
        std::vector<int> order;
        machine->Spawn(9, [&] {
            EXPECT_EQ(UserWait(&first.Event), STATUS_SUCCESS);
            order.push_back(1);
        });
        Thread* const other = machine->Spawn(9, [&] {
            EXPECT_EQ(UserWait(&second.Event), STATUS_SUCCESS);
            order.push_back(2);
        });
        Memory.WhileOut = [&](KTHREAD* thread) {
            if (thread == &other->Tcb) return;
            first.Set();
            EXPECT_EQ(StateOf(*thread), Transition);
            Sleep(2); // the memory manager waits; others run, and none of them needs the stack
            EXPECT_EQ(StateOf(*thread), Transition);
        };
        Memory.WhileIn = [&](KTHREAD* thread) {
            if (thread == &other->Tcb) return;
            Memory.WhileIn = nullptr;
            second.Set();
            (void)KeSetPriorityThread(&other->Tcb, 7);
            EXPECT_EQ(StateOf(other->Tcb), Transition);
            Sleep(2);
        };
        KeRequestStackOutSwap(0);
        Sleep(10);
        EXPECT_EQ(Memory.Calls, (Strings{"out", "out", "in", "in"}));
        EXPECT_EQ(order, (std::vector{1, 2}));
        EXPECT_EQ(other->Tcb.BasePriority, 7);
        EXPECT_TRUE(Memory.Out.empty());
    });
}

// SYS-15: more stacks than are chosen at once; first come, first served.
TEST_F(SwapTest, ManyStacksGoAndComeInOrder) {
    Run([&] {
        StartSwapper();
        constexpr int COUNT = 17;
        SIGNAL signal(NotificationEvent);
        std::vector<int> order;
        for (int i = 0; i < COUNT; i++)
            machine->Spawn(9, [&, i] {
                EXPECT_EQ(UserWait(&signal.Event), STATUS_SUCCESS);
                order.push_back(i);
            });
        KeRequestStackOutSwap(0);
        EXPECT_EQ(Memory.Out.size(), size_t(COUNT));
        signal.Set();
        EXPECT_EQ(order.size(), size_t(COUNT));
        EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
    });
}

// KPR-08, KPR-09, KPR-16, KPR-21, SYS-15
TEST_F(SwapTest, ProcessGoesWithItsLastStackAndComesWithItsFirstReadyThread) {
    Run([&] {
        StartSwapper();
        KPROCESS* const process = machine->MakeProcess(9);
        SIGNAL one, two;
        Thread* const first = Start(process, [&] { EXPECT_EQ(UserWait(&one.Event), STATUS_SUCCESS); });
        Thread* const second = Start(process, [&] {
            Await(&two.Event); // in kernel mode
            EXPECT_EQ(UserWait(&two.Event), STATUS_SUCCESS);
        });
        KeRequestStackOutSwap(0);
        EXPECT_TRUE(IsOut(first));
        EXPECT_EQ(process->StackCount, 1u);
        EXPECT_EQ(StateOf(*process), ProcessInMemory);
        two.Set();
        KeRequestStackOutSwap(0);
        EXPECT_EQ(process->StackCount, 0u);
        EXPECT_EQ(StateOf(*process), ProcessOutOfMemory);
        EXPECT_EQ(Memory.Calls, (Strings{"out", "out", "process"}));
        one.Set();
        EXPECT_EQ(StateOf(*process), ProcessOutOfMemory) << "out again: its one stack left with the end of its thread";
        two.Set();
        EXPECT_EQ(StateOf(second->Tcb), Terminated);
    });
}

// KPR-08, KPR-16: a thread that becomes ready while its process is out waits for the process, not for its stack only.
TEST_F(SwapTest, ReadyThreadsOfAProcessThatIsOutWaitOnItsList) {
    Run([&] {
        StartSwapper();
        KPROCESS* const process = machine->MakeProcess(9);
        SIGNAL one, two;
        Thread* const first = Start(process, [&] { EXPECT_EQ(UserWait(&one.Event), STATUS_SUCCESS); });
        Thread* const second = Start(process, [&] { EXPECT_EQ(UserWait(&two.Event), STATUS_SUCCESS); });
        Memory.WhileProcessOut = [&](KPROCESS*) {
            Memory.WhileProcessOut = nullptr;
            one.Set();
            EXPECT_EQ(StateOf(first->Tcb), Transition);
            EXPECT_TRUE(first->Tcb.ProcessReadyQueue);
            EXPECT_EQ(StateOf(*process), ProcessOutSwap);
        };
        KeRequestStackOutSwap(0);
        EXPECT_EQ(StateOf(first->Tcb), Terminated);
        EXPECT_EQ(StateOf(*process), ProcessOutOfMemory) << "out again: the other thread still waits";
        {
            const nt::DispatchLevelGuard irql; // the swapper cannot run yet
            two.Set();
            EXPECT_EQ(StateOf(*process), ProcessInTransition);
            EXPECT_TRUE(second->Tcb.ProcessReadyQueue);
            EXPECT_EQ(process->StackCount, 0u);
            EXPECT_EQ(StateOf(second->Tcb), Transition);
        }
        EXPECT_EQ(StateOf(second->Tcb), Terminated);
        EXPECT_EQ(process->StackCount, 0u);
        EXPECT_EQ(Memory.Calls, (Strings{"out", "out", "process", "in", "process", "in"}));
    });
}

// KPR-16: the process has not left yet.
TEST_F(SwapTest, ProcessThatIsNeededBeforeItGoesStays) {
    Run([&] {
        StartSwapper();
        KPROCESS* const process = machine->MakeProcess(9);
        SIGNAL one, two;
        Thread* const first = Start(process, [&] {
            EXPECT_EQ(UserWait(&one.Event), STATUS_SUCCESS);
            Await(&one.Event);
        });
        Thread* const second = Start(process, [&] { EXPECT_EQ(UserWait(&two.Event), STATUS_SUCCESS); });
        Memory.WhileOut = [&](KTHREAD* thread) {
            if (thread == &second->Tcb) one.Set(); // all stacks are out, the process is still to go
        };
        KeRequestStackOutSwap(0);
        EXPECT_EQ(StateOf(first->Tcb), Waiting);
        EXPECT_EQ(StateOf(*process), ProcessInMemory);
        EXPECT_EQ(process->StackCount, 1u);
        EXPECT_EQ(Memory.Calls, (Strings{"out", "out", "in"}));
        one.Set();
        two.Set();
    });
}

// KPR-08: a new thread of a process that is out has its stack, and waits for the process.
TEST_F(SwapTest, NewThreadBringsTheProcessIn) {
    Run([&] {
        StartSwapper();
        KPROCESS* const process = machine->MakeProcess(9);
        SIGNAL signal;
        Thread* const old = Start(process, [&] { EXPECT_EQ(UserWait(&signal.Event), STATUS_SUCCESS); });
        KeRequestStackOutSwap(0);
        EXPECT_EQ(StateOf(*process), ProcessOutOfMemory);
        bool ran = false;
        machine->ForgetEvents();
        Thread* const thread = Start(process, [&] {
            ran = true;
            EXPECT_EQ(StateOf(*process), ProcessInMemory);
            EXPECT_EQ(process->StackCount, 1u);
            EXPECT_TRUE(IsOut(old));
        });
        EXPECT_TRUE(ran);
        EXPECT_EQ(StatesOf(*machine, thread->Tcb).front(), Transition);
        EXPECT_EQ(StateOf(*process), ProcessOutOfMemory) << "its end leaves no stack in memory";
        signal.Set();
        EXPECT_EQ(StateOf(old->Tcb), Terminated);
        EXPECT_EQ(StateOf(*process), ProcessInMemory);
    });
}

// SYS-14, SYS-15
TEST_F(SwapTest, BalanceSetManagerLooksEachFourthSecondForWaitsOfSevenSeconds) {
    Run([&] {
        SIGNAL signal;
        for (int second = 0; second < 8; second++)
            KeBalanceSetManager(nullptr); // without a swapper nothing happens
        StartSwapper();
        Thread* const thread = machine->Spawn(9, [&] { EXPECT_EQ(UserWait(&signal.Event), STATUS_SUCCESS); });
        int second = 0;
        for (; !IsOut(thread) && second < 20; second++) {
            machine->Tick(100);
            KeBalanceSetManager(nullptr);
        }
        EXPECT_GE(second, 7);
        EXPECT_LE(second, 11);
        signal.Set();
        EXPECT_EQ(StateOf(thread->Tcb), Terminated);
    });
}

// KPR-21: the check finds a wrong count.
TEST_F(SwapTest, CheckFindsAWrongStackCount) {
    RunUntilAssertion("stacks == Process->StackCount", [&] {
        KPROCESS* const process = machine->MakeProcess(9);
        SIGNAL signal;
        Start(process, [&] { Await(&signal.Event); });
        KiCheckStackCount(process);
        process->StackCount++;
        KiCheckStackCount(process);
    });
}
