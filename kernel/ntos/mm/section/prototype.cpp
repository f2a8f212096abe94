// Prototype PTEs: finding the one of a page, the forms that lead to one, and where a page lies in its file.
//
//     page 7 of a segment          subsection 0: pages 0..4     its prototype PTEs 0..4
//         |                        subsection 1: pages 5..9     its prototype PTEs 0..4
//         '----------------------> 7 - 5 = 2  ----------------> SubsectionBase + 2
//
// A form that holds an address holds the distance from the non-paged pool's start, where prototype PTEs and subsections lie.
// Locks: none, what is read here is constant while a user keeps the segment. In the books: "prototype PTEs". POL-08
#include "mm/pfn/pageaccess.h"
#include "mm/section/segment.h"
#include "nt/assert.h"

namespace {

constexpr ULONG SUBSECTION_UNIT = 8, PROTOTYPE_UNIT = sizeof(MMPTE); ///< what their addresses are multiples of

/// Distance from the pool's start, in units.
ULONG Distance(const void* address, ULONG unit) {
    const ULONG_PTR bytes = reinterpret_cast<ULONG_PTR>(address) - MmNonPagedPoolStart;
    NT_ASSERT(bytes % unit == 0 && bytes < MI_FARTHEST_SUBSECTION);
    return ULONG(bytes / unit);
}

PVOID AddressAt(ULONG distance, ULONG unit) {
    return reinterpret_cast<PVOID>(MmNonPagedPoolStart + ULONG_PTR(distance) * unit);
}

} // namespace

MMPTE MiMakeSubsectionPte(const SUBSECTION* subsection, ULONG protection) {
    const ULONG distance = Distance(subsection, SUBSECTION_UNIT);
    MMPTE pte = {};
    pte.Subsect = {.SubsectionAddressLow = distance & 0xF,
                   .Protection = protection,
                   .Prototype = 1,
                   .SubsectionAddressHigh = distance >> 4};
    return pte;
}

SUBSECTION* MiSubsectionOfPte(MMPTE pte) {
    NT_ASSERT(MiPteKind(pte) == MI_PTE_KIND::Prototype);
    const ULONG distance = pte.Subsect.SubsectionAddressHigh << 4 | pte.Subsect.SubsectionAddressLow;
    return static_cast<SUBSECTION*>(AddressAt(distance, SUBSECTION_UNIT));
}

void MiForgetPageOfSection(MMPTE original) {
    if (MiPteKind(original) != MI_PTE_KIND::Prototype) return; // of the page file, or zeros
    CONTROL_AREA* const area = MiSubsectionOfPte(original)->ControlArea;
    NT_ASSERT(area->NumberOfPfnReferences != 0);
    area->NumberOfPfnReferences--;
}

MMPTE MiMakeProtoPte(const MMPTE* prototype) {
    const ULONG distance = Distance(prototype, PROTOTYPE_UNIT);
    MMPTE pte = {};
    pte.Proto = {.ProtoAddressLow = distance & 0x7F, .Prototype = 1, .ProtoAddressHigh = distance >> 7};
    NT_ASSERT(!MiIsLookupPte(pte));
    return pte;
}

MMPTE* MiPrototypeOfPte(MMPTE pte) {
    NT_ASSERT(MiPteKind(pte) == MI_PTE_KIND::Prototype);
    if (MiIsLookupPte(pte)) return nullptr;
    const ULONG distance = pte.Proto.ProtoAddressHigh << 7 | pte.Proto.ProtoAddressLow;
    return static_cast<MMPTE*>(AddressAt(distance, PROTOTYPE_UNIT));
}

SUBSECTION* MiLocateSubsection(const CONTROL_AREA* area, ULONG page) {
    SUBSECTION* subsection = area->FirstSubsection;
    while (subsection && page - subsection->StartingPage >= subsection->PtesInSubsection)
        subsection = __atomic_load_n(&subsection->NextSubsection, __ATOMIC_ACQUIRE); // MmExtendSection may add one
    return subsection;
}

MMPTE* MiLocatePrototype(const CONTROL_AREA* area, ULONG page) {
    const SUBSECTION* const subsection = MiLocateSubsection(area, page);
    return subsection ? subsection->SubsectionBase + (page - subsection->StartingPage) : nullptr;
}

MI_PAGE_SOURCE MiSourceOfPrototype(const SUBSECTION* subsection, const MMPTE* prototype) {
    const auto page = ULONG(prototype - subsection->SubsectionBase);
    NT_ASSERT(page < subsection->PtesInSubsection);
    const ULONGLONG within = ULONGLONG(page) * PAGE_SIZE;
    const ULONGLONG left = MiBytesOfSubsection(subsection) - within;
    NT_ASSERT(within < MiBytesOfSubsection(subsection));
    return {.File = subsection->ControlArea->FilePointer,
            .Offset = ULONGLONG(subsection->StartingSector) * MM_SECTOR_SIZE + within,
            .Bytes = left < PAGE_SIZE ? ULONG(left) : ULONG(PAGE_SIZE)};
}
