// The kernel layer's services for user mode: time, and giving it up.
//
// IRQL: PASSIVE_LEVEL. In the books: "system services", "thread scheduling". TRP-04, TRP-06
#include "hal.h"
#include "ke/ki.h"
#include "ke/service.h"
#include "rtl/exception.h"
#include "rtl/useraccess.h"

namespace {

NTSTATUS CaptureTime(LARGE_INTEGER* to, const LARGE_INTEGER* from) {
    if (KeGetPreviousMode() == KernelMode) {
        *to = *from;
        return STATUS_SUCCESS;
    }
    __try {
        *to = ProbeAndReadLargeInteger(from);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

NTSTATUS TellTime(LARGE_INTEGER* to, const LARGE_INTEGER& time) {
    if (KeGetPreviousMode() == KernelMode) {
        *to = time;
        return STATUS_SUCCESS;
    }
    __try {
        ProbeForWriteLargeInteger(to);
        CopyToUser(to, &time, sizeof(time));
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

} // namespace

extern "C" {

NTSTATUS NTAPI NtDelayExecution(BOOLEAN Alertable, LARGE_INTEGER* DelayInterval) {
    LARGE_INTEGER interval;
    NT_TRY(CaptureTime(&interval, DelayInterval));
    return KeDelayExecutionThread(KeGetPreviousMode(), Alertable, &interval);
}

NTSTATUS NTAPI NtYieldExecution() { return KeYieldExecution(); }

NTSTATUS NTAPI NtTestAlert() { return KeTestAlertThread(KeGetPreviousMode()) ? STATUS_ALERTED : STATUS_SUCCESS; }

NTSTATUS NTAPI NtQuerySystemTime(LARGE_INTEGER* SystemTime) {
    LARGE_INTEGER now;
    KeQuerySystemTime(&now);
    return TellTime(SystemTime, now);
}

NTSTATUS NTAPI NtQueryPerformanceCounter(LARGE_INTEGER* PerformanceCounter, LARGE_INTEGER* PerformanceFrequency) {
    LARGE_INTEGER frequency;
    const LARGE_INTEGER counter = KeQueryPerformanceCounter(&frequency);
    NT_TRY(TellTime(PerformanceCounter, counter));
    return PerformanceFrequency ? TellTime(PerformanceFrequency, frequency) : STATUS_SUCCESS;
}
}
