// What floors below mm ask of memory too: whether an address is mapped, and device registers mapped for the HAL.
//
// In the books: "virtual address translation". MEM-01
#pragma once

#include "ke/dispatcher.h"
#include "nt/types.h"
#include "ntstatus.h"

/// How the processor's caches treat a mapping (documented values). Without page attributes the processor knows two kinds:
/// what is not MmCached is not cached.
enum class MEMORY_CACHING_TYPE : LONG { MmNonCached = 0, MmCached = 1, MmWriteCombined = 2 };
inline constexpr MEMORY_CACHING_TYPE MmNonCached = MEMORY_CACHING_TYPE::MmNonCached;
inline constexpr MEMORY_CACHING_TYPE MmCached = MEMORY_CACHING_TYPE::MmCached;
inline constexpr MEMORY_CACHING_TYPE MmWriteCombined = MEMORY_CACHING_TYPE::MmWriteCombined;

extern "C" {
/// @returns whether reading the address would not fault. @irql any
NTKERNELAPI BOOLEAN NTAPI MmIsAddressValid(const volatile void* VirtualAddress);
/// Maps device registers or a device's memory. @param CacheType whether the processor's caches may hold it; only
/// MmCached lets them. @returns the virtual address; nullptr if there is no room, NumberOfBytes is 0 or the range goes
/// beyond 4 GB. @irql <= DISPATCH_LEVEL
NTKERNELAPI PVOID NTAPI MmMapIoSpace(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes,
                                     MEMORY_CACHING_TYPE CacheType);
/// Copies the system's entry for an address into the current page directory, if it is missing there. @returns whether a use of the
/// address that faulted can be tried again; FALSE for what no directories share. @irql any
NTKERNELAPI BOOLEAN NTAPI MmLoadSystemPde(ULONG_PTR Address);
/// Resolves a page fault, or tells why not. @param FaultStatus 0 a read, else a write. @param TrapInformation the KTRAP_FRAME.
/// @returns a success: repeat the instruction. STATUS_ACCESS_VIOLATION, STATUS_GUARD_PAGE_VIOLATION, STATUS_STACK_OVERFLOW:
/// the exception that the thread gets; any other error is why the page could not be read (STATUS_IN_PAGE_ERROR). A fault at
/// DISPATCH_LEVEL or above, and one of the kernel in system space, stops the system. @irql any
NTKERNELAPI NTSTATUS NTAPI MmAccessFault(ULONG_PTR FaultStatus, PVOID VirtualAddress, KPROCESSOR_MODE PreviousMode,
                                         PVOID TrapInformation);
/// Maps the first 4 MB where they are (TRUE), for a processor that switches paging on there, or ends that.
/// @irql PASSIVE_LEVEL, phase 1
NTKERNELAPI void NTAPI MmMapLowMemory(BOOLEAN Map);
/// Ends a mapping of MmMapIoSpace. @param NumberOfBytes as it was given there. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI MmUnmapIoSpace(PVOID BaseAddress, SIZE_T NumberOfBytes);
}
