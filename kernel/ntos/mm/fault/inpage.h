// A page that is being read, and the threads that wait for it.
//
// The thread that reads makes the block and puts it into the page (MMPFN::u1.Event, while ReadInProgress). Each thread that needs
// the page meanwhile joins and waits for the same read. The block lives as long as one of them knows it.
//
//     MMPFN (ReadInProgress) --u1.Event--> MI_IN_PAGE --Event--> the thread that reads, and those that collided with it
//
// Lock: MmPfnLock. In the books: "collided page faults". MEM-05, PFN-04, ERR-10
#pragma once

#include "mm/fault/fault.h"

/// A read that runs, or has just ended.
struct MI_IN_PAGE {
    KEVENT Event;  ///< notification: the read has ended
    ULONG Threads; ///< that know the block, and a transfer that does
    NTSTATUS Status;
    const MMPTE* Pte; ///< of several pages, whose Status it is; nullptr: it is that of all
};

/// @param size of the reader's own structure, which begins with the block. The rest of it is zeros.
/// @returns a block that the calling thread knows; nullptr: memory is short.
MI_IN_PAGE* MiAllocateInPage(SIZE_T size = sizeof(MI_IN_PAGE));
/// The read has ended: all threads that wait go on.
void MiEndInPage(MI_IN_PAGE* read, NTSTATUS status) REQUIRES_PFN_LOCK;
/// The calling thread knows the block no longer. @irql <= DISPATCH_LEVEL
void MiReleaseInPage(MI_IN_PAGE* read);
/// Releases the mutex, waits for the end of the read, and acquires the mutex again. The block stays known to the caller.
NTSTATUS MiAwaitInPage(MMSUPPORT* workingSet, MI_IN_PAGE* read);
