// Pages that are read from a page file. There is no page file yet: an entry that names one is damaged.
#include "ke/bugcheck.h"
#include "mm/fault/fault.h"

namespace {

[[noreturn]] void Damaged(const MMPTE* pte) {
    KeBugCheckEx(MEMORY_MANAGEMENT, reinterpret_cast<ULONG_PTR>(pte), pte ? pte->Long : 0, 0, 0);
}

} // namespace

NTSTATUS MiResolvePageFileFault(MI_FAULT& fault) { Damaged(fault.Pte); }

MI_IN_PAGE* MiJoinPageRead(MMPFN* pfn) { Damaged(pfn->PteAddress); }

NTSTATUS MiWaitForPageRead(MI_FAULT& fault, MI_IN_PAGE*) { Damaged(fault.Pte); }
