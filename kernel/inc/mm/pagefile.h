// Page files: where pages go that have no other place than memory.
//
// A page file lies on a backing: a paging device, later also a file. There are up to MM_MAXIMUM_PAGING_FILES.
// In the books: "page files", "commit charge and the system commit limit". PFN-15
#pragma once

#include "mm/backing.h"

constexpr ULONG MM_MAXIMUM_PAGING_FILES = 16;           ///< a software PTE has four bits for the number of the file
constexpr PFN_NUMBER MM_LARGEST_PAGING_FILE = 1u << 20; ///< pages: a software PTE has 20 bits for the page

extern "C" {
/// Makes a page file on a backing. Its page 0 is not used for pages: a device has its label there, and a software PTE with
/// file 0, page 0 means a page of zeros.
/// @param Minimum pages that it has at once, @param Maximum to which it may grow; both at most MM_LARGEST_PAGING_FILE
/// @param PageFileNumber receives its number, unless nullptr
/// @returns STATUS_SUCCESS; STATUS_TOO_MANY_PAGING_FILES; STATUS_INSUFFICIENT_RESOURCES; STATUS_INVALID_PARAMETER: fewer
/// than 2 pages, more than the maximum, or more than the backing has. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI MmCreatePagingFile(MM_BACKING* Backing, PFN_NUMBER Minimum, PFN_NUMBER Maximum,
                                              ULONG* PageFileNumber);
/// A driver offers a device for paging: all of it becomes a page file. @param Backing stays in use for ever.
/// @returns as MmCreatePagingFile. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI MmRegisterPagingDevice(MM_BACKING* Backing);

/// The backing of a page file; nullptr if there is none of that number. @irql any
NTKERNELAPI MM_BACKING* NTAPI MmQueryPagingFile(ULONG PageFileNumber);

NTKERNELAPI extern volatile ULONG MmNumberOfPagingFiles;
NTKERNELAPI extern volatile PFN_NUMBER MmTotalPageFileSpace;     ///< pages of all page files, used or not
NTKERNELAPI extern volatile PFN_NUMBER MmTotalFreePageFileSpace; ///< of these, free
}
