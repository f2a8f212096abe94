// A routine's NTSTATUS is dropped.
// Expect: ignoring return value of (function|type 'NTSTATUS') declared with 'nodiscard' attribute
#include "ke.h"

void Pause(PLARGE_INTEGER interval) {
#ifdef VIOLATION
    KeDelayExecutionThread(KernelMode, false, interval);
#else
    (void)NT_SUCCESS(KeDelayExecutionThread(KernelMode, false, interval));
#endif
}
