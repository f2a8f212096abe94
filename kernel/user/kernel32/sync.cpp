// Changing dispatcher objects, waiting for them; locks and condition variables. Contract: kernel32.h.
//
// In the books: "dispatcher objects", "condition variables". DSP-02..05, DSP-22
#include "k32.h"

namespace {

/// What a wait came to, for its caller.
DWORD WaitResult(NTSTATUS status) { return BaseSucceeded(status) ? static_cast<DWORD>(status) : WAIT_FAILED; }

/// What a sleep on a condition variable came to: a time that is over is an error here.
BOOL Woken(NTSTATUS status) {
    if (status == STATUS_TIMEOUT) SetLastError(RtlNtStatusToDosError(status));
    return status != STATUS_TIMEOUT && BaseSucceeded(status);
}

} // namespace

extern "C" {

BOOL NTAPI PulseEvent(HANDLE Event) { return BaseSucceeded(NtPulseEvent(Event, nullptr)); }
BOOL NTAPI SetEvent(HANDLE Event) { return BaseSucceeded(NtSetEvent(Event, nullptr)); }
BOOL NTAPI ResetEvent(HANDLE Event) { return BaseSucceeded(NtClearEvent(Event)); }
BOOL NTAPI ReleaseMutex(HANDLE Mutex) { return BaseSucceeded(NtReleaseMutant(Mutex, nullptr)); }
BOOL NTAPI ReleaseSemaphore(HANDLE Semaphore, LONG ReleaseCount, LONG* PreviousCount) {
    return BaseSucceeded(NtReleaseSemaphore(Semaphore, ReleaseCount, PreviousCount));
}

DWORD NTAPI WaitForSingleObjectEx(HANDLE Handle, DWORD Milliseconds, BOOL Alertable) {
    BASE_TIMEOUT timeout(Milliseconds);
    return WaitResult(NtWaitForSingleObject(Handle, Alertable != 0, timeout.Get()));
}
DWORD NTAPI WaitForSingleObject(HANDLE Handle, DWORD Milliseconds) {
    return WaitForSingleObjectEx(Handle, Milliseconds, FALSE);
}

DWORD NTAPI WaitForMultipleObjectsEx(DWORD Count, const HANDLE* Handles, BOOL All, DWORD Milliseconds, BOOL Alertable) {
    BASE_TIMEOUT timeout(Milliseconds);
    return WaitResult(NtWaitForMultipleObjects(Count, const_cast<HANDLE*>(Handles), All ? WaitAll : WaitAny,
                                               Alertable != 0, timeout.Get()));
}
DWORD NTAPI WaitForMultipleObjects(DWORD Count, const HANDLE* Handles, BOOL All, DWORD Milliseconds) {
    return WaitForMultipleObjectsEx(Count, Handles, All, Milliseconds, FALSE);
}

DWORD NTAPI SignalObjectAndWait(HANDLE ObjectToSignal, HANDLE ObjectToWaitOn, DWORD Milliseconds, BOOL Alertable) {
    BASE_TIMEOUT timeout(Milliseconds);
    return WaitResult(NtSignalAndWaitForSingleObject(ObjectToSignal, ObjectToWaitOn, Alertable != 0, timeout.Get()));
}

BOOL NTAPI SleepConditionVariableCS(PRTL_CONDITION_VARIABLE ConditionVariable, PRTL_CRITICAL_SECTION CriticalSection,
                                    DWORD Milliseconds) {
    BASE_TIMEOUT timeout(Milliseconds);
    return Woken(RtlSleepConditionVariableCS(ConditionVariable, CriticalSection, timeout.Get()));
}
BOOL NTAPI SleepConditionVariableSRW(PRTL_CONDITION_VARIABLE ConditionVariable, PRTL_SRWLOCK SRWLock,
                                     DWORD Milliseconds, DWORD Flags) {
    BASE_TIMEOUT timeout(Milliseconds);
    return Woken(RtlSleepConditionVariableSRW(ConditionVariable, SRWLock, timeout.Get(), Flags));
}

void NTAPI InitializeCriticalSection(PRTL_CRITICAL_SECTION CriticalSection) {
    (void)RtlInitializeCriticalSection(CriticalSection);
}
BOOL NTAPI InitializeCriticalSectionAndSpinCount(PRTL_CRITICAL_SECTION CriticalSection, DWORD SpinCount) {
    return BaseSucceeded(RtlInitializeCriticalSectionAndSpinCount(CriticalSection, SpinCount));
}
BOOL NTAPI InitializeCriticalSectionEx(PRTL_CRITICAL_SECTION CriticalSection, DWORD SpinCount, DWORD) {
    return InitializeCriticalSectionAndSpinCount(CriticalSection, SpinCount); // the flags only spare debug information
}
BOOL NTAPI TryEnterCriticalSection(PRTL_CRITICAL_SECTION CriticalSection) {
    return RtlTryEnterCriticalSection(CriticalSection);
}
}
