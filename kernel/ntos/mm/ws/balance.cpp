// The working set manager on real memory: ages and trims all working sets by what the page frame number database says.
//
// Memory is short while fewer pages are available than MiMemoryThresholds.Low.
// In the books: "balance set manager", "working set manager". PFN-14, SYS-14
#include "mm/faults.h"
#include "mm/pfn/pfn.h"
#include "mm/ws/trim.h"

namespace {

MM_MEMORY_STATE MemoryState() {
    return {.Available = ULONG(MmAvailablePages), .Wanted = ULONG(MiMemoryThresholds.Low)};
}

} // namespace

ULONG NTAPI MmWorkingSetManager(BOOLEAN Age) { return MiManageWorkingSets(Age, MemoryState); }
