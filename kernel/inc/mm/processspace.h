// The address space of a process, as the process manager makes it and ends it.
//
// In the books: "process address space", "flow of CreateProcess". MEM-06, KPR-03
#pragma once

#include "nt/types.h"

struct EPROCESS;

extern "C" {
/// Makes page directory, hyperspace and the first page of a working set list. @param DirectoryTableBase receives the physical
/// addresses of the first two (KPROCESS). @returns FALSE: memory is short. @irql PASSIVE_LEVEL
NTKERNELAPI BOOLEAN NTAPI MmCreateProcessAddressSpace(ULONG_PTR DirectoryTableBase[2]);
/// Makes an empty user's half and an empty working set. Pre: KeInitializeProcess. @irql PASSIVE_LEVEL
NTKERNELAPI void NTAPI MmInitializeProcessAddressSpace(EPROCESS* Process);
/// Deletes all ranges, their pages, and the working set. No other thread runs in the process any more. @irql PASSIVE_LEVEL
NTKERNELAPI void NTAPI MmCleanProcessAddressSpace(EPROCESS* Process);
/// Gives the rest back. Pre: MmCleanProcessAddressSpace; no thread is attached. @irql PASSIVE_LEVEL
NTKERNELAPI void NTAPI MmDeleteProcessAddressSpace(EPROCESS* Process);
/// Phase 1: working sets begin. The process in whose directory the system booted, the current one, gets its own; faults may
/// wait for memory from now on. @returns FALSE: memory is short. @irql PASSIVE_LEVEL
NTKERNELAPI BOOLEAN NTAPI MmInitSystemProcess(EPROCESS* Process);
}
