// Condition variables: threads wait, without the lock, until another thread says that something has changed.
//
// To give the lock back and to begin to wait is one step for threads that wake under the lock. A thread that has waited looks again:
// another one may have been faster. A variable is one word; zero is one that no thread waits for.
// In the books: "condition variables". DSP-22
#pragma once

#include "user/criticalsection.h"
#include "user/srwlock.h"

/// A condition variable (documented layout).
/// shared: interlocked
struct RTL_CONDITION_VARIABLE {
    PVOID Ptr;
};
using PRTL_CONDITION_VARIABLE = RTL_CONDITION_VARIABLE*;
PUBLIC_SIZE(RTL_CONDITION_VARIABLE, 4);
constexpr RTL_CONDITION_VARIABLE RTL_CONDITION_VARIABLE_INIT = {nullptr};
constexpr ULONG RTL_CONDITION_VARIABLE_LOCKMODE_SHARED = 0x1; ///< the caller has the slim lock for reading

extern "C" {
NTKERNELAPI void NTAPI RtlInitializeConditionVariable(PRTL_CONDITION_VARIABLE ConditionVariable);
/// Wakes one thread, the one that has waited longest; all of them.
NTKERNELAPI void NTAPI RtlWakeConditionVariable(PRTL_CONDITION_VARIABLE ConditionVariable);
NTKERNELAPI void NTAPI RtlWakeAllConditionVariable(PRTL_CONDITION_VARIABLE ConditionVariable);
/// Gives the section back, waits, and takes it again. The caller has it, once. @param TimeOut in 100 ns units, as of the services that wait.
/// @returns STATUS_SUCCESS: it was woken; STATUS_TIMEOUT
NTKERNELAPI NTSTATUS NTAPI RtlSleepConditionVariableCS(PRTL_CONDITION_VARIABLE ConditionVariable,
                                                       PRTL_CRITICAL_SECTION CriticalSection, LARGE_INTEGER* TimeOut);
/// The same with a slim lock. @param Flags RTL_CONDITION_VARIABLE_LOCKMODE_SHARED
NTKERNELAPI NTSTATUS NTAPI RtlSleepConditionVariableSRW(PRTL_CONDITION_VARIABLE ConditionVariable, PRTL_SRWLOCK SRWLock,
                                                        LARGE_INTEGER* TimeOut, ULONG Flags);
}
