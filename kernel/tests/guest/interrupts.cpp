// The lazy IRQL on the real machine: what is served, what is held back, and in which order it comes.
#include "guest_main.h"
#include "device.h"

namespace {

ULONG TicksInside; ///< clock ticks while ServeSlowly ran

BOOLEAN NTAPI ServeSlowly(PKINTERRUPT, PVOID ServiceContext) {
    auto* const device = static_cast<DEVICE*>(ServiceContext);
    LARGE_INTEGER before, after;
    KeQueryTickCount(&before);
    if (++device->Calls == 1) KeStallExecutionProcessor(25'000); // more than two intervals of the clock
    KeQueryTickCount(&after);
    TicksInside += ULONG(after.QuadPart - before.QuadPart);
    return uart::Withdraw();
}

BOOLEAN NTAPI ServePeriodic(PKINTERRUPT, PVOID) {
    Note('p');
    periodic::Quiet();
    return TRUE;
}

/// A higher device asks while this one is served.
BOOLEAN NTAPI ServePeriodicWhileUartAsks(PKINTERRUPT, PVOID) {
    Note('p');
    periodic::Quiet();
    uart::RequestAndWait();
    Note('q');
    return TRUE;
}

/// A lower device asks while this one is served.
BOOLEAN NTAPI ServeUartWhilePeriodicAsks(PKINTERRUPT, PVOID) {
    Note('u');
    (void)uart::Withdraw();
    periodic::RequestAndWait();
    Note('v');
    return TRUE;
}

void PreparePeriodic(DEVICE& device, PKSERVICE_ROUTINE serve) {
    Prepare(device, 'p', true, KINTERRUPT_MODE::Latched, false, BusLine(periodic::LINE));
    device.Interrupt.ServiceRoutine = serve;
}

void NTAPI NoteDpc(PKDPC, PVOID, PVOID, PVOID) { Note('d'); }

} // namespace

// INT-02, HAL-05
GUEST_TEST(InterruptComesAtItsLevel) {
    DEVICE device;
    Prepare(device, 'u', true, KINTERRUPT_MODE::Latched);
    const Connected connected(device);
    uart::RequestAndWait();
    GUEST_EQUAL(1, device.Calls);
    GUEST_EQUAL(device.Interrupt.Irql, device.Irql);
    GUEST_EQUAL(PASSIVE_LEVEL, KeGetCurrentIrql());
    GUEST_EQUAL(1, device.Interrupt.DispatchCount > 0);
}

// INT-02, SYH-02: at its own level it is held back, one level below it comes
GUEST_TEST(HeldBackAtItsOwnLevelAndDeliveredOnLowering) {
    DEVICE device;
    Prepare(device, 'u', true, KINTERRUPT_MODE::Latched);
    const Connected connected(device);
    const KIRQL level = device.Interrupt.Irql;
    const KIRQL below{UCHAR(ULONG(level) - 1)};
    (void)KfRaiseIrql(level);
    uart::RequestAndWait();
    GUEST_EQUAL(0, device.Calls);
    GUEST_TRUE(IsPending(level));
    KfLowerIrql(below);
    GUEST_EQUAL(1, device.Calls);
    GUEST_EQUAL(level, device.Irql);
    GUEST_TRUE(!IsPending(level));
    GUEST_EQUAL(below, KeGetCurrentIrql());
    uart::RequestAndWait();
    GUEST_EQUAL(2, device.Calls);
    KfLowerIrql(PASSIVE_LEVEL);
    GUEST_EQUAL(2, device.Calls);
}

// INT-02: an edge that came twice while it was held back is one interrupt
GUEST_TEST(HeldBackEdgesMerge) {
    DEVICE device;
    Prepare(device, 'u', true, KINTERRUPT_MODE::Latched);
    const Connected connected(device);
    (void)KfRaiseIrql(HIGH_LEVEL);
    for (ULONG i = 0; i < 5; ++i)
        uart::RequestAndWait();
    KfLowerIrql(PASSIVE_LEVEL);
    GUEST_EQUAL(1, device.Calls);
    uart::RequestAndWait(); // and the line still works
    GUEST_EQUAL(2, device.Calls);
}

// INT-02, INT-05, INT-06: a held-back interrupt runs before a DPC that was queued first
GUEST_TEST(LoweringDeliversHighestFirst) {
    DEVICE device;
    Prepare(device, 'u', true, KINTERRUPT_MODE::Latched);
    const Connected connected(device);
    KDPC dpc;
    KeInitializeDpc(&dpc, NoteDpc, nullptr);
    (void)KfRaiseIrql(HIGH_LEVEL);
    GUEST_TRUE(KeInsertQueueDpc(&dpc, nullptr, nullptr));
    uart::RequestAndWait();
    GUEST_EQUAL(0, OrderLength);
    KfLowerIrql(PASSIVE_LEVEL);
    GUEST_TRUE(OrderIs("ud"));
}

// INT-02: of two devices the higher is served first, whichever asked first
GUEST_TEST(TwoHeldBackDevicesComeInOrderOfTheirLevels) {
    DEVICE high, low;
    Prepare(high, 'u', true, KINTERRUPT_MODE::Latched);
    PreparePeriodic(low, ServePeriodic);
    const Connected one(high), two(low);
    (void)KfRaiseIrql(HIGH_LEVEL);
    periodic::RequestAndWait();
    uart::RequestAndWait();
    KfLowerIrql(PASSIVE_LEVEL);
    GUEST_TRUE(OrderIs("up"));
}

// INT-04, INT-02: a device of a higher level interrupts a service routine
GUEST_TEST(HigherDeviceInterruptsAServiceRoutine) {
    DEVICE high, low;
    Prepare(high, 'u', true, KINTERRUPT_MODE::Latched);
    PreparePeriodic(low, ServePeriodicWhileUartAsks);
    const Connected one(high), two(low);
    periodic::RequestAndWait();
    GUEST_TRUE(OrderIs("puq"));
}

// INT-04, INT-02: one of a lower level waits until the service routine has ended
GUEST_TEST(LowerDeviceWaitsForTheServiceRoutine) {
    DEVICE high, low;
    Prepare(high, 'u', true, KINTERRUPT_MODE::Latched);
    high.Interrupt.ServiceRoutine = ServeUartWhilePeriodicAsks;
    PreparePeriodic(low, ServePeriodic);
    const Connected one(high), two(low);
    uart::RequestAndWait();
    GUEST_TRUE(OrderIs("uvp"));
}

// INT-02: lowering part of the way delivers only what is above
GUEST_TEST(LoweringToDispatchLevelKeepsDpcsWaiting) {
    DEVICE device;
    Prepare(device, 'u', true, KINTERRUPT_MODE::Latched);
    const Connected connected(device);
    KDPC dpc;
    KeInitializeDpc(&dpc, NoteDpc, nullptr);
    (void)KfRaiseIrql(HIGH_LEVEL);
    GUEST_TRUE(KeInsertQueueDpc(&dpc, nullptr, nullptr));
    uart::RequestAndWait();
    KfLowerIrql(DISPATCH_LEVEL);
    GUEST_TRUE(OrderIs("u"));
    KfLowerIrql(PASSIVE_LEVEL);
    GUEST_TRUE(OrderIs("ud"));
}

// INT-02: a level-sensitive device that gave up while it was held back is not served
GUEST_TEST(LevelSensitiveRequestThatWentAwayIsForgotten) {
    DEVICE device;
    Prepare(device, 'u', true, KINTERRUPT_MODE::LevelSensitive);
    const Connected connected(device);
    (void)KfRaiseIrql(HIGH_LEVEL);
    uart::RequestAndWait();
    GUEST_TRUE(IsPending(device.Interrupt.Irql));
    GUEST_TRUE(uart::Withdraw());
    KfLowerIrql(PASSIVE_LEVEL);
    KeStallExecutionProcessor(uart::LONG_ENOUGH);
    GUEST_EQUAL(0, device.Calls);
    uart::RequestAndWait();
    GUEST_EQUAL(1, device.Calls);
}

// INT-02: one that still asks is served once
GUEST_TEST(LevelSensitiveRequestIsServedOnce) {
    DEVICE device;
    Prepare(device, 'u', true, KINTERRUPT_MODE::LevelSensitive);
    const Connected connected(device);
    (void)KfRaiseIrql(HIGH_LEVEL);
    uart::RequestAndWait();
    KfLowerIrql(PASSIVE_LEVEL);
    KeStallExecutionProcessor(uart::LONG_ENOUGH);
    GUEST_EQUAL(1, device.Calls);
    GUEST_TRUE(!device.PendingInside); // its line, still up, did not disturb the service routine
}

// INT-04: a service routine is interrupted by the clock, which is above every device
GUEST_TEST(ServiceRoutineNestsUnderTheClock) {
    DEVICE device;
    Prepare(device, 'u', true, KINTERRUPT_MODE::Latched);
    device.Interrupt.ServiceRoutine = ServeSlowly;
    const Connected connected(device);
    TicksInside = 0;
    uart::RequestAndWait();
    GUEST_TRUE(TicksInside >= 2);
}

// TRP-07, INT-02: a vector nobody connected is survived
GUEST_TEST(UnexpectedInterruptIsSurvived) {
    const ULONG before = KeGetCurrentPrcb()->InterruptCount;
    __asm__ __volatile__("int $0xF3" ::: "memory");
    GUEST_TRUE(KeGetCurrentPrcb()->InterruptCount > before);
    GUEST_EQUAL(PASSIVE_LEVEL, KeGetCurrentIrql());
}

// INT-01, SYH-02
GUEST_TEST_BUGCHECK(RaisingToALowerLevelIsABugcheck, IRQL_NOT_GREATER_OR_EQUAL) {
    (void)KfRaiseIrql(KIRQL{12});
    (void)KfRaiseIrql(DISPATCH_LEVEL);
}

// INT-01
GUEST_TEST_BUGCHECK(LoweringToAHigherLevelIsABugcheck, IRQL_NOT_LESS_OR_EQUAL) { KfLowerIrql(DISPATCH_LEVEL); }
