// What an idle processor takes over: the best thread that may run on it, from whichever processor has it.
#include "ke/ki.h"
#include "machine.h"

using namespace host;
using IdleScheduleTest = KernelTest;

namespace {

/// Puts a thread that never ran on a processor's ready queue, as a busy processor would have it.
Thread* Queue(Machine& machine, ULONG processor, KPRIORITY priority,
              KAFFINITY affinity) NO_THREAD_SAFETY_ANALYSIS { // one host thread
    Thread* const thread = machine.Make(priority, [] {});
    thread->Tcb.Affinity = affinity;
    const nt::DispatchLevelGuard level;
    KPRCB* const prcb = KiProcessorBlock[processor];
    const nt::SpinLockAtDpcGuard guard(prcb->PrcbLock);
    KiSetThreadState(&thread->Tcb, KTHREAD_STATE::DeferredReady);
    KxQueueReadyThread(&thread->Tcb, prcb);
    return thread;
}

/// One look of processor 0, which has no next thread. What it took goes back, so that the next look finds it again.
KTHREAD* Look() NO_THREAD_SAFETY_ANALYSIS { // one host thread
    const nt::DispatchLevelGuard level;
    KPRCB* const prcb = KiProcessorBlock[0];
    const bool found = KiIdleSchedule(prcb);
    KTHREAD* const taken = prcb->NextThread;
    EXPECT_EQ(found, taken != nullptr);
    prcb->NextThread = nullptr;
    return taken;
}

/// Ends what a test queued: nobody shall run these threads.
void Forget(ULONG processors) NO_THREAD_SAFETY_ANALYSIS { // one host thread
    const nt::DispatchLevelGuard level;
    for (ULONG i = 0; i < processors; i++)
        while (KiSelectReadyThread(LOW_PRIORITY, KiProcessorBlock[i])) {}
}

constexpr KAFFINITY Anywhere = 0b111;

} // namespace

// SCH-18
TEST_F(IdleScheduleTest, NothingToTakeIsSaid) {
    Run([] { EXPECT_EQ(Look(), nullptr); }, 3);
}

// SCH-18, SCH-16
TEST_F(IdleScheduleTest, TheBestPriorityOfAllProcessorsComesFirst) {
    Run(
        [&] {
            Thread* const low = Queue(*machine, 1, 5, Anywhere);
            Thread* const high = Queue(*machine, 2, 9, Anywhere);
            Thread* const middle = Queue(*machine, 1, 7, Anywhere);
            EXPECT_EQ(Look(), &high->Tcb);
            EXPECT_EQ(high->Tcb.NextProcessor, 0);
            EXPECT_EQ(KTHREAD_STATE(high->Tcb.State), KTHREAD_STATE::Standby);
            EXPECT_EQ(Look(), &middle->Tcb);
            EXPECT_EQ(Look(), &low->Tcb);
            EXPECT_EQ(Look(), nullptr);
            Forget(3);
        },
        3);
}

// SCH-18: the first of its queue, and never one that may not run here
TEST_F(IdleScheduleTest, AffinityForbidsAndOrderDecides) {
    Run(
        [&] {
            Thread* const bound = Queue(*machine, 1, 9, 0b010);
            Thread* const first = Queue(*machine, 1, 6, Anywhere);
            Thread* const second = Queue(*machine, 1, 6, Anywhere);
            EXPECT_EQ(Look(), &first->Tcb);
            EXPECT_EQ(Look(), &second->Tcb);
            EXPECT_EQ(Look(), nullptr);
            EXPECT_EQ(KTHREAD_STATE(bound->Tcb.State), KTHREAD_STATE::Ready);
            Forget(2);
        },
        2);
}
