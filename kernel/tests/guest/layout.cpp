// Where system space lies, as the running kernel tells it.
// machine: memory=8
// machine: memory=16
// machine: memory=64
// machine: memory=512
#include "etw.h"
#include "mm.h"
#include "rtl/string.h"

#include "guest_main.h"

namespace {

bool Starts(PCSTR text, PCSTR word) { return strncmp(text, word, strlen(word)) == 0; }

const MM_REGION* Find(PCSTR name) {
    ULONG count;
    const MM_REGION* const regions = MmQueryRegions(&count);
    for (ULONG i = 0; i < count; i++)
        if (Starts(regions[i].Name, name)) return &regions[i];
    return nullptr;
}

} // namespace

// MEM-02, MEM-08
GUEST_TEST(TheTableAndTheVariablesAgree) {
    const MM_REGION* const pool = Find("non-paged pool");
    const MM_REGION* const entries = Find("system PTEs");
    GUEST_TRUE(pool != nullptr && entries != nullptr);
    GUEST_EQUAL(MmNonPagedPoolStart, pool->Start);
    GUEST_EQUAL(MmNonPagedPoolExpansionStart - 1, pool->End);
    GUEST_EQUAL(MmSystemPteStart, entries->Start);
    GUEST_EQUAL(MmSystemPteEnd, entries->End);
    GUEST_TRUE(MmHighestPhysicalPage + 1 >= MmNumberOfPhysicalPages);
    GUEST_TRUE(MmNumberOfPhysicalPages > 1800); // of 8 MB, the BIOS keeps less than 200 pages
}

// MEM-01, MEM-02, MEM-08: also where an end that is computed with 32 bits could wrap
GUEST_TEST(RegionsAreInOrderAndDoNotMeet) {
    ULONG count, wrong = 0;
    const MM_REGION* const regions = MmQueryRegions(&count);
    GUEST_TRUE(count > 10);
    for (ULONG i = 0; i < count; i++) {
        wrong += regions[i].End < regions[i].Start;
        if (i + 1 < count) wrong += regions[i].End >= regions[i + 1].Start;
    }
    GUEST_EQUAL(0, wrong);
    GUEST_TRUE(MmSystemPteEnd > MmSystemPteStart && MmSystemPteEnd < MM_HAL_START);
    GUEST_TRUE(MmPagedPoolEnd > MmPagedPoolStart && MmPagedPoolEnd < MM_SYSTEM_PTE_START);
}

// MEM-02: whatever the machine has, up to 3.5 GB
GUEST_TEST(AlmostAllOfTheMemoryIsFree) {
    constexpr ULONG pagesPerMb = 256;
    const ULONG kept = MmNumberOfPhysicalPages - MmQueryFreePages();
    DbgPrint("  the kernel keeps %u KB of %u\n", kept * 4, MmNumberOfPhysicalPages * 4);
    if (MmNumberOfPhysicalPages <= 16 * pagesPerMb) GUEST_TRUE(kept <= 3 * pagesPerMb); // on four processors, too
    const ULONG ringPages = EtwRing[0].Size * sizeof(ETW_RECORD) / PAGE_SIZE; // each processor has a ring of events
    GUEST_TRUE(kept - ringPages * ULONG(KeNumberProcessors) < MmNumberOfPhysicalPages / 2);
}
