// Changing how committed pages may be used.
//
// A page without an entry gets one; so a change may need memory, for page tables. It gets it before it changes anything.
// Locks, IRQL: see services.h. In the books: "protecting memory". POL-06
#include "mm/protect.h"
#include "mm/section/views.h"
#include "mm/vad/pagestate.h"
#include "mm/vad/services.h"

NTSTATUS MiProtectVirtualMemory(MM_ADDRESS_SPACE& space, MI_PAGE_TABLE& table, ULONG_PTR* base, SIZE_T* size,
                                ULONG protect, ULONG* oldProtect) {
    const ULONG protection = MiMakeProtectionMask(protect);
    if (protection == MM_INVALID_PROTECTION) return STATUS_INVALID_PAGE_PROTECTION;
    if (*base >= MI_END_OF_USER) return STATUS_INVALID_PARAMETER_2;
    if (*size == 0 || *size > MI_END_OF_USER - *base) return STATUS_INVALID_PARAMETER_3;

    MI_SPACE_GUARD guard(space);
    const MI_PAGES pages = MiPagesOf(*base, *size);
    MMVAD* const vad = MiLocateVad(space, pages.First);
    if (!vad || vad->Node.EndingVpn < pages.Last) return STATUS_CONFLICTING_ADDRESSES;
    if (vad->Flags.NoChange) return STATUS_INVALID_PAGE_PROTECTION;
    if (!vad->Flags.PrivateMemory) {
        if (!vad->ControlArea) return STATUS_INVALID_PAGE_PROTECTION;
        ULONG old = 0;
        NT_TRY(MiProtectView(space, vad, table, pages, protection, &old));
        *oldProtect = MiPageProtection(old);
        *base = pages.Base();
        *size = pages.Bytes();
        return STATUS_SUCCESS;
    }
    // Private pages have no original that a copy could be made of.
    if (protect & (PAGE_WRITECOPY | PAGE_EXECUTE_WRITECOPY)) return STATUS_INVALID_PAGE_PROTECTION;

    if (MiCountCommitted(vad, table, pages) != pages.Count()) return STATUS_NOT_COMMITTED;
    if (!MiMakeTables(table, pages)) return STATUS_INSUFFICIENT_RESOURCES;
    *oldProtect = MiPageProtection(MiPageState(vad, table, pages.First).Protection);
    for (ULONG vpn = pages.First; vpn <= pages.Last; vpn++) {
        if (MiHoldsPage(table.Read(vpn)))
            table.Protect(vpn, protection);
        else
            table.Write(vpn, MiDemandZeroPte(protection)); // it speaks for itself, whatever the range says
    }
    *base = pages.Base();
    *size = pages.Bytes();
    return STATUS_SUCCESS;
}
