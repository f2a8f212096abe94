// Memory for devices that want pages in a row, or that the processor's caches do not hold.
//
// The pages are the system's own until they are freed: they never leave memory.
// In the books: "contiguous memory", "device drivers: common buffers". HAL-04
#pragma once

#include "mm/pages.h"

extern "C" {
/// Pages that are in a row in memory, mapped. @param HighestAcceptableAddress of the last byte. @returns the address, on a page
/// boundary; nullptr. The contents are anything. @irql <= DISPATCH_LEVEL
NTKERNELAPI PVOID NTAPI MmAllocateContiguousMemory(SIZE_T NumberOfBytes, PHYSICAL_ADDRESS HighestAcceptableAddress);
/// The same with more conditions. @param BoundaryAddressMultiple the memory crosses no multiple of it (a power of two); 0: it may
NTKERNELAPI PVOID NTAPI MmAllocateContiguousMemorySpecifyCache(SIZE_T NumberOfBytes,
                                                               PHYSICAL_ADDRESS LowestAcceptableAddress,
                                                               PHYSICAL_ADDRESS HighestAcceptableAddress,
                                                               PHYSICAL_ADDRESS BoundaryAddressMultiple,
                                                               MEMORY_CACHING_TYPE CacheType);
/// Gives it back. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI MmFreeContiguousMemory(PVOID BaseAddress);
NTKERNELAPI void NTAPI MmFreeContiguousMemorySpecifyCache(PVOID BaseAddress, SIZE_T NumberOfBytes,
                                                          MEMORY_CACHING_TYPE CacheType);
/// Memory that is not cached, in whole pages. @returns the address; nullptr. @irql <= APC_LEVEL
NTKERNELAPI PVOID NTAPI MmAllocateNonCachedMemory(SIZE_T NumberOfBytes);
NTKERNELAPI void NTAPI MmFreeNonCachedMemory(PVOID BaseAddress, SIZE_T NumberOfBytes);
}
