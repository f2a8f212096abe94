// What floors below mm ask of memory too: whether an address is mapped, and device registers mapped for the HAL.
//
// In the books: "virtual address translation". MEM-01
#pragma once

#include "nt/types.h"

extern "C" {
/// @returns whether reading the address would not fault. @irql any
NTKERNELAPI BOOLEAN NTAPI MmIsAddressValid(const volatile void* VirtualAddress);
/// Maps device registers. @returns the virtual address, nullptr if there is no room. @irql <= DISPATCH_LEVEL
NTKERNELAPI PVOID NTAPI MmMapIoSpace(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes);
}
