// Services on timers. DSP-09, DSP-22
//
// A timer that is deleted is stopped first: the timer table must not lead to freed memory.
#include "ob/sync/obsync.h"

extern "C" {

NTSTATUS NTAPI NtCreateTimer(HANDLE* TimerHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                             TIMER_TYPE TimerType) {
    if (TimerType != NotificationTimer && TimerType != SynchronizationTimer) return STATUS_INVALID_PARAMETER;
    return ObpCreateWaitable<KTIMER>(TimerHandle, DesiredAccess, ObjectAttributes, ExTimerObjectType,
                                     [&](PKTIMER timer) { KeInitializeTimerEx(timer, TimerType); });
}

NTSTATUS NTAPI NtOpenTimer(HANDLE* TimerHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes) {
    return ObpOpenWaitable(TimerHandle, DesiredAccess, ObjectAttributes, ExTimerObjectType);
}

NTSTATUS NTAPI NtSetTimer(HANDLE TimerHandle, LARGE_INTEGER* DueTime, PTIMER_APC_ROUTINE TimerApcRoutine, PVOID,
                          BOOLEAN, LONG Period, BOOLEAN* PreviousState) {
    LARGE_INTEGER due;
    NT_TRY(nt::Capture(ExGetPreviousMode(), &due, DueTime));
    if (Period < 0) return STATUS_INVALID_PARAMETER;
    if (TimerApcRoutine) return STATUS_NOT_SUPPORTED;
    return ObpChangeWaitable<KTIMER>(TimerHandle, TIMER_MODIFY_STATE, ExTimerObjectType, PreviousState,
                                     [&](PKTIMER timer, BOOLEAN* before) {
                                         *before = KeReadStateTimer(timer);
                                         (void)KeSetTimerEx(timer, due, Period, nullptr);
                                         return STATUS_SUCCESS;
                                     });
}

NTSTATUS NTAPI NtCancelTimer(HANDLE TimerHandle, BOOLEAN* CurrentState) {
    return ObpChangeWaitable<KTIMER>(TimerHandle, TIMER_MODIFY_STATE, ExTimerObjectType, CurrentState,
                                     [](PKTIMER timer, BOOLEAN* state) {
                                         (void)KeCancelTimer(timer);
                                         *state = KeReadStateTimer(timer);
                                         return STATUS_SUCCESS;
                                     });
}

NTSTATUS NTAPI NtQueryTimer(HANDLE TimerHandle, TIMER_INFORMATION_CLASS TimerInformationClass, PVOID TimerInformation,
                            ULONG TimerInformationLength, ULONG* ReturnLength) {
    return ObpQueryWaitable<KTIMER, TIMER_BASIC_INFORMATION>(
        TimerHandle, TIMER_QUERY_STATE, ExTimerObjectType, LONG(TimerInformationClass), TimerInformation,
        TimerInformationLength, ReturnLength, [](PKTIMER timer, TIMER_BASIC_INFORMATION* told) {
            told->TimerState = KeReadStateTimer(timer);
            told->RemainingTime.QuadPart = timer->DueTime.QuadPart - LONGLONG(KeQueryInterruptTime());
        });
}
}
