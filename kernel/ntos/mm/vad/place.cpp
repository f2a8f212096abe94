// Where a new range goes: to an address that is given, or to where there is room.
//
// Locks, IRQL: see services.h. In the books: "reserving and committing pages". POL-06
#include "mm/vad/pagestate.h"
#include "mm/vad/services.h"
#include "mm/virtual.h"

namespace {

constexpr ULONG GRANULARITY_PAGES = MM_ALLOCATION_GRANULARITY / PAGE_SIZE;

} // namespace

NTSTATUS MiChoosePages(const MM_ADDRESS_SPACE& space, ULONG_PTR base, ULONG_PTR zeroBits, SIZE_T size, ULONG type,
                       MI_PAGES* pages) {
    if (base != 0) {
        if (base < MM_LOWEST_USER_ADDRESS) return STATUS_INVALID_PARAMETER_2;
        *pages = MiPagesOf(base, size);
        pages->First &= ~(GRANULARITY_PAGES - 1);
        return MiCheckForConflictingNode(pages->First, pages->Last, &space.VadRoot) ? STATUS_CONFLICTING_ADDRESSES
                                                                                    : STATUS_SUCCESS;
    }
    const ULONG count = MiPagesOf(0, size).Count();
    ULONG highest = MI_MAXIMUM_VPN >> zeroBits;
    if (highest > MI_HIGHEST_USER_VPN) highest = MI_HIGHEST_USER_VPN;
    const auto find = type & MEM_TOP_DOWN ? MiFindEmptyAddressRangeDown : MiFindEmptyAddressRange;
    if (!find(&space.VadRoot, count, GRANULARITY_PAGES, MI_LOWEST_USER_VPN, highest, &pages->First))
        return STATUS_NO_MEMORY;
    pages->Last = pages->First + count - 1;
    return STATUS_SUCCESS;
}
