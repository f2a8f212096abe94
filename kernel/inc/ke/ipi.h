// One processor and all the others: calls on every processor, flushed translations, a system that stands still.
//
// In the books: "interprocessor interrupts", "translation look-aside buffer: flushing on multiprocessor systems",
// "crash dump analysis". INT-01, MEM-04, TRP-09
#pragma once

#include "nt/types.h"

/// @irql IPI_LEVEL, on every processor at the same time: no lock may be waited for, nothing may be printed
using KIPI_BROADCAST_WORKER = ULONG_PTR NTAPI(ULONG_PTR Argument);
using PKIPI_BROADCAST_WORKER = KIPI_BROADCAST_WORKER*;

/// Values of KPRCB::IpiFrozen.
enum KI_FROZEN : LONG { RUNNING = 0, TARGET_FROZEN = 1, FREEZE_OWNER = 2, FREEZE_WANTED = 3 };

extern "C" {
/// Interrupts every processor; when all have come, all call `BroadcastFunction(Context)` at once. Returns when all have
/// returned. @returns what the call on this processor returned. @irql < IPI_LEVEL, interrupts on
NTKERNELAPI ULONG_PTR NTAPI KeIpiGenericCall(PKIPI_BROADCAST_WORKER BroadcastFunction, ULONG_PTR Context);

/// Forgets a page's translation, on this processor or on all that may know it: for a page of the user half, those that run
/// the current thread's process. The entry was changed before. @irql < IPI_LEVEL
NTKERNELAPI void NTAPI KeFlushSingleTb(PVOID Virtual, BOOLEAN AllProcessors);
/// Forgets all translations. @param Invalid TRUE: global pages' too. @irql < IPI_LEVEL
NTKERNELAPI void NTAPI KeFlushEntireTb(BOOLEAN Invalid, BOOLEAN AllProcessors);

/// Makes the other processors stand still, with interrupts off and their registers in KPRCB::ProcessorState. One that
/// does not come within 10 ms (its interrupts are off) is left alone, and its IpiFrozen is not TARGET_FROZEN. Nests.
/// @irql HIGH_LEVEL, until KeThawExecution
NTKERNELAPI void NTAPI KeFreezeExecution();
/// Lets them go on.
NTKERNELAPI void NTAPI KeThawExecution();
}
