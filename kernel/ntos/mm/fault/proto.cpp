// Pages of sections. There are no sections yet: an entry that leads to a prototype PTE is damaged.
#include "ke/bugcheck.h"
#include "mm/fault/fault.h"

namespace {

[[noreturn]] void Damaged(const MMPTE* pte) {
    KeBugCheckEx(MEMORY_MANAGEMENT, reinterpret_cast<ULONG_PTR>(pte), pte->Long, 0, 0);
}

} // namespace

NTSTATUS MiResolveProtoPteFault(MI_FAULT& fault) { Damaged(fault.Pte); }

bool MiTrimProtoPte(MMSUPPORT*, MMPTE* pte, ULONG) { Damaged(pte); }

void MiDeleteProtoPte(MMPTE* pte, MMPTE) { Damaged(pte); }

ULONG MiProtoPteProtection(MM_ADDRESS_SPACE&, const MMPTE* pte) { Damaged(pte); }

void MiSetProtoPteProtection(MM_ADDRESS_SPACE&, MMPTE* pte, ULONG) { Damaged(pte); }
