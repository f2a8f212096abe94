// The scheduler as a whole: threads do random things, and the event trace is judged by the rules of the book.
//
// The judge knows nothing of queues and locks. It follows states and priorities through the events and demands that
// every transition is legal, that a switch never leaves a better ready thread behind, that threads of one priority come
// from their queue in the order the events put them there, and that nobody idles while a thread is ready.
#include "ke/ki.h"
#include "waits.h"

#include <algorithm>
#include <deque>
#include <map>
#include <random>

using namespace host;
using SchedulerTest = KernelTest;

namespace {

using enum KTHREAD_STATE;

/// What the trace says about one thread.
struct Seen {
    KTHREAD_STATE State = Initialized;
    KPRIORITY Priority = 0;
};

class Judge {
public:
    explicit Judge(ULONG_PTR idleThread) : m_idle(idleThread) {}

    /// @returns what is wrong with the trace, empty if nothing is
    std::string Complaint(const std::vector<Event>& events) {
        for (size_t i = 0; i < events.size() && m_complaint.empty(); i++) {
            Follow(events[i]);
            if (!m_complaint.empty()) m_complaint += " at event " + std::to_string(i);
        }
        return m_complaint;
    }
    size_t Switches = 0;

private:
    void Follow(const Event& event) {
        switch (event.Kind) {
        case ETW_EVENT::ThreadState: return ChangeState(event);
        case ETW_EVENT::Ready: return Enqueue(event);
        case ETW_EVENT::Priority: return ChangePriority(event);
        case ETW_EVENT::ContextSwitch: return Switch(event);
        default: return;
        }
    }
    void ChangeState(const Event& event) {
        Seen& thread = m_threads[event.Argument[0]];
        const auto oldState = static_cast<KTHREAD_STATE>(event.Argument[1]);
        const auto newState = static_cast<KTHREAD_STATE>(event.Argument[2]);
        if (thread.State != oldState) m_complaint = "a state changed without an event";
        if (oldState == Ready) Dequeue(event.Argument[0], newState);
        thread.State = newState;
        thread.Priority = KPRIORITY(event.Argument[3]);
    }
    void Enqueue(const Event& event) {
        auto& queue = m_queues[KPRIORITY(event.Argument[1])];
        if (event.Argument[3]) {
            queue.push_front(event.Argument[0]);
        } else {
            queue.push_back(event.Argument[0]);
        }
    }
    void Dequeue(ULONG_PTR thread, KTHREAD_STATE newState) {
        for (auto& [priority, queue] : m_queues) {
            const auto at = std::find(queue.begin(), queue.end(), thread);
            if (at == queue.end()) continue;
            const bool chosen = newState == Standby || newState == Running;
            if (chosen && at != queue.begin()) m_complaint = "a thread overtook one that was first in its queue";
            queue.erase(at);
            return;
        }
        m_complaint = "a ready thread was on no queue";
    }
    void ChangePriority(const Event& event) {
        Seen& thread = m_threads[event.Argument[0]];
        thread.Priority = KPRIORITY(event.Argument[2]);
        if (thread.State != Ready) return;
        Dequeue(event.Argument[0], DeferredReady);
        m_queues[thread.Priority].push_back(event.Argument[0]); // lowered; a raised one leaves by its next event
    }
    void Switch(const Event& event) {
        Switches++;
        const ULONG_PTR to = event.Argument[1];
        const bool toIdle = to == m_idle;
        if (!toIdle && m_threads[to].State != Running) m_complaint = "switched to a thread that is not running";
        for (const auto& [address, thread] : m_threads) {
            if (thread.State != Ready) continue;
            if (toIdle) m_complaint = "idle while a thread is ready";
            if (!toIdle && thread.Priority > m_threads[to].Priority) m_complaint = "a better thread was left behind";
        }
    }

    const ULONG_PTR m_idle;
    std::map<ULONG_PTR, Seen> m_threads;
    std::map<KPRIORITY, std::deque<ULONG_PTR>> m_queues;
    std::string m_complaint;
};

/// The objects the threads share, and the random source that is the same for all: one flow runs at a time.
struct Playground {
    std::mt19937 Random;
    KEVENT Events[2];
    KSEMAPHORE Semaphore;
    KMUTANT Mutant;
    std::vector<Thread*> Threads;

    explicit Playground(ULONG seed) : Random(seed) {
        KeInitializeEvent(&Events[0], SynchronizationEvent, FALSE);
        KeInitializeEvent(&Events[1], NotificationEvent, FALSE);
        KeInitializeSemaphore(&Semaphore, 1, 1'000'000);
        KeInitializeMutant(&Mutant, FALSE);
    }
    ULONG Below(ULONG limit) { return ULONG(Random() % limit); }

    void Step(Machine& machine) {
        switch (Below(11)) {
        case 0: machine.Tick(1 + Below(4)); break;
        case 1: KeSetEvent(&Events[Below(2)], KPRIORITY(Below(4)), FALSE); break;
        case 2: KeResetEvent(&Events[1]); break;
        case 3: (void)WaitFor(&Events[Below(2)], Ticks(1 + Below(6))); break;
        case 4: KeReleaseSemaphore(&Semaphore, KPRIORITY(Below(3)), LONG(Below(3)), FALSE); break;
        case 5: (void)WaitFor(&Semaphore, Ticks(1 + Below(6))); break;
        case 6: {
            LARGE_INTEGER timeout = Ticks(1 + Below(6));
            (void)WaitForSeveral({&Events[0], &Semaphore}, Below(2) ? WaitAll : WaitAny, nullptr, &timeout);
            break;
        }
        case 7: KeSetPriorityThread(&Threads[Below(ULONG(Threads.size()))]->Tcb, KPRIORITY(1 + Below(20))); break;
        case 8: (void)KeYieldExecution(); break;
        case 9: (void)KiScanReadyQueues(KiProcessorBlock[KeGetCurrentProcessorNumber()]); break;
        default:
            if (WaitFor(&Mutant, Ticks(3)) == STATUS_TIMEOUT) break;
            machine.Tick(Below(3));
            KeReleaseMutant(&Mutant, 1, FALSE, FALSE);
        }
    }
};

} // namespace

// SCH-01, SCH-04, SCH-12, SCH-13, SCH-14, SCH-16, DSP-14, ARC-05
TEST_F(SchedulerTest, RandomWorkloadsKeepTheRulesOfTheBook) {
    for (ULONG round = 0; round < 6; round++) {
        const ULONG seed = Seed() * 1000 + round;
        SCOPED_TRACE("seed " + std::to_string(seed));
        ULONG_PTR idle = 0;
        Run([&] {
            idle = reinterpret_cast<ULONG_PTR>(KeGetCurrentPrcb()->IdleThread);
            KeSetPriorityThread(KeGetCurrentThread(), 31);
            Playground playground(seed);
            for (int i = 0; i < 12; i++) {
                playground.Threads.push_back(machine->Make(KPRIORITY(1 + playground.Below(20)), [&] {
                    for (int step = 0; step < 150; step++)
                        playground.Step(*machine);
                }));
            }
            for (Thread* thread : playground.Threads)
                KeReadyThread(&thread->Tcb);
            for (Thread* thread : playground.Threads)
                Await(&thread->Tcb);
        });
        Judge judge(idle);
        EXPECT_EQ(judge.Complaint(machine->Events()), "");
        EXPECT_GT(judge.Switches, 300u) << "the workload was too tame to say anything";
    }
}

// SCH-01, SCH-15
TEST_F(SchedulerTest, RandomWorkloadOnTwoProcessorsEndsAndLosesNobody) {
    const ULONG seed = Seed();
    Run(
        [&] {
            Playground playground(seed);
            for (int i = 0; i < 10; i++) {
                playground.Threads.push_back(machine->Make(KPRIORITY(1 + playground.Below(20)), [&] {
                    for (int step = 0; step < 60; step++) {
                        playground.Step(*machine);
                        if (playground.Below(3) == 0) machine->LetOthersRun();
                    }
                }));
            }
            for (Thread* thread : playground.Threads)
                KeReadyThread(&thread->Tcb);
            for (Thread* thread : playground.Threads) {
                while (StateOf(thread->Tcb) != Terminated)
                    Sleep(1);
            }
            ULONG ranElsewhere = 0;
            for (const Event& event : machine->Events())
                ranElsewhere += event.Kind == ETW_EVENT::ContextSwitch && event.Processor == 1;
            EXPECT_GT(ranElsewhere, 50u);
        },
        2);
}
