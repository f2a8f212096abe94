// Asking about an address: its range, and the run of pages of one state that begins there.
//
// Locks, IRQL: see services.h. In the books: "services provided by the memory manager". POL-06
#include "mm/protect.h"
#include "mm/vad/pagestate.h"
#include "mm/vad/services.h"
#include "mm/virtual.h"

namespace {

ULONG TypeOf(const MMVAD* vad) {
    if (vad->Flags.PrivateMemory) return MEM_PRIVATE;
    return vad->Flags.VadType == VadImageMap ? MEM_IMAGE : MEM_MAPPED;
}

/// The free pages from `vpn` on.
MI_PAGES FreePages(const MM_ADDRESS_SPACE& space, ULONG vpn) {
    const MMADDRESS_NODE* const next = MiCheckForConflictingNode(vpn, MI_HIGHEST_USER_VPN, &space.VadRoot);
    return {vpn, next ? next->StartingVpn - 1 : MI_HIGHEST_USER_VPN};
}

/// The pages of a range from `vpn` on that are in one state.
MI_PAGES PagesAlike(const MMVAD* vad, MI_PAGE_TABLE& table, ULONG vpn) {
    const MI_PAGE_STATE first = MiPageState(vad, table, vpn);
    MI_PAGES alike{vpn, vpn};
    MiVisitPages(vad, table, {vpn, vad->Node.EndingVpn}, [&](MI_PAGES run, MI_PAGE_STATE state) {
        if (state != first) return false;
        alike.Last = run.Last;
        return true;
    });
    return alike;
}

/// The page that the kernel shares with user mode, and the rest of its 64 KB: as if it were a range.
void TellSharedData(ULONG vpn, MEMORY_BASIC_INFORMATION* told) {
    constexpr ULONG shared = MM_SHARED_USER_DATA >> PAGE_SHIFT, last = MM_HIGHEST_USER_ADDRESS >> PAGE_SHIFT;
    told->AllocationBase = reinterpret_cast<PVOID>(MM_SHARED_USER_DATA);
    told->AllocationProtect = PAGE_READONLY;
    told->RegionSize = MI_PAGES{vpn, vpn == shared ? shared : last}.Bytes();
    told->State = vpn == shared ? MEM_COMMIT : MEM_RESERVE;
    told->Protect = vpn == shared ? PAGE_READONLY : 0;
    told->Type = MEM_PRIVATE;
}

} // namespace

NTSTATUS MiQueryVirtualMemory(MM_ADDRESS_SPACE& space, MI_PAGE_TABLE& table, ULONG_PTR address,
                              MEMORY_BASIC_INFORMATION* information) {
    if (address > MM_HIGHEST_USER_ADDRESS) return STATUS_INVALID_PARAMETER;
    const ULONG vpn = ULONG(address >> PAGE_SHIFT);
    MEMORY_BASIC_INFORMATION told{};
    told.BaseAddress = reinterpret_cast<PVOID>(ULONG_PTR(vpn) << PAGE_SHIFT);

    MI_SPACE_GUARD guard(space);
    if (address >= MM_SHARED_USER_DATA) {
        TellSharedData(vpn, &told);
    } else if (const MMVAD* const vad = MiLocateVad(space, vpn)) {
        const MI_PAGE_STATE state = MiPageState(vad, table, vpn);
        told.AllocationBase = reinterpret_cast<PVOID>(MiPagesOf(vad).Base());
        told.AllocationProtect = MiPageProtection(vad->Flags.Protection);
        told.RegionSize = PagesAlike(vad, table, vpn).Bytes();
        told.State = state.Committed ? MEM_COMMIT : MEM_RESERVE;
        told.Protect = MiPageProtection(state.Protection);
        told.Type = TypeOf(vad);
    } else {
        told.RegionSize = FreePages(space, vpn).Bytes();
        told.State = MEM_FREE;
        told.Protect = PAGE_NOACCESS;
    }
    *information = told;
    return STATUS_SUCCESS;
}
