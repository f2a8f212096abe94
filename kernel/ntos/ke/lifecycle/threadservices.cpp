// The kernel layer's services for user mode: time, and giving it up.
//
// IRQL: PASSIVE_LEVEL. In the books: "system services", "thread scheduling". TRP-04, TRP-06
#include "hal.h"
#include "ke/ki.h"
#include "ke/service.h"
#include "rtl/capture.h"

extern "C" {

NTSTATUS NTAPI NtDelayExecution(BOOLEAN Alertable, LARGE_INTEGER* DelayInterval) {
    LARGE_INTEGER interval;
    NT_TRY(nt::Capture(KeGetPreviousMode(), &interval, DelayInterval));
    return KeDelayExecutionThread(KeGetPreviousMode(), Alertable, &interval);
}

NTSTATUS NTAPI NtYieldExecution() { return KeYieldExecution(); }

NTSTATUS NTAPI NtTestAlert() { return KeTestAlertThread(KeGetPreviousMode()) ? STATUS_ALERTED : STATUS_SUCCESS; }

NTSTATUS NTAPI NtQuerySystemTime(LARGE_INTEGER* SystemTime) {
    const KPROCESSOR_MODE mode = KeGetPreviousMode();
    NT_TRY(nt::Probe(mode, SystemTime));
    LARGE_INTEGER now;
    KeQuerySystemTime(&now);
    return nt::Tell(mode, SystemTime, now);
}

NTSTATUS NTAPI NtQueryPerformanceCounter(LARGE_INTEGER* PerformanceCounter, LARGE_INTEGER* PerformanceFrequency) {
    const KPROCESSOR_MODE mode = KeGetPreviousMode();
    NT_TRY(nt::Probe(mode, PerformanceCounter));
    NT_TRY(nt::ProbeOptional(mode, PerformanceFrequency));
    LARGE_INTEGER frequency;
    const LARGE_INTEGER counter = KeQueryPerformanceCounter(&frequency);
    NT_TRY(nt::Tell(mode, PerformanceCounter, counter));
    return nt::TellOptional(mode, PerformanceFrequency, frequency);
}
}
