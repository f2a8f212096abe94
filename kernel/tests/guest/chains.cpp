// Interrupt objects on the real machine: chains, agreement about sharing, synchronization with a service routine.
#include "guest_main.h"
#include "device.h"

namespace {

/// For KeSynchronizeExecution: the device asks while its service routine is kept out.
BOOLEAN NTAPI AskWhileSynchronized(PVOID SynchronizeContext) {
    const auto* const device = static_cast<DEVICE*>(SynchronizeContext);
    uart::RequestAndWait();
    GUEST_EQUAL(device->Interrupt.Irql, KeGetCurrentIrql());
    GUEST_EQUAL(0, device->Calls);
    return TRUE;
}

} // namespace

// INT-03: two drivers on one vector; a latched one asks everybody until nobody claims
GUEST_TEST(LatchedChainAsksAllUntilNobodyClaims) {
    DEVICE first, second;
    Prepare(first, '1', false, KINTERRUPT_MODE::Latched, true);
    Prepare(second, '2', true, KINTERRUPT_MODE::Latched, true);
    const Connected one(first), two(second);
    uart::RequestAndWait();
    GUEST_TRUE(OrderIs("1212")); // the second pass finds nothing
    GUEST_EQUAL(2, first.Calls);
    GUEST_EQUAL(2, second.Calls);
}

// INT-03: a level-sensitive one stops at the first that claims
GUEST_TEST(LevelSensitiveChainStopsAtTheFirstThatClaims) {
    DEVICE first, second, third;
    Prepare(first, '1', false, KINTERRUPT_MODE::LevelSensitive, true);
    Prepare(second, '2', true, KINTERRUPT_MODE::LevelSensitive, true);
    Prepare(third, '3', true, KINTERRUPT_MODE::LevelSensitive, true);
    const Connected one(first), two(second), three(third);
    uart::RequestAndWait();
    GUEST_TRUE(OrderIs("12"));
}

// INT-03: a vector is shared only if all of its drivers say so, and only in one mode
GUEST_TEST(VectorIsSharedOnlyByAgreement) {
    DEVICE sharing, other, exclusive, latched;
    Prepare(sharing, 's', true, KINTERRUPT_MODE::LevelSensitive, true);
    Prepare(other, 'o', true, KINTERRUPT_MODE::LevelSensitive, true);
    Prepare(exclusive, 'e', true, KINTERRUPT_MODE::LevelSensitive, false);
    Prepare(latched, 'l', true, KINTERRUPT_MODE::Latched, true);
    {
        const Connected connected(sharing);
        GUEST_TRUE(!KeConnectInterrupt(&exclusive.Interrupt));
        GUEST_TRUE(!KeConnectInterrupt(&latched.Interrupt));
        GUEST_TRUE(KeConnectInterrupt(&other.Interrupt));
        GUEST_TRUE(KeDisconnectInterrupt(&other.Interrupt));
        GUEST_TRUE(!KeDisconnectInterrupt(&other.Interrupt));
        uart::RequestAndWait();
        GUEST_TRUE(OrderIs("s"));
    }
    const Connected connected(exclusive);
    GUEST_TRUE(!KeConnectInterrupt(&sharing.Interrupt));
}

// INT-03: the clock's vector belongs to the HAL
GUEST_TEST(HalVectorsAreNotForDrivers) {
    DEVICE device;
    Prepare(device, 'c', false, KINTERRUPT_MODE::Latched);
    KIRQL irql;
    KAFFINITY affinity;
    device.Interrupt.Vector = HalGetInterruptVector(INTERFACE_TYPE::Isa, 0, 0, 0, &irql, &affinity);
    device.Interrupt.Irql = device.Interrupt.SynchronizeIrql = irql;
    GUEST_EQUAL(CLOCK_LEVEL, irql);
    GUEST_TRUE(!KeConnectInterrupt(&device.Interrupt));
}

// INT-03, HAL-05: after disconnecting the line is quiet
GUEST_TEST(DisconnectedLineIsQuiet) {
    DEVICE device;
    Prepare(device, 'u', true, KINTERRUPT_MODE::Latched);
    { const Connected connected(device); }
    uart::RequestAndWait();
    GUEST_EQUAL(0, device.Calls);
    uart::Quiet();
    (void)uart::Withdraw();
}

// INT-03: KeSynchronizeExecution keeps the service routine out
GUEST_TEST(SynchronizeExecutionHoldsTheInterruptBack) {
    DEVICE device;
    Prepare(device, 'u', true, KINTERRUPT_MODE::Latched);
    const Connected connected(device);
    GUEST_TRUE(KeSynchronizeExecution(&device.Interrupt, AskWhileSynchronized, &device));
    GUEST_EQUAL(1, device.Calls);
}
