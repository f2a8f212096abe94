// When a queued DPC asks for an interrupt: every row of the table in dpcrate.cpp, and how its figures move.
#include "ke/ki.h"
#include "waits.h"

using namespace host;
using DpcRateTest = KernelTest;

namespace {

void NTAPI Count(PKDPC, PVOID context, PVOID, PVOID) { ++*static_cast<int*>(context); }

/// Queues a DPC of the importance to the processor and says whether an interrupt was asked for.
bool Interrupts(KDPC_IMPORTANCE importance, ULONG processor) {
    static int runs;
    KDPC dpc;
    KeInitializeDpc(&dpc, Count, &runs);
    KeSetImportanceDpc(&dpc, importance);
    KeSetTargetProcessorDpc(&dpc, CHAR(processor));
    nt::IrqlGuard heldOff(HIGH_LEVEL);
    KPRCB* const prcb = KiProcessorBlock[processor];
    KeInsertQueueDpc(&dpc, nullptr, nullptr);
    const bool asked = prcb->DpcInterruptRequested;
    EXPECT_TRUE(KeRemoveQueueDpc(&dpc));
    prcb->DpcInterruptRequested = FALSE; // as the processor that found nothing would leave it
    KeGetPcr()->IRR = 0;
    return asked;
}

} // namespace

// INT-05, INT-06
TEST_F(DpcRateTest, TableOfInterruptGeneration) {
    Run(
        [&] {
            KeSetAffinityThread(KeGetCurrentThread(), 1);
            machine->LetOthersRun();
            using enum KDPC_IMPORTANCE;
            KPRCB* const own = KiProcessorBlock[0];
            KPRCB* const other = KiProcessorBlock[1];
            ASSERT_EQ(own, KeGetCurrentPrcb());

            EXPECT_TRUE(Interrupts(LowImportance, 0)) << "few DPCs come";
            own->DpcRequestRate = own->MinimumDpcRate;
            EXPECT_FALSE(Interrupts(LowImportance, 0));
            EXPECT_TRUE(Interrupts(MediumImportance, 0));
            EXPECT_TRUE(Interrupts(MediumHighImportance, 0));
            EXPECT_TRUE(Interrupts(HighImportance, 0));

            EXPECT_TRUE(Interrupts(LowImportance, 1)) << "it is idle";
            EXPECT_TRUE(Interrupts(MediumImportance, 1));
            KTHREAD busy = {};
            KTHREAD* const idle = std::exchange(other->CurrentThread, &busy);
            EXPECT_FALSE(Interrupts(LowImportance, 1));
            EXPECT_FALSE(Interrupts(MediumImportance, 1));
            EXPECT_TRUE(Interrupts(MediumHighImportance, 1));
            EXPECT_TRUE(Interrupts(HighImportance, 1));
            other->MaximumDpcQueueDepth = 1;
            EXPECT_TRUE(Interrupts(LowImportance, 1)) << "too many wait";
            other->DpcRoutineActive = TRUE;
            EXPECT_FALSE(Interrupts(HighImportance, 1)) << "it looks at its queue anyway";
            other->DpcRoutineActive = FALSE;
            other->CurrentThread = idle;
        },
        2);
}

// INT-05
TEST_F(DpcRateTest, FewerMayGatherWhileFewCome) {
    Run([&] {
        KPRCB* const prcb = KeGetCurrentPrcb();
        ASSERT_EQ(prcb->MaximumDpcQueueDepth, KI_MAXIMUM_DPC_QUEUE_DEPTH);
        int runs = 0;
        KDPC dpc;
        KeInitializeDpc(&dpc, Count, &runs);
        KeSetImportanceDpc(&dpc, KDPC_IMPORTANCE::LowImportance);
        prcb->DpcRequestRate = 2 * KI_IDEAL_DPC_RATE - 4; // half of it after the tick
        KeInsertQueueDpc(&dpc, nullptr, nullptr);
        EXPECT_EQ(runs, 0);
        machine->Tick();
        EXPECT_EQ(runs, 1) << "the clock runs what has waited";
        EXPECT_EQ(prcb->MaximumDpcQueueDepth, KI_MAXIMUM_DPC_QUEUE_DEPTH - 1);

        machine->Tick(KI_ADJUST_DPC_THRESHOLD - 1);
        EXPECT_EQ(prcb->MaximumDpcQueueDepth, KI_MAXIMUM_DPC_QUEUE_DEPTH - 1);
        machine->Tick();
        EXPECT_EQ(prcb->MaximumDpcQueueDepth, KI_MAXIMUM_DPC_QUEUE_DEPTH) << "a while without one that waited";
        machine->Tick(2 * KI_ADJUST_DPC_THRESHOLD);
        EXPECT_EQ(prcb->MaximumDpcQueueDepth, KI_MAXIMUM_DPC_QUEUE_DEPTH) << "and no more";
    });
}

// INT-05
TEST_F(DpcRateTest, RateFollowsWhatComes) {
    Run([&] {
        KPRCB* const prcb = KeGetCurrentPrcb();
        int runs = 0;
        KDPC dpc;
        KeInitializeDpc(&dpc, Count, &runs);
        for (int tick = 0; tick < 12; tick++) {
            for (int i = 0; i < 40; i++)
                KeInsertQueueDpc(&dpc, nullptr, nullptr);
            machine->Tick();
        }
        EXPECT_NEAR(prcb->DpcRequestRate, 40, 1);
        machine->Tick(8);
        EXPECT_LT(prcb->DpcRequestRate, prcb->MinimumDpcRate);
    });
}
