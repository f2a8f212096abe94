// The page that the kernel shares with user mode, as a range that every process has and none has in its tree.
//
// The page has a prototype PTE, so it comes into a working set and leaves it like a page of a section: the first use of a process is a
// fault that takes a share of it. The kernel's own mapping keeps the page where it is.
//
//     a process's entry of 7FFE0000 --> MmSharedUserDataPte --> KiSharedUserData <-- the entry of FFDF0000: writable
//
// Locks: none, constant after phase 0. IRQL: any. In the books: "shared user data". MEM-02, MEM-03
#include "ke/shareddata.h"
#include "mm/mi.h"
#include "mm/section/shareddata.h"
#include "mm/vad/pagestate.h"

namespace {

constexpr ULONG SHARED_VPN = MM_SHARED_USER_DATA >> PAGE_SHIFT;

MMPTE MmSharedUserDataPte;
MMVAD Range;

} // namespace

void MiMapSharedUserData() {
    static_assert(MM_KERNEL_SHARED_DATA == KI_USER_SHARED_DATA);
    const MMPTE own = *MiGetPteAddress(&KiSharedUserData);
    MmSharedUserDataPte = own;
    MiGetPteAddress(SharedUserData)->Long = MiKernelPte(own.Hard.PageFrameNumber).Long;
    Range.Node.StartingVpn = Range.Node.EndingVpn = SHARED_VPN;
    Range.Flags.Protection = MM_READONLY;
    Range.Flags.NoChange = 1;
    Range.FirstPrototypePte = Range.LastContiguousPte = &MmSharedUserDataPte;
    SharedUserData->NumberOfPhysicalPages = MmNumberOfPhysicalPages;
}

MMVAD* MiSharedUserDataRange(ULONG vpn) { return vpn == SHARED_VPN ? &Range : nullptr; }

void MiUnmapSharedUserData(MM_ADDRESS_SPACE& space, MI_PAGE_TABLE& table) {
    MI_SPACE_GUARD guard(space);
    MiDeletePages(table, MiPagesOf(&Range), MI_ZERO_PTE);
    table.FreeTables(SHARED_VPN, SHARED_VPN);
}
