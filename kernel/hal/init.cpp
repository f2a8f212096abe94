// Bringing the HAL up: the choice of the interrupt controller, calibration, the clock.
//
// HalInitializeProcessor runs before there is a memory manager and makes the machine quiet and the kernel audible;
// HalInitSystem(0) may map tables and registers. In the books: "HAL initialization". HAL-01, HAL-02, HAL-05, BOO-04
#include "halp.h"
#include "apictables.h"

HalpInterruptController* HalpController;

const UCHAR* HalpMapTable(ULONG address, SIZE_T length) {
    if (HalpIsBelow(address, length, LDR_LOW_MEMORY))
        return reinterpret_cast<const UCHAR*>(ULONG_PTR(LDR_SYSTEM_SPACE) + address);
    return static_cast<const UCHAR*>(MmMapIoSpace({.QuadPart = address}, length, MmCached));
}

extern "C" {

PCSTR NTAPI HalQueryControllerName() { return HalpController->Name(); }

void NTAPI HalInitializeProcessor(ULONG Number, LOADER_PARAMETER_BLOCK* LoaderBlock) {
    HalpIdentifyProcessor(*KeGetCurrentPrcb());
    if (Number == 0) {
        HalpInitializeSerial();
        HalpController = HalpGetPic();
        HalpController->InitializeProcessor(); // every line off, whatever the firmware left
        HalClearDisplay(0x07);
        return;
    }
    HalpSetProcessorSpeed();
    HalpController->InitializeProcessor();
    (void)HalpController->StartClock(); // interrupts are off
}

BOOLEAN NTAPI HalInitSystem(ULONG Phase, LOADER_PARAMETER_BLOCK* LoaderBlock) {
    if (Phase != 0) return TRUE;
    HalpReadSoftOff(*LoaderBlock);
    HalpInterruptController* const apic = KeLoaderOptions.ForcePic ? nullptr : HalpDetectApic(*LoaderBlock);
    if (apic) {
        HalpController = apic;
        HalpController->InitializeProcessor();
    } else {
        (void)HalpMeasureFrequencies(nullptr);
    }
    const ULONG vector = HalpController->VectorOf(CLOCK_LEVEL);
    KiSetInterruptHandler(vector, HalpClockInterrupt);
    HalpStartClock();
    return HalpController->Enable(CLOCK_LEVEL, KINTERRUPT_MODE::Latched);
}
}
