// The page frame number database at boot: what the loader's memory map says about each frame.
//
// Frames that the map does not name do not exist. The first megabyte stays the system's: firmware keeps tables there, and
// other processors start there.
// In the books: "page frame number database", "startup: memory manager phase 0". PFN-01, PFN-08, PFN-10
#include "ldr.h"
#include "mm/pfn/pfn.h"
#include "nt/list.h"

extern "C" {
constinit MMPFN* MmPfnDatabase = nullptr;
}
constinit PFN_NUMBER MiDatabasePages = 0;

namespace {

constexpr PFN_NUMBER FIRST_MEGABYTE_END = LDR_LOW_MEMORY / PAGE_SIZE;

/// Gives a frame of RAM its first state.
void InitializeRam(PFN_NUMBER frame, TYPE_OF_MEMORY type) REQUIRES_PFN_LOCK {
    MMPFN* const pfn = MiPfnElement(frame);
    NT_ASSERT(pfn->e1.Rom); // descriptors do not overlap
    pfn->e1.Rom = 0;
    MiDatabasePages++;
    if (type == LoaderBad) {
        pfn->e1.ParityError = 1;
        MiInsertPageInFreeList(frame);
    } else if ((type == LoaderFree || type == LoaderOsloaderHeap) && frame >= FIRST_MEGABYTE_END) {
        MiInsertPageInFreeList(frame);
    } else {
        MiInitializeSystemPfn(frame);
    }
}

} // namespace

void MiInitializePfnDatabase(const LOADER_PARAMETER_BLOCK* loaderBlock) {
    MiDatabasePages = 0;
    for (PFN_NUMBER frame = 0; frame <= MmHighestPhysicalPage; frame++) {
        MmPfnDatabase[frame] = {};
        MmPfnDatabase[frame].e1.Rom = 1;
    }
    for (const auto* entry = loaderBlock->MemoryDescriptorListHead.Flink;
         entry != &loaderBlock->MemoryDescriptorListHead; entry = entry->Flink) {
        const auto* const run = CONTAINING_RECORD(entry, const MEMORY_ALLOCATION_DESCRIPTOR, ListEntry);
        if (run->MemoryType == LoaderFirmwarePermanent) continue;
        for (ULONG i = 0; i < run->PageCount && run->BasePage + i <= MmHighestPhysicalPage; i++)
            InitializeRam(run->BasePage + i, run->MemoryType);
    }
}

void MiClaimFreePage(PFN_NUMBER frame) {
    MMPFN* const pfn = MiPfnElement(frame);
    NT_ASSERT(pfn->e1.PageLocation == FreePageList);
    MiUnlinkPageFromList(pfn);
    MiInitializeSystemPfn(frame);
}
