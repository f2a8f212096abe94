// PEB_LDR_DATA: the images of a process, for debuggers and for the loader of ntdll.dll, which keeps the lists.
//
// Each list has all images, in its own order, as LDR_DATA_TABLE_ENTRY (ldr.h). Offsets are the documented ones of NT 5.1.
// Locks: PEB::LoaderLock, in user mode. The kernel believes nothing of it. In the books: "image loader". BOO-01, PRC-04
#pragma once

#include "nt/list.h"
#include "nt/types.h"

/// The lists of a process's images.
struct PEB_LDR_DATA {
    ULONG Length;
    BOOLEAN Initialized;
    PVOID SsHandle;
    LIST_ENTRY InLoadOrderModuleList; ///< the program first
    LIST_ENTRY InMemoryOrderModuleList;
    LIST_ENTRY InInitializationOrderModuleList; ///< without the program: in the order of their DllMains
    PVOID EntryInProgress;
};
PUBLIC_SIZE(PEB_LDR_DATA, 40);
PUBLIC_OFFSET(PEB_LDR_DATA, InLoadOrderModuleList, 12);
