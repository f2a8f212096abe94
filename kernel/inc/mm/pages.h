// Whether an address is mapped: the one question about memory that everybody may ask, floors below mm included.
//
// In the books: "virtual address translation". MEM-01
#pragma once

#include "nt/types.h"

extern "C" {
/// @returns whether reading the address would not fault. @irql any
NTKERNELAPI BOOLEAN NTAPI MmIsAddressValid(const volatile void* VirtualAddress);
}
