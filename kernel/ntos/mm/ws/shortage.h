// Private to mm: what happens while memory is short.
//
// In the books: "balance set manager", "working set manager", "memory notification events". PFN-14, SYS-11, SYS-14
#pragma once

#include "mm/trimpolicy.h"

/// How much memory there is: pages that are being written, or can be, count as available. @irql <= DISPATCH_LEVEL
MM_MEMORY_STATE MiQueryMemoryState();
/// Waits until a fault may take a page again, and sees to it that pages are made available. A thread that holds a lock never calls it.
/// The system stops with NO_PAGES_AVAILABLE if none comes in 70 seconds. @irql <= APC_LEVEL
void MiWaitForAvailablePages();
/// The same for a caller that can do without. @returns false: no page has come in five seconds. @irql <= APC_LEVEL
bool MiTryToAwaitPages();
/// The events that the working set manager waits for. @irql PASSIVE_LEVEL, boot
void MiInitializeShortage();
/// The body of the working set manager.
void NTAPI MiWorkingSetManagerThread(PVOID startContext);
