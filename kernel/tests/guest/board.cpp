// The HAL on the real machine: ports, clocks, the processor, the module itself.
#include "guest_main.h"
#include "hal.h"
#include "ldr.h"

namespace {

constexpr USHORT PCI_ADDRESS = 0xCF8, PCI_DATA = 0xCFC;
constexpr ULONG PCI_ENABLE = 0x80000000;

const LDR_DATA_TABLE_ENTRY* Hal() {
    return CONTAINING_RECORD(PsLoadedModuleList.Flink->Flink, LDR_DATA_TABLE_ENTRY, InLoadOrderLinks);
}

LONGLONG Counter() { return KeQueryPerformanceCounter(nullptr).QuadPart; }

} // namespace

// HAL-01: the HAL is a module of its own, and its routines lie in it
GUEST_TEST(HalIsAModule) {
    UNICODE_STRING name;
    RtlInitUnicodeString(&name, u"hal.dll");
    GUEST_TRUE(RtlEqualUnicodeString(&Hal()->BaseDllName, &name, FALSE));
    const ULONG_PTR routine = reinterpret_cast<ULONG_PTR>(KfRaiseIrql);
    GUEST_TRUE(routine - reinterpret_cast<ULONG_PTR>(Hal()->DllBase) < Hal()->SizeOfImage);
}

// HAL-03: 8, 16 and 32 bits of one register
GUEST_TEST(PortsOfEveryWidth) {
    WRITE_PORT_ULONG(PCI_ADDRESS, PCI_ENABLE); // bus 0, device 0: the host bridge
    GUEST_EQUAL(PCI_ENABLE, READ_PORT_ULONG(PCI_ADDRESS));
    const ULONG both = READ_PORT_ULONG(PCI_DATA);
    GUEST_EQUAL(0x8086, both & 0xFFFF);
    GUEST_EQUAL(both & 0xFFFF, READ_PORT_USHORT(PCI_DATA));
    GUEST_EQUAL(both >> 16, READ_PORT_USHORT(PCI_DATA + 2));
    GUEST_EQUAL(both & 0xFF, READ_PORT_UCHAR(PCI_DATA));
    GUEST_EQUAL(both >> 24, READ_PORT_UCHAR(PCI_DATA + 3));
}

// HAL-07: the clock and the performance counter agree about how long 100 ms are
GUEST_TEST(ClockAndCounterAgree) {
    LARGE_INTEGER frequency;
    (void)KeQueryPerformanceCounter(&frequency);
    const ULONGLONG startTime = KeQueryInterruptTime();
    const LONGLONG start = Counter();
    while (KeQueryInterruptTime() - startTime < 1'000'000) {}
    const LONGLONG units = (Counter() - start) * 10'000'000 / frequency.QuadPart;
    GUEST_TRUE(units > 880'000 && units < 1'120'000); // at most an interval off at either end
}

// HAL-07: system time is the interrupt time plus a constant, and a tick is the increment
GUEST_TEST(TimesGoTogether) {
    LARGE_INTEGER time1, time2, ticks1, ticks2;
    const LARGE_INTEGER interval = KeRelativeMilliseconds(50);
    LARGE_INTEGER wait = interval;
    KIRQL old = KfRaiseIrql(CLOCK_LEVEL);
    const ULONGLONG boot1 = KeQueryInterruptTime();
    KeQuerySystemTime(&time1);
    KeQueryTickCount(&ticks1);
    KfLowerIrql(old);
    GUEST_TRUE(NT_SUCCESS(KeDelayExecutionThread(KernelMode, FALSE, &wait)));
    old = KfRaiseIrql(CLOCK_LEVEL);
    const ULONGLONG boot2 = KeQueryInterruptTime();
    KeQuerySystemTime(&time2);
    KeQueryTickCount(&ticks2);
    KfLowerIrql(old);
    GUEST_TRUE(boot2 - boot1 >= 500'000);
    GUEST_EQUAL(LONGLONG(boot2 - boot1), time2.QuadPart - time1.QuadPart);
    GUEST_EQUAL(LONGLONG(boot2 - boot1), (ticks2.QuadPart - ticks1.QuadPart) * KeQueryTimeIncrement());
}

// HAL-07: units of 100 ns since 1601, set from the CMOS clock
GUEST_TEST(SystemTimeComesFromTheCmosClock) {
    TIME_FIELDS fields;
    LARGE_INTEGER cmos, now;
    GUEST_TRUE(HalQueryRealTimeClock(&fields));
    GUEST_TRUE(RtlTimeFieldsToTime(&fields, &cmos));
    KeQuerySystemTime(&now);
    const LONGLONG apart = now.QuadPart - cmos.QuadPart;
    GUEST_TRUE(apart > -2 * TIME_UNITS_PER_SECOND && apart < 2 * TIME_UNITS_PER_SECOND);
    GUEST_TRUE(fields.Year >= 2000);
}

// HAL-07
GUEST_TEST(StallWaitsAtLeastAsLong) {
    LARGE_INTEGER frequency;
    (void)KeQueryPerformanceCounter(&frequency);
    const KIRQL old = KfRaiseIrql(HIGH_LEVEL);
    const LONGLONG start = Counter();
    KeStallExecutionProcessor(1000);
    const LONGLONG microseconds = (Counter() - start) * 1'000'000 / frequency.QuadPart;
    KfLowerIrql(old);
    GUEST_TRUE(microseconds >= 999 && microseconds < 2000);
}

// HAL-01
GUEST_TEST(ProcessorIsIdentified) {
    const KPRCB* const prcb = KeGetCurrentPrcb();
    GUEST_EQUAL(12, strlen(reinterpret_cast<PCSTR>(prcb->CpuVendor)));
    GUEST_TRUE(prcb->MHz != 0);
    GUEST_TRUE(prcb->CpuFeatures & 1u << 4); // a time-stamp counter
    GUEST_EQUAL(1u << prcb->Number, prcb->SetMember);
    GUEST_TRUE(KiProcessorBlock[prcb->Number] == prcb);
    GUEST_TRUE(KeGetPcr()->SelfPcr == KeGetPcr());
}
