// Freezing the other processors, as the debugger and a bugcheck do: which processors stand still,
// for how long, and what comes meanwhile.
//
// The same tests run on 1, 2 and 4 processors (run.py --smp); on one there is nobody to freeze.
// TOL-06, TRP-09
#include "hal.h"
#include "mm.h"
#include "nt/interrupts.h"
#include "ps.h"

#include "guest_main.h"
#include "pinned.h"

// TOL-06, TRP-09: frozen processors stand still, with their registers on show, and go on
GUEST_TEST(FrozenProcessorsStandStillAndGoOn) {
    SPINNERS busy(12);
    for (ULONG round = 0; round < 3; round++) {
        {
            const nt::IrqlGuard irql(HIGH_LEVEL);
            KeFreezeExecution();
            ULONG before[MAXIMUM_PROCESSORS], after[MAXIMUM_PROCESSORS];
            for (ULONG i = 1; i < Processors(); i++)
                before[i] = busy.Spinner[i].Turns;
            KeStallExecutionProcessor(15'000); // longer than a clock tick
            for (ULONG i = 1; i < Processors(); i++)
                after[i] = busy.Spinner[i].Turns;
            for (ULONG i = 1; i < Processors(); i++) {
                const KPRCB& prcb = *KiProcessorBlock[i];
                GUEST_EQUAL(before[i], after[i]);
                const CONTEXT& context = prcb.ProcessorState.ContextFrame;
                GUEST_TRUE(prcb.IpiFrozen != 0 && context.Eip >= MM_SYSTEM_RANGE_START);
                GUEST_TRUE(context.Esp >= reinterpret_cast<ULONG_PTR>(prcb.CurrentThread->StackLimit) &&
                           context.Esp < reinterpret_cast<ULONG_PTR>(prcb.CurrentThread->InitialStack));
            }
            KeThawExecution();
        }
        for (ULONG i = 1; i < Processors(); i++) {
            const ULONG turns = busy.Spinner[i].Turns;
            GUEST_TRUE(Comes([&] { return busy.Spinner[i].Turns != turns; }));
            GUEST_EQUAL(0, KiProcessorBlock[i]->IpiFrozen);
        }
    }
    GUEST_TRUE(true);
}

// TOL-06: a processor that finds the request when the freeze is over does not stand still
GUEST_TEST(FreezeThatIsOverFreezesNobody) {
    struct DEAF {
        volatile ULONG Phase; ///< 1: its interrupts are off; 2: it may allow them; 3: it went on
    };
    for (ULONG i = 1; i < Processors(); i++) {
        DEAF deaf = {};
        const auto listenLater = [](PVOID context) __attribute__((stdcall)) {
            auto& me = *static_cast<DEAF*>(context);
            {
                const nt::InterruptsOff off;
                me.Phase = 1;
                while (me.Phase != 2)
                    YieldProcessor();
            }
            me.Phase = 3;
        };
        PETHREAD thread = StartOn(Only(i), i, 12, listenLater, &deaf);
        GUEST_TRUE(Comes([&] { return deaf.Phase == 1; }));
        {
            const nt::IrqlGuard irql(HIGH_LEVEL);
            KeFreezeExecution();
            GUEST_TRUE(KiProcessorBlock[i]->IpiFrozen != 1); // it does not answer
            KeThawExecution();
        }
        deaf.Phase = 2;
        GUEST_TRUE(Comes([&] { return deaf.Phase == 3; }));
        Join(thread);
        GUEST_EQUAL(0, KiProcessorBlock[i]->IpiFrozen);
    }
    GUEST_TRUE(true);
}

// INT-02, TOL-06: an interrupt that comes while its predecessor is served follows it, and does not lie on top of
// it: however many come, the stack is large enough
GUEST_TEST(InterruptsOneAfterTheOtherNeedNoMoreStack) {
    SPINNERS busy(12);
    for (ULONG round = 0; round < 200; round++) {
        const nt::IrqlGuard irql(HIGH_LEVEL);
        KeFreezeExecution();
        KeThawExecution();
    }
    for (ULONG i = 1; i < Processors(); i++) {
        const ULONG turns = busy.Spinner[i].Turns;
        GUEST_TRUE(Comes([&] { return busy.Spinner[i].Turns != turns; }));
    }
    GUEST_TRUE(true);
}

// TRP-09, TOL-06: a bugcheck that begins during somebody's freeze waits for its end, and is shown then
GUEST_TEST_BUGCHECK(BugCheckDuringAFreeze, MANUALLY_INITIATED_CRASH) {
    static volatile ULONG phase; // 1: its interrupts are off; 2: the others are frozen
    phase = 0;
    const auto crash = [](PVOID) __attribute__((stdcall)) {
        const nt::InterruptsOff off;
        phase = 1;
        while (phase != 2 && Processors() != 1)
            YieldProcessor();
        KeBugCheckEx(MANUALLY_INITIATED_CRASH, 1, 2, 3, 4);
    };
    PETHREAD thread = StartOn(Only(Processors() - 1), Processors() - 1, 12, crash, nullptr);
    GUEST_TRUE(Comes([&] { return phase == 1; }));
    {
        const nt::IrqlGuard irql(HIGH_LEVEL);
        KeFreezeExecution();
        phase = 2;
        KeStallExecutionProcessor(15'000);
        KeThawExecution();
    }
    Join(thread);
}

namespace {

ULONG_PTR NTAPI Nothing(ULONG_PTR context) { return context; }

struct CALLER {
    volatile bool Ready;
    volatile bool Go;
    volatile ULONG Result;
};
void NTAPI CallAll(PVOID context) {
    auto& me = *static_cast<CALLER*>(context);
    me.Ready = true;
    while (!me.Go)
        YieldProcessor();
    me.Result = ULONG(KeIpiGenericCall(Nothing, 7));
}

} // namespace

// TOL-06, INT-01: a processor that waits in a call on all processors is frozen like the others, and the call goes on afterwards
GUEST_TEST(ProcessorsThatWaitForUsInACallAreFrozen) {
    if (Processors() == 1) return (void)GUEST_TRUE(true);
    CALLER caller = {};
    PETHREAD thread = StartOn(Only(1), 1, 12, CallAll, &caller);
    GUEST_TRUE(Comes([&] { return caller.Ready; }));
    {
        const nt::IrqlGuard irql(HIGH_LEVEL);
        caller.Go = true;
        while (KiProcessorBlock[0]->RequestSummary == 0) // the call cannot come to us
            YieldProcessor();
        KeStallExecutionProcessor(500); // to the others it has come
        KeFreezeExecution();
        for (ULONG i = 1; i < Processors(); i++)
            GUEST_EQUAL(1, KiProcessorBlock[i]->IpiFrozen);
        KeThawExecution();
    }
    Join(thread);
    GUEST_EQUAL(7, caller.Result);
}
