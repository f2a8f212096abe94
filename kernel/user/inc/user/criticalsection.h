// Critical sections: mutual exclusion of the threads of one process.
//
// Free or taken without a rival, a section costs one interlocked instruction; only a thread that must wait calls the kernel.
// Invariants: LockCount is -1 while the section is free, else the number of threads that wait, plus recursive entries. OwningThread and
// RecursionCount are the owner's.
// In the books: "critical sections". DSP-22
#pragma once

#include "ntstatus.h"

/// A critical section (documented layout).
/// shared: LockCount is interlocked; the owner alone writes RecursionCount and OwningThread
struct RTL_CRITICAL_SECTION {
    PVOID DebugInfo; ///< nullptr
    volatile LONG LockCount;
    LONG RecursionCount;
    volatile HANDLE OwningThread;     ///< its ID
    volatile ULONG_PTR LockSemaphore; ///< handle of an event, which the first thread that waits makes; 0: none yet
    ULONG_PTR SpinCount;              ///< on several processors: tries before a thread waits
};
using PRTL_CRITICAL_SECTION = RTL_CRITICAL_SECTION*;
PUBLIC_SIZE(RTL_CRITICAL_SECTION, 24);

extern "C" {
/// Makes a section, which nobody owns. @returns STATUS_SUCCESS
NTKERNELAPI NTSTATUS NTAPI RtlInitializeCriticalSection(PRTL_CRITICAL_SECTION CriticalSection);
NTKERNELAPI NTSTATUS NTAPI RtlInitializeCriticalSectionAndSpinCount(PRTL_CRITICAL_SECTION CriticalSection,
                                                                    ULONG SpinCount);
/// @returns the count before; one processor: 0 stays
NTKERNELAPI ULONG NTAPI RtlSetCriticalSectionSpinCount(PRTL_CRITICAL_SECTION CriticalSection, ULONG SpinCount);
/// Takes a section, once more if the caller has it. Raises what NtCreateEvent says, if there is no memory to wait. @returns STATUS_SUCCESS
NTKERNELAPI NTSTATUS NTAPI RtlEnterCriticalSection(PRTL_CRITICAL_SECTION CriticalSection);
/// @returns whether the caller has it now
NTKERNELAPI BOOLEAN NTAPI RtlTryEnterCriticalSection(PRTL_CRITICAL_SECTION CriticalSection);
/// Gives it back. @returns STATUS_SUCCESS; STATUS_MUTANT_NOT_OWNED: another thread has it, or none
NTKERNELAPI NTSTATUS NTAPI RtlLeaveCriticalSection(PRTL_CRITICAL_SECTION CriticalSection);
/// Ends a section that nobody uses any more. @returns STATUS_SUCCESS
NTKERNELAPI NTSTATUS NTAPI RtlDeleteCriticalSection(PRTL_CRITICAL_SECTION CriticalSection);
}
