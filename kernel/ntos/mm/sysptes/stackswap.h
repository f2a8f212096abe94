// Private to mm: what the swapper asks of the memory manager.
//
// In the books: "balance set manager and swapper", "kernel stacks". SYS-15, PFN-17
#pragma once

#include "ke/swap.h"

/// The start context of the swapper.
extern const KSWAP_CALLS MiSwapCalls;
/// Lets the pages of a kernel stack leave memory: their entries get the transition form, and they go to the modified list, from there
/// to a page file. Pre: no processor uses the stack until MmInPageKernelStack has returned. @irql PASSIVE_LEVEL
void NTAPI MmOutPageKernelStack(PKTHREAD Thread);
/// Brings them back: from the modified or the standby list, or from a page file. Waits for a page as a fault does, and for the read.
/// A stack that cannot be read stops the system: KERNEL_STACK_INPAGE_ERROR. @irql PASSIVE_LEVEL, on another stack
void NTAPI MmInPageKernelStack(PKTHREAD Thread);
/// Takes all pages of a process's working set away. @irql PASSIVE_LEVEL
void NTAPI MmOutSwapProcess(PKPROCESS Process);
