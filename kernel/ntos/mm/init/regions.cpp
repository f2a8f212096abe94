// The variables of the layout, and the table of regions that tools and the monitor draw. MEM-01, MEM-02
#include "ldr.h"
#include "mm/init/layout.h"
#include "nt/array.h"
#include "nt/list.h"

extern "C" {
PVOID MmHighestUserAddress = reinterpret_cast<PVOID>(MM_HIGHEST_USER_ADDRESS);
PVOID MmSystemRangeStart = reinterpret_cast<PVOID>(MM_SYSTEM_RANGE_START);
ULONG_PTR MmUserProbeAddress = MM_USER_PROBE_ADDRESS;
ULONG_PTR MmNonPagedPoolStart, MmNonPagedPoolExpansionStart, MmNonPagedPoolEnd;
ULONG_PTR MmPagedPoolStart = MM_PAGED_POOL_START, MmPagedPoolEnd;
ULONG_PTR MmSystemPteStart = MM_SYSTEM_PTE_START, MmSystemPteEnd;
ULONG MmNumberOfPhysicalPages;
PFN_NUMBER MmHighestPhysicalPage;
MM_REGION MmRegions[MM_REGIONS];
}

namespace {

MI_LAYOUT Layout;

/// Memory that Mica can use at one time or another: all RAM that the firmware does not keep.
bool IsUsable(TYPE_OF_MEMORY type) { return type != LoaderBad && type != LoaderFirmwarePermanent; }

void CountMemory(const LOADER_PARAMETER_BLOCK& block) {
    MmNumberOfPhysicalPages = 0;
    MmHighestPhysicalPage = 0;
    const LIST_ENTRY* const head = &block.MemoryDescriptorListHead;
    for (const LIST_ENTRY* entry = head->Flink; entry != head; entry = entry->Flink) {
        const auto& run = *CONTAINING_RECORD(entry, const MEMORY_ALLOCATION_DESCRIPTOR, ListEntry);
        if (!IsUsable(run.MemoryType) || run.BasePage >= MM_PAGE_LIMIT) continue;
        const ULONG runEnd = run.BasePage + run.PageCount;
        const ULONG end = runEnd < MM_PAGE_LIMIT ? runEnd : ULONG(MM_PAGE_LIMIT);
        MmNumberOfPhysicalPages += end - run.BasePage;
        MmHighestPhysicalPage = end - 1;
    }
}

/// End of what the loader brought: its images, the boot stack, the loader block. Its page tables map no more.
ULONG_PTR EndOfLoaderMemory(const LOADER_PARAMETER_BLOCK& block) { return LDR_SYSTEM_SPACE + block.SystemMapSize; }

void FillTable(const LOADER_PARAMETER_BLOCK& block) {
    const MM_REGION rows[] = {
        {"no access", 0, MM_LOWEST_USER_ADDRESS - 1},
        {"user space", MM_LOWEST_USER_ADDRESS, MM_SHARED_USER_DATA - 1},
        {"shared user data", MM_SHARED_USER_DATA, MM_SHARED_USER_DATA + PAGE_SIZE - 1},
        {"no access", MM_USER_PROBE_ADDRESS, MM_SYSTEM_RANGE_START - 1},
        {"kernel, HAL, boot drivers", MM_SYSTEM_RANGE_START, EndOfLoaderMemory(block) - 1},
        {"page frame database", MM_PFN_DATABASE, Layout.PfnDatabaseEnd - 1},
        {"non-paged pool", MmNonPagedPoolStart, MmNonPagedPoolExpansionStart - 1},
        {"non-paged pool, expansion", MmNonPagedPoolExpansionStart, MmNonPagedPoolEnd - 1},
        {"system views", MM_SYSTEM_VIEW_START, MM_PTE_BASE - 1},
        {"page tables", MM_PTE_BASE, MM_HYPERSPACE - 1},
        {"hyperspace", MM_HYPERSPACE, MM_HYPERSPACE_END},
        {"system working set list", MM_SYSTEM_WORKING_SET_LIST, MM_SYSTEM_CACHE_START - 1},
        {"system cache", MM_SYSTEM_CACHE_START, MM_PAGED_POOL_START - 1},
        {"paged pool", MmPagedPoolStart, MmPagedPoolEnd},
        {"system PTEs", MmSystemPteStart, MmSystemPteEnd},
        {"HAL", MM_HAL_START, MM_MAPPING_SLOTS - 1},
        {"mapping slots", MM_MAPPING_SLOTS, MM_KERNEL_SHARED_DATA - 1},
        {"shared user data, writable", MM_KERNEL_SHARED_DATA, MM_KERNEL_SHARED_DATA + PAGE_SIZE - 1},
    };
    static_assert(sizeof(rows) == sizeof(MmRegions));
    for (ULONG i = 0; i < MM_REGIONS; i++)
        MmRegions[i] = rows[i];
}

} // namespace

const MI_LAYOUT& MiInitializeLayout(const LOADER_PARAMETER_BLOCK& block) {
    CountMemory(block);
    Layout = MiComputeLayout(MmNumberOfPhysicalPages, MmHighestPhysicalPage);
    MmNonPagedPoolStart = Layout.NonPagedPoolStart;
    MmNonPagedPoolExpansionStart = Layout.NonPagedPoolExpansionStart;
    MmNonPagedPoolEnd = Layout.NonPagedPoolEnd;
    MmPagedPoolEnd = Layout.PagedPoolEnd - 1;
    MmSystemPteEnd = Layout.SystemPteEnd - 1;
    FillTable(block);
    return Layout;
}

extern "C" const MM_REGION* NTAPI MmQueryRegions(ULONG* Count) {
    *Count = MM_REGIONS;
    return MmRegions;
}
