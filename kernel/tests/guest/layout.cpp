// Where system space lies, as the running kernel tells it.
// machine: memory=16
// machine: memory=64
// machine: memory=1024
#include "mm/layout.h"
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

// MEM-02
GUEST_TEST(TheTableAndTheVariablesAgree) {
    const MM_REGION* const pool = Find("non-paged pool");
    const MM_REGION* const entries = Find("system PTEs");
    GUEST_TRUE(pool != nullptr && entries != nullptr);
    GUEST_EQUAL(MmNonPagedPoolStart, pool->Start);
    GUEST_EQUAL(MmNonPagedPoolExpansionStart - 1, pool->End);
    GUEST_EQUAL(MmSystemPteStart, entries->Start);
    GUEST_EQUAL(MmSystemPteEnd, entries->End);
    GUEST_TRUE(MmHighestPhysicalPage + 1 >= MmNumberOfPhysicalPages);
    GUEST_TRUE(MmNumberOfPhysicalPages > 3900); // of 16 MB, the BIOS keeps less than 196 pages
}
