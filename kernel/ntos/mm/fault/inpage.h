// A page that is being read, and the threads that wait for it.
//
// The thread that reads makes the block and puts it into the page (MMPFN::u1.Event, while ReadInProgress). Each thread that needs
// the page meanwhile joins. The block lives as long as one of them knows it.
// Lock: MmPfnLock. In the books: "collided page faults". MEM-05
#pragma once

#include "mm/fault/fault.h"

/// A read that runs, or has just ended.
struct MI_IN_PAGE {
    KEVENT Event;  ///< notification: the read has ended
    ULONG Threads; ///< that know the block
    NTSTATUS Status;
};

/// @returns a block that the calling thread knows; nullptr: memory is short.
MI_IN_PAGE* MiAllocateInPage();
/// The read has ended: all threads that wait go on.
void MiEndInPage(MI_IN_PAGE* read, NTSTATUS status) REQUIRES_PFN_LOCK;
/// The calling thread knows the block no longer.
void MiReleaseInPage(MI_IN_PAGE* read);
