// Pages and the PTEs in them by the page's number, through a mapping slot.
#include "mm/pfn/pageaccess.h"
#include "ke.h"
#include "mm.h"
#include "mm/slots.h"
#include "mm/writer/pagefile.h"
#include "rtl/string.h"

namespace {

/// Whether a PTE has its address in all processes: a prototype PTE, in non-paged pool. The address of a page table's leads in each process
/// to its own.
bool IsMappedEverywhere(const MMPTE* pte) {
    const auto address = reinterpret_cast<ULONG_PTR>(pte);
    return address >= MM_SYSTEM_RANGE_START && address - MM_PTE_BASE >= MM_HYPERSPACE - MM_PTE_BASE;
}

volatile ULONG* PteIn(const nt::MappedPage& page, const MMPTE* pte) {
    return page.As<volatile ULONG>() + reinterpret_cast<ULONG_PTR>(pte) % PAGE_SIZE / sizeof(MMPTE);
}

} // namespace

MMPTE MiReadPteInFrame(PFN_NUMBER pteFrame, const MMPTE* pte) {
    if (IsMappedEverywhere(pte)) return {.Long = *reinterpret_cast<const volatile ULONG*>(pte)};
    const nt::MappedPage page(pteFrame);
    return {.Long = *PteIn(page, pte)};
}

void MiWritePteInFrame(PFN_NUMBER pteFrame, const MMPTE* pte, MMPTE value) {
    if (IsMappedEverywhere(pte)) {
        *reinterpret_cast<volatile ULONG*>(const_cast<MMPTE*>(pte)) = value.Long;
        return;
    }
    const nt::MappedPage page(pteFrame);
    *PteIn(page, pte) = value.Long;
}

PFN_NUMBER MiFrameOfPte(const MMPTE* pte) {
    const auto address = reinterpret_cast<ULONG_PTR>(pte);
    // A page table: the directory's entry of it, which is where its own mapping is.
    if (address >= MM_PTE_BASE && address < MM_HYPERSPACE) return MiGetPteAddress(pte)->Hard.PageFrameNumber;
    return PFN_NUMBER(MmGetPhysicalAddress(const_cast<MMPTE*>(pte)).QuadPart / PAGE_SIZE);
}

void MiZeroPhysicalPage(PFN_NUMBER frame) {
    const nt::DispatchLevelGuard irql;
    const nt::MappedPage page(frame);
    KeZeroPage(page.As<UCHAR>());
}

void MiZeroEndOfPage(PFN_NUMBER frame, ULONG from) {
    if (from >= PAGE_SIZE) return;
    const nt::DispatchLevelGuard irql;
    const nt::MappedPage page(frame);
    RtlZeroMemory(page.As<UCHAR>() + from, PAGE_SIZE - from);
}

void MiCopyPhysicalPage(PFN_NUMBER to, PFN_NUMBER from) {
    const nt::DispatchLevelGuard irql;
    const nt::MappedPage target(to), source(from);
    KeCopyPage(target.As<UCHAR>(), source.As<UCHAR>());
}

void MiReleasePageOfPageFile(MMPTE original) {
    MiReleasePageFileSpace(
        {.PageFileNumber = original.Soft.PageFileLow, .Page = original.Soft.PageFileHigh, .Pages = 1});
}
