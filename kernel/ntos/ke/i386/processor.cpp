// The processor control region of a processor, from the first instruction to its place in KiProcessorBlock.
//
// KiInitializeProcessor runs on the processor it prepares, with interrupts off, before anything that uses fs.
// In the books: "processor control region and control block". INT-01, ARC-03
#include "ki386.h"

extern "C" {
// shared: these three are written while a processor starts, one at a time, and only grow
KPRCB* KiProcessorBlock[MAXIMUM_PROCESSORS];
CHAR KeNumberProcessors;      // shared: as above
KAFFINITY KeActiveProcessors; // shared: as above
}

static KI_PROCESSOR KiBootProcessor; // shared: no, the first processor's

void KiInitializeProcessor(KI_PROCESSOR& processor, ULONG number, ULONG_PTR stackTop, ULONG_PTR stackLimit) {
    constexpr ULONG_PTR noHandlers = ~ULONG_PTR(0);
    KPCR& pcr = processor.Pcr;
    pcr.NtTib.ExceptionList = reinterpret_cast<EXCEPTION_REGISTRATION_RECORD*>(noHandlers);
    pcr.NtTib.StackBase = reinterpret_cast<PVOID>(stackTop);
    pcr.NtTib.StackLimit = reinterpret_cast<PVOID>(stackLimit);
    pcr.NtTib.Self = &pcr.NtTib;
    pcr.SelfPcr = &pcr;
    pcr.Prcb = &pcr.PrcbData;
    pcr.Irql = HIGH_LEVEL;
    pcr.MajorVersion = pcr.MinorVersion = 1;
    pcr.Number = UCHAR(number);
    pcr.SetMember = KAFFINITY(1) << number;
    pcr.PrcbData.Number = number;
    pcr.PrcbData.SetMember = pcr.SetMember;

    KiInitializeGdt(processor);
    KiInitializeIdt(processor);

    KiProcessorBlock[number] = pcr.Prcb;
    KeActiveProcessors |= pcr.SetMember;
    ++KeNumberProcessors;
}

void NTAPI KiInitializeBootProcessor(ULONG_PTR StackTop, ULONG_PTR StackLimit) {
    KiInitializeProcessor(KiBootProcessor, 0, StackTop, StackLimit);
}
