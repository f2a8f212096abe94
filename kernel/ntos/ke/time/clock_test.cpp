// Who pays for a clock tick.
#include "ke/ki.h"
#include "waits.h"

using namespace host;
using ClockTest = KernelTest;

namespace {

/// A clock tick that interrupts user mode.
void UserTick() {
    char frame;
    const KIRQL old = KfRaiseIrql(CLOCK_LEVEL);
    KeUpdateSystemTime(reinterpret_cast<KTRAP_FRAME*>(&frame), KeQueryTimeIncrement());
    KfLowerIrql(old);
}

} // namespace

// KPR-07
TEST_F(ClockTest, ThreadPaysInTheModeItRanIn) {
    Run([&] {
        KTHREAD* const self = KeGetCurrentThread();
        machine->Tick(3);
        UserTick();
        EXPECT_EQ(self->KernelTime, 3u);
        EXPECT_EQ(self->UserTime, 1u);
        EXPECT_EQ(KeGetCurrentPrcb()->KernelTime, 3u);
        EXPECT_EQ(KeGetCurrentPrcb()->UserTime, 1u);
    });
}

// KPR-07
TEST_F(ClockTest, ProcessGetsTheTimesOfItsEndedThreads) {
    Run([&] {
        Thread* const thread = machine->Spawn(9, [&] {
            machine->Tick(2);
            UserTick();
        });
        EXPECT_EQ(StateOf(thread->Tcb), KTHREAD_STATE::Terminated);
        EXPECT_EQ(machine->SystemProcess.KernelTime, 2u);
        EXPECT_EQ(machine->SystemProcess.UserTime, 1u);
    });
}

// KPR-07, INT-06
TEST_F(ClockTest, DpcAndInterruptTimeIsNobodysThread) {
    Run([&] {
        KTHREAD* const self = KeGetCurrentThread();
        KPRCB* const prcb = KeGetCurrentPrcb();
        KDPC dpc;
        KeInitializeDpc(
            &dpc, [](PKDPC, PVOID context, PVOID, PVOID) { static_cast<Machine*>(context)->Tick(); }, machine.get());
        KeInsertQueueDpc(&dpc, nullptr, nullptr);
        EXPECT_EQ(prcb->DpcTime, 1u);
        machine->Interrupt([&] { machine->Tick(); });
        EXPECT_EQ(prcb->InterruptTime, 1u);
        EXPECT_EQ(self->KernelTime, 0u);
        EXPECT_EQ(prcb->KernelTime, 2u);
    });
}

// KPR-07, SCH-11
TEST_F(ClockTest, IdleTimeIsTheIdleThreads) {
    Run([&] {
        KTHREAD* const idle = KeGetCurrentPrcb()->IdleThread;
        const SCHAR quantum = idle->Quantum;
        Sleep(20);
        EXPECT_EQ(idle->KernelTime, 20u);
        EXPECT_EQ(KeGetCurrentThread()->KernelTime, 0u);
        EXPECT_EQ(idle->Quantum, quantum) << "it has no turn";
    });
}

// KPR-07
TEST_F(ClockTest, EveryTickIsCountedOnce) {
    Run([&] {
        KPRCB* const prcb = KeGetCurrentPrcb();
        machine->Tick(5);
        Sleep(7);
        UserTick();
        EXPECT_EQ(prcb->KernelTime + prcb->UserTime, KeTickCount.LowPart);
    });
}
