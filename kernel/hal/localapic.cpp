// The local APIC's registers. HAL-05, HAL-07
#include "localapic.h"
#include "halp.h"
#include "ke/explore.h"

namespace {

enum Register : ULONG {
    Id = 0x20,
    TaskPriority = 0x80,
    EndOfInterrupt = 0xB0,
    LogicalDestination = 0xD0,
    DestinationFormat = 0xE0,
    SpuriousVector = 0xF0,
    InService = 0x100, ///< eight registers, 16 bytes apart: a bit a vector
    CommandLow = 0x300,
    CommandHigh = 0x310,
    TimerEntry = 0x320,
    PerformanceEntry = 0x340,
    Lint0Entry = 0x350,
    Lint1Entry = 0x360,
    ErrorEntry = 0x370,
    TimerInitialCount = 0x380,
    TimerCurrentCount = 0x390,
    TimerDivider = 0x3E0,
};

constexpr ULONG ENABLE = 1u << 8;
constexpr ULONG MASKED = 1u << 16;
constexpr ULONG PERIODIC = 1u << 17;
constexpr ULONG DELIVERY_PENDING = 1u << 12;
constexpr ULONG DELIVER_NMI = 4u << 8;
constexpr ULONG FLAT_MODEL = 0xFFFFFFFF;
constexpr ULONG DIVIDE_BY_16 = 0x3;
constexpr ULONG LONGEST = 0xFFFFFFFF;
constexpr SIZE_T REGISTERS_SIZE = PAGE_SIZE;

volatile UCHAR* Registers;

ULONG Read(ULONG offset) { return *reinterpret_cast<volatile ULONG*>(Registers + offset); }
void Write(ULONG offset, ULONG value) { *reinterpret_cast<volatile ULONG*>(Registers + offset) = value; }

} // namespace

bool HalpMapLocalApic(ULONG physicalAddress) {
    const PHYSICAL_ADDRESS address{.QuadPart = physicalAddress};
    Registers = static_cast<volatile UCHAR*>(MmMapIoSpace(address, REGISTERS_SIZE, MmNonCached));
    return Registers != nullptr;
}

void HalpInitializeLocalApic() {
    Write(DestinationFormat, FLAT_MODEL);
    Write(LogicalDestination, KeGetPcr()->SetMember << 24);
    Write(TaskPriority, 0); // the IRQL decides, not this register
    Write(TimerEntry, MASKED);
    Write(PerformanceEntry, MASKED);
    Write(Lint0Entry, MASKED);                                         // the PIC, which is not used
    Write(Lint1Entry, KeGetPcr()->Number == 0 ? DELIVER_NMI : MASKED); // the board's NMI is the first processor's
    Write(ErrorEntry, MASKED);
    Write(SpuriousVector, ENABLE | LOCAL_APIC_SPURIOUS_VECTOR);
    Write(EndOfInterrupt, 0);
}

void HalpSendLocalApicCommand(UCHAR localApicId, ULONG command) {
    Write(CommandHigh, ULONG(localApicId) << 24);
    Write(CommandLow, command); // this half sends
    while (Read(CommandLow) & DELIVERY_PENDING)
        YieldProcessor();
}

UCHAR HalpLocalApicId() { return UCHAR(Read(Id) >> 24); }

void HalpLocalApicEndOfInterrupt() { Write(EndOfInterrupt, 0); }

bool HalpLocalApicInService(ULONG vector) { return (Read(InService + vector / 32 * 16) & (1u << vector % 32)) != 0; }

void HalpStartLocalApicCounter() {
    Write(TimerDivider, DIVIDE_BY_16);
    Write(TimerEntry, MASKED);
    Write(TimerInitialCount, LONGEST);
}

ULONG HalpReadLocalApicCounter() { return LONGEST - Read(TimerCurrentCount); }

void HalpStartLocalApicTimer(ULONG vector, ULONG counts) {
    Write(TimerDivider, DIVIDE_BY_16);
    Write(TimerEntry, PERIODIC | vector);
    Write(TimerInitialCount, counts);
}

#if defined(MICA_EXPLORE)
void HalpStopLocalApicTimer() {
    Write(TimerEntry, MASKED);
    Write(TimerInitialCount, 0);
}

extern "C" void NTAPI HalStopClock() {
    if (Registers) HalpStopLocalApicTimer();
}
#endif
