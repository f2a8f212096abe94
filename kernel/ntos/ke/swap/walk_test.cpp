// The swapper under everything at once: a random walk.
#include "fakeswap.h"

#include <random>

using namespace host;
using SwapWalkTest = SwapTest;

// SCH-09, SYS-15, KPR-16, KPR-21: threads of several processes wait and are woken in all ways, while the swapper is at work and
// sometimes slow. No wake is lost, no stack is used while it is out, and the counts agree.
TEST_F(SwapWalkTest, RandomWalk) {
    for (ULONG processors : {1u, 2u, 4u}) {
        std::mt19937 random(Seed() + processors);
        Run(
            [&] {
                StartSwapper();
                auto chance = [&](unsigned of) { return random() % of == 0; };
                auto dawdle = [&](auto*) {
                    if (chance(3)) Sleep(1 + random() % 3);
                };
                Memory.WhileOut = Memory.WhileIn = dawdle;
                Memory.WhileProcessOut = dawdle;
                constexpr unsigned THREADS = 12, ROUNDS = 400;
                std::vector<KPROCESS*> processes = {&machine->SystemProcess};
                while (processes.size() < 6)
                    processes.push_back(machine->MakeProcess(9));
                std::vector<std::unique_ptr<SIGNAL>> signals;
                std::vector<Thread*> threads;
                ULONG given[THREADS] = {}, taken[THREADS] = {};
                bool over = false;
                for (unsigned i = 0; i < THREADS; i++)
                    signals.push_back(std::make_unique<SIGNAL>());
                for (unsigned i = 0; i < THREADS; i++)
                    threads.push_back(Start(processes[i % processes.size()], [&, i] {
                        while (!over) {
                            LARGE_INTEGER timeout = Ticks(1 + random() % 20);
                            const KPROCESSOR_MODE mode = chance(4) ? KernelMode : UserMode;
                            const NTSTATUS status = KeWaitForSingleObject(&signals[i]->Event, KWAIT_REASON::UserRequest,
                                                                          mode, TRUE, chance(2) ? &timeout : nullptr);
                            taken[i] += status == STATUS_SUCCESS;
                        }
                    }));
                for (unsigned round = 0; round < ROUNDS; round++) {
                    const unsigned i = random() % THREADS;
                    switch (random() % 6) {
                    case 0:
                    case 1: given[i] += KeSetEvent(&signals[i]->Event, 1, FALSE) == 0; break;
                    case 2: (void)KeAlertThread(&threads[i]->Tcb, UserMode); break;
                    case 3: (void)KeSetPriorityThread(&threads[i]->Tcb, 1 + random() % 17); break;
                    case 4: KeRequestStackOutSwap(random() % 4); break;
                    default: Sleep(1 + random() % 4);
                    }
                    machine->LetOthersRun();
                }
                over = true;
                for (unsigned i = 0; i < THREADS; i++) {
                    while (StateOf(threads[i]->Tcb) != KTHREAD_STATE::Terminated) {
                        given[i] += KeSetEvent(&signals[i]->Event, 1, FALSE) == 0;
                        Sleep(2);
                    }
                    EXPECT_LE(taken[i], given[i]);
                    EXPECT_GE(taken[i] + 1, given[i]) << "the last signal may stay";
                }
                EXPECT_TRUE(Memory.Out.empty());
                EXPECT_GT(Memory.Calls.size(), 100u);
                EXPECT_GT(std::count(Memory.Calls.begin(), Memory.Calls.end(), "process"), 3);
                for (KPROCESS* process : processes)
                    KiCheckStackCount(process);
            },
            processors);
    }
}
