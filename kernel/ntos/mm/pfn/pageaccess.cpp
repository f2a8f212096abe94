// Pages and the PTEs in them by the page's number, through the direct map of memory.
#include "mm/pfn/pageaccess.h"
#include "mm.h"
#include "mm/writer/pagefile.h"
#include "rtl/string.h"

namespace {

PVOID AddressOf(PFN_NUMBER frame) { return reinterpret_cast<PVOID>(MM_SYSTEM_RANGE_START + frame * PAGE_SIZE); }

volatile ULONG* PteInFrame(PFN_NUMBER pteFrame, const MMPTE* pte) {
    const ULONG_PTR offset = reinterpret_cast<ULONG_PTR>(pte) & (PAGE_SIZE - 1);
    return reinterpret_cast<volatile ULONG*>(static_cast<UCHAR*>(AddressOf(pteFrame)) + offset);
}

} // namespace

MMPTE MiReadPteInFrame(PFN_NUMBER pteFrame, const MMPTE* pte) { return {.Long = *PteInFrame(pteFrame, pte)}; }

void MiWritePteInFrame(PFN_NUMBER pteFrame, const MMPTE* pte, MMPTE value) { *PteInFrame(pteFrame, pte) = value.Long; }

PFN_NUMBER MiFrameOfPte(const MMPTE* pte) {
    return PFN_NUMBER(MmGetPhysicalAddress(const_cast<MMPTE*>(pte)).QuadPart / PAGE_SIZE);
}

void MiZeroPhysicalPage(PFN_NUMBER frame) { RtlZeroMemory(AddressOf(frame), PAGE_SIZE); }

void MiReleasePageOfPageFile(MMPTE original) {
    MiReleasePageFileSpace(
        {.PageFileNumber = original.Soft.PageFileLow, .Page = original.Soft.PageFileHigh, .Pages = 1});
}
