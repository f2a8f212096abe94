// DPCs between processors and in threads: targets, importance, flushing, the watchdog.
#include "hal.h"

#include "guest_main.h"
#include "together.h"

namespace {

struct PLACE {
    volatile LONG Runs;
    ULONG Processor;
    KIRQL Irql;
    PKTHREAD Thread;
    KEVENT Done;
};

void NTAPI NotePlace(PKDPC, PVOID DeferredContext, PVOID, PVOID) {
    auto& place = *static_cast<PLACE*>(DeferredContext);
    place.Processor = KeGetCurrentProcessorNumber();
    place.Irql = KeGetCurrentIrql();
    place.Thread = KeGetCurrentThread();
    InterlockedIncrement(&place.Runs);
    (void)KeSetEvent(&place.Done, 0, FALSE);
}

ULONG LastProcessor() { return ULONG(KeNumberProcessors) - 1; }

} // namespace

// INT-05, HAL-08
GUEST_TEST(DpcRunsOnItsTargetProcessor) {
    for (ULONG number = 0; number < ULONG(KeNumberProcessors); number++) {
        for (ULONG important = 0; important < 2; important++) {
            PLACE place = {};
            KDPC dpc;
            KeInitializeEvent(&place.Done, SynchronizationEvent, FALSE);
            KeInitializeDpc(&dpc, NotePlace, &place);
            KeSetImportanceDpc(&dpc, important ? KDPC_IMPORTANCE::HighImportance : KDPC_IMPORTANCE::LowImportance);
            KeSetTargetProcessorDpc(&dpc, CHAR(number));
            GUEST_TRUE(KeInsertQueueDpc(&dpc, nullptr, nullptr));
            (void)KeWaitForSingleObject(&place.Done, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
            GUEST_EQUAL(number, place.Processor);
            GUEST_EQUAL(DISPATCH_LEVEL, place.Irql);
        }
    }
}

// INT-05
GUEST_TEST(ThreadedDpcRunsInItsProcessorsThread) {
    for (ULONG number = 0; number < ULONG(KeNumberProcessors); number++) {
        PLACE place = {};
        KDPC dpc;
        KeInitializeEvent(&place.Done, SynchronizationEvent, FALSE);
        KeInitializeThreadedDpc(&dpc, NotePlace, &place);
        KeSetTargetProcessorDpc(&dpc, CHAR(number));
        GUEST_TRUE(KeInsertQueueDpc(&dpc, nullptr, nullptr));
        (void)KeWaitForSingleObject(&place.Done, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        GUEST_EQUAL(number, place.Processor);
        GUEST_EQUAL(PASSIVE_LEVEL, place.Irql);
        GUEST_TRUE(place.Thread != KeGetCurrentThread() && place.Thread->Priority == HIGH_PRIORITY);
    }
}

// INT-05, INT-06
GUEST_TEST(FlushReturnsWhenAllHaveRun) {
    constexpr ULONG Late = 20'000; // microseconds: longer than this thread needs to look at the counts
    const auto late = [](PKDPC dpc, PVOID context, PVOID, PVOID) {
        KeStallExecutionProcessor(Late);
        NotePlace(dpc, context, nullptr, nullptr);
    };
    PLACE places[4] = {};
    KDPC dpcs[4];
    for (ULONG i = 0; i < 4; i++) {
        KeInitializeEvent(&places[i].Done, SynchronizationEvent, FALSE);
        if (i % 2 == 0) {
            KeInitializeDpc(&dpcs[i], late, &places[i]);
        } else {
            KeInitializeThreadedDpc(&dpcs[i], late, &places[i]);
        }
        KeSetImportanceDpc(&dpcs[i], KDPC_IMPORTANCE::LowImportance);
        KeSetTargetProcessorDpc(&dpcs[i], CHAR(i < 2 ? 0 : LastProcessor()));
    }
    for (KDPC& dpc : dpcs)
        GUEST_TRUE(KeInsertQueueDpc(&dpc, nullptr, nullptr));
    KeFlushQueuedDpcs();
    for (const PLACE& place : places)
        GUEST_EQUAL(1, place.Runs);
}

// INT-05
GUEST_TEST(DpcQueuedFromEveryProcessorRunsOncePerInsertion) {
    struct SHARED {
        KDPC Dpc;
        volatile LONG Inserted;
        volatile LONG Runs;
    } shared = {};
    KeInitializeDpc(
        &shared.Dpc,
        [](PKDPC, PVOID context, PVOID, PVOID) { InterlockedIncrement(&static_cast<SHARED*>(context)->Runs); },
        &shared);
    (void)GuestTogether(
        [](ULONG index, PVOID context) {
            auto& s = *static_cast<SHARED*>(context);
            for (ULONG i = 0; i < 300; i++) {
                if (KeInsertQueueDpc(&s.Dpc, nullptr, nullptr)) InterlockedIncrement(&s.Inserted);
                if (index == 0 && i % 5 == 0 && KeRemoveQueueDpc(&s.Dpc)) InterlockedDecrement(&s.Inserted);
            }
        },
        &shared);
    KeFlushQueuedDpcs();
    GUEST_TRUE(shared.Inserted > 0);
    GUEST_EQUAL(shared.Inserted, shared.Runs);
}

#if defined(MICA_CHECKED)
// INT-06, INT-07
GUEST_TEST_BUGCHECK(WatchdogStopsADpcThatDoesNotEnd, DPC_WATCHDOG_VIOLATION) {
    static KDPC dpc;
    KeInitializeDpc(
        &dpc,
        [](PKDPC, PVOID, PVOID, PVOID) {
            for (;;)
                YieldProcessor();
        },
        nullptr);
    (void)KeInsertQueueDpc(&dpc, nullptr, nullptr);
}
#endif
