// What the machine and the system look like once the kernel runs: modes, tables, processes, images, time.
#include "ex.h"
#include "hal.h"
#include "ke/loadedmodules.h"
#include "mm.h"
#include "ps.h"

#include "guest_main.h"

namespace {

bool IsIn(const void* address, PCWSTR image) {
    const LDR_DATA_TABLE_ENTRY* const entry = nt::FindLoadedModule(address);
    UNICODE_STRING name;
    RtlInitUnicodeString(&name, image);
    return entry && RtlEqualUnicodeString(&entry->BaseDllName, &name, FALSE);
}

} // namespace

// TRP-01, TRP-02
GUEST_TEST(KernelCodeRunsInRingZero) {
    ULONG cs;
    __asm__ __volatile__("movl %%cs, %0" : "=r"(cs));
    GUEST_EQUAL(0, cs & 3);
}

// TRP-07
GUEST_TEST(InterruptDescriptorTableHas256Entries) {
    struct __attribute__((packed)) {
        USHORT Limit;
        ULONG Base;
    } idtr;
    __asm__ __volatile__("sidt %0" : "=m"(idtr));
    GUEST_EQUAL(256 * 8 - 1, idtr.Limit);
    GUEST_EQUAL(ULONG(reinterpret_cast<ULONG_PTR>(KeGetPcr()->IDT)), idtr.Base);
}

// ARC-02, ARC-03, HAL-01, ARC-05
GUEST_TEST(KernelAndExecutiveShareAnImageAndTheHalHasItsOwn) {
    // The addresses in a driver lead through import thunks: follow what the tables say.
    const auto target = [](const void* routine) {
        const auto* code = static_cast<const UCHAR*>(routine);
        if (code[0] == 0xFF && code[1] == 0x25) return **reinterpret_cast<const void* const* const*>(code + 2);
        return routine;
    };
    GUEST_TRUE(IsIn(target(reinterpret_cast<const void*>(&KeWaitForSingleObject)), u"ntoskrnl.exe"));
    GUEST_TRUE(IsIn(target(reinterpret_cast<const void*>(&ExAllocatePoolWithTag)), u"ntoskrnl.exe"));
    GUEST_TRUE(IsIn(target(reinterpret_cast<const void*>(&KfRaiseIrql)), u"hal.dll"));
    GUEST_TRUE(reinterpret_cast<ULONG_PTR>(KeGetPcr()) >= MM_SYSTEM_RANGE_START);
}

// SYS-01, SYS-02, KPR-22, KPR-11
GUEST_TEST(IdleIsProcessZeroAndSystemIsProcessFour) {
    GUEST_EQUAL(0, PsIdleProcess->UniqueProcessId);
    GUEST_EQUAL(4, PsInitialSystemProcess->UniqueProcessId);
    GUEST_EQUAL(&PsInitialSystemProcess->Pcb, KeGetCurrentThread()->Process);
    KPRCB* const prcb = KeGetCurrentPrcb();
    GUEST_EQUAL(&PsIdleProcess->Pcb, prcb->IdleThread->Process);
    GUEST_EQUAL(0, prcb->IdleThread->Priority);
}

// HAL-07
GUEST_TEST(SystemTimeCountsFrom1601In100Nanoseconds) {
    LARGE_INTEGER now;
    KeQuerySystemTime(&now);
    // 1 January 2000 is 12,591,158,400 seconds after 1 January 1601; the test machine's clock starts there.
    constexpr LONGLONG year2000 = 12'591'158'400LL * 10'000'000;
    GUEST_TRUE(now.QuadPart >= year2000);
    const ULONGLONG before = KeQueryInterruptTime();
    KeStallExecutionProcessor(50'000);
    const ULONGLONG passed = KeQueryInterruptTime() - before;
    GUEST_TRUE(passed >= 400'000 && passed <= 600'000);
}

// HAL-03
GUEST_TEST(PortsAreReadAndWritten) {
    // CMOS register 0x0F (shutdown status) is a byte of memory behind an index and a data port.
    WRITE_PORT_UCHAR(0x70, 0x0F);
    const UCHAR old = READ_PORT_UCHAR(0x71);
    WRITE_PORT_UCHAR(0x70, 0x0F);
    WRITE_PORT_UCHAR(0x71, 0x5A);
    WRITE_PORT_UCHAR(0x70, 0x0F);
    GUEST_EQUAL(0x5A, READ_PORT_UCHAR(0x71));
    WRITE_PORT_UCHAR(0x70, 0x0F);
    WRITE_PORT_UCHAR(0x71, old);
}

// KPR-06, KPR-13, KPR-01
GUEST_TEST(ProcessKnowsItsProcessorsAndAffinity) {
    const KPROCESS& system = PsInitialSystemProcess->Pcb;
    GUEST_TRUE((system.ActiveProcessors & LONG(KeGetCurrentPrcb()->SetMember)) != 0);
    GUEST_TRUE((system.Affinity & KeGetCurrentPrcb()->SetMember) != 0);
    GUEST_EQUAL(KOBJECTS::ProcessObject, system.Header.Type);
    GUEST_EQUAL(0, system.Header.SignalState);
}

// TRP-08, EXC-01
GUEST_TEST(BreakpointIsSynchronousAndAHandlerCatchesIt) {
    volatile NTSTATUS caught = STATUS_SUCCESS;
    __try {
        EXCEPTION_RECORD record = {};
        record.ExceptionCode = STATUS_BREAKPOINT;
        RtlRaiseException(&record);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        caught = STATUS_BREAKPOINT;
    }
    GUEST_EQUAL(STATUS_BREAKPOINT, caught);
}
