// Connecting and disconnecting an interrupt on a processor that its line does not lead to.
//
// Lines lead to the first processor (HalGetInterruptVector's Affinity); drivers' threads run anywhere.
// INT-03, HAL-05, INT-01
#include "guest_main.h"
#include "device.h"
#include "pinned.h"

namespace {

/// A device whose service routine takes its time, and a driver's thread elsewhere that connects or disconnects it.
struct DRIVER {
    DEVICE Device;
    ULONG Microseconds; ///< that the service routine takes
    volatile ULONG Processor;
    volatile bool Inside;
    volatile bool Done;
    volatile bool WasInside; ///< the service routine ran when the interrupt was said to be disconnected
    volatile ULONG ThreadProcessor;
};

BOOLEAN NTAPI ServeLong(PKINTERRUPT, PVOID ServiceContext) {
    auto& driver = *static_cast<DRIVER*>(ServiceContext);
    driver.Inside = true;
    driver.Processor = KeGetCurrentProcessorNumber();
    (void)uart::Withdraw();
    KeStallExecutionProcessor(driver.Microseconds);
    driver.Inside = false;
    return FALSE;
}

void PrepareDriver(DRIVER& driver, ULONG microseconds) {
    driver = {};
    Prepare(driver.Device, 'u', true, KINTERRUPT_MODE::Latched);
    driver.Device.Interrupt.ServiceRoutine = ServeLong;
    driver.Device.Interrupt.ServiceContext = &driver;
    driver.Microseconds = microseconds;
    driver.Processor = MAXIMUM_PROCESSORS;
}

void NTAPI Connect(PVOID context) {
    auto& driver = *static_cast<DRIVER*>(context);
    GUEST_TRUE(KeConnectInterrupt(&driver.Device.Interrupt));
    driver.ThreadProcessor = KeGetCurrentProcessorNumber();
    driver.Done = true;
}

void NTAPI DisconnectInside(PVOID context) {
    auto& driver = *static_cast<DRIVER*>(context);
    while (!driver.Inside)
        YieldProcessor();
    GUEST_TRUE(KeDisconnectInterrupt(&driver.Device.Interrupt));
    driver.WasInside = driver.Inside;
    driver.ThreadProcessor = KeGetCurrentProcessorNumber();
    driver.Done = true;
}

} // namespace

// HAL-05: whichever processor connects, the line leads to the first processor
GUEST_TEST(LineLeadsToTheFirstProcessorWhoeverConnects) {
    const ULONG last = Processors() - 1;
    DRIVER driver;
    PrepareDriver(driver, 0);
    Join(StartOn(Only(last), last, 10, Connect, &driver));
    GUEST_TRUE(driver.Done);
    GUEST_EQUAL(last, driver.ThreadProcessor);
    uart::Request();
    GUEST_TRUE(Comes([&] { return driver.Processor != MAXIMUM_PROCESSORS; }));
    GUEST_EQUAL(0, driver.Processor);
    uart::Quiet();
    GUEST_TRUE(KeDisconnectInterrupt(&driver.Device.Interrupt));
}

// INT-03, HAL-05: an object for a processor that its line does not lead to would never see its device
GUEST_TEST(ObjectForAnotherProcessorThanTheLinesIsNotConnected) {
    const ULONG last = Processors() - 1;
    DRIVER driver;
    PrepareDriver(driver, 0);
    driver.Device.Interrupt.Number = UCHAR(last);
    GUEST_EQUAL(last == 0, KeConnectInterrupt(&driver.Device.Interrupt));
    GUEST_EQUAL(last == 0, KeDisconnectInterrupt(&driver.Device.Interrupt));
    driver.Device.Interrupt.Number = 0;
    GUEST_TRUE(KeConnectInterrupt(&driver.Device.Interrupt));
    GUEST_TRUE(KeDisconnectInterrupt(&driver.Device.Interrupt));
}

// INT-03: when it is disconnected its service routine does not run any more, so the interrupt object may be freed
GUEST_TEST(DisconnectedServiceRoutineHasReturned) {
    if (Processors() == 1) return (void)GUEST_TRUE(true);
    for (ULONG round = 0; round < 5; round++) {
        DRIVER driver;
        PrepareDriver(driver, 3'000);
        GUEST_TRUE(KeConnectInterrupt(&driver.Device.Interrupt));
        PETHREAD thread = StartOn(Only(1), 1, 10, DisconnectInside, &driver);
        KeStallExecutionProcessor(200);
        uart::Request();
        Join(thread);
        GUEST_TRUE(driver.Done && !driver.WasInside);
        GUEST_EQUAL(1, driver.ThreadProcessor);
        uart::Quiet();
    }
}
