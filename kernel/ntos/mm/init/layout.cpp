// The layout of system space for an amount of memory. Contract: layout.h. MEM-01, MEM-02
#include "mm/init/layout.h"
#include "mm/pfn/pfn.h"
#include "nt/types.h"

namespace {

constexpr ULONG_PTR KB = 1024, MB = 1024 * KB;
constexpr ULONG_PTR TABLE_SPAN = 4 * MB; ///< what one page table maps
constexpr ULONG PAGES_PER_MB = ULONG(MB / PAGE_SIZE);

// Sizes of the pools as the books give them: an amount for the first 4 MB, and more for each further megabyte.
constexpr ULONG_PTR INITIAL_POOL = 256 * KB, INITIAL_POOL_PER_MB = 32 * KB, INITIAL_POOL_LIMIT = 32 * MB;
constexpr ULONG_PTR LARGEST_POOL = 1 * MB, LARGEST_POOL_PER_MB = 400 * KB, LARGEST_POOL_LIMIT = 256 * MB;
constexpr ULONG_PTR SMALLEST_PAGED_POOL = 48 * MB;
constexpr ULONG PFN_ENTRY = 24; ///< sizeof(MMPFN) where it counts; host tests may have wider pointers
static_assert(sizeof(PVOID) != 4 || sizeof(MMPFN) == PFN_ENTRY);
constexpr ULONG FREE_OF_POOL = 4; ///< megabytes

// Page tables of system PTEs exist from the start: eight, and one more for each two megabytes behind the first 16.
constexpr ULONG SYSTEM_PTE_TABLES = 8, SYSTEM_PTE_TABLE_MB = 2, SYSTEM_PTE_FIRST_MB = 16;

constexpr ULONG_PTR Smaller(ULONG_PTR a, ULONG_PTR b) { return a < b ? a : b; }
constexpr ULONG_PTR Larger(ULONG_PTR a, ULONG_PTR b) { return a > b ? a : b; }
constexpr ULONG_PTR Beyond(ULONG megabytes, ULONG first) { return megabytes > first ? megabytes - first : 0; }
constexpr ULONG_PTR RoundUp(ULONG_PTR size, ULONG_PTR unit) { return (size + unit - 1) / unit * unit; }

} // namespace

MI_LAYOUT MiComputeLayout(PFN_NUMBER pages, PFN_NUMBER highestPage) {
    const ULONG megabytes = ULONG((pages + PAGES_PER_MB - 1) / PAGES_PER_MB);
    const ULONG_PTR poolMegabytes = Beyond(megabytes, FREE_OF_POOL);
    const ULONG_PTR initial = Smaller(INITIAL_POOL + poolMegabytes * INITIAL_POOL_PER_MB, INITIAL_POOL_LIMIT);
    const ULONG_PTR largest = Smaller(LARGEST_POOL + poolMegabytes * LARGEST_POOL_PER_MB, LARGEST_POOL_LIMIT);
    const ULONG_PTR paged = Larger(SMALLEST_PAGED_POOL, RoundUp(2 * largest, TABLE_SPAN));
    const ULONG_PTR tables = SYSTEM_PTE_TABLES + Beyond(megabytes, SYSTEM_PTE_FIRST_MB) / SYSTEM_PTE_TABLE_MB;

    MI_LAYOUT layout{};
    layout.PfnDatabaseEnd = MM_PFN_DATABASE + RoundUp((ULONG_PTR(highestPage) + 1) * PFN_ENTRY, PAGE_SIZE);
    layout.NonPagedPoolStart = layout.PfnDatabaseEnd;
    layout.NonPagedPoolExpansionStart = layout.NonPagedPoolStart + initial;
    // It ends where a page table ends: the rest of the last table would serve nothing else.
    layout.NonPagedPoolEnd = RoundUp(layout.NonPagedPoolStart + largest, TABLE_SPAN);
    // Sizes are limited before they are added: an end beyond 4 GB would be a small number.
    layout.PagedPoolEnd = MM_PAGED_POOL_START + Smaller(paged, MM_SYSTEM_PTE_START - MM_PAGED_POOL_START);
    layout.SystemPteEnd = MM_SYSTEM_PTE_START + Smaller(tables * TABLE_SPAN, MM_HAL_START - MM_SYSTEM_PTE_START);
    return layout;
}
