// An MDL's pages in system space, through system PTEs: an address for them that is valid in every process.
#include "ke/bugcheck.h"
#include "mm/mdl.h"
#include "mm/sysptes/systemspace.h"

namespace {

ULONG PagesOf(const MDL* mdl) { return ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(mdl), mdl->ByteCount); }

} // namespace

PVOID NTAPI MmMapLockedPagesSpecifyCache(PMDL Mdl, KPROCESSOR_MODE AccessMode, MEMORY_CACHING_TYPE CacheType,
                                         PVOID BaseAddress, ULONG BugCheckOnFailure, MM_PAGE_PRIORITY Priority) {
    NT_ASSERT(AccessMode == KernelMode && (Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) == 0);
    NT_ASSERT(Mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_PARTIAL | MDL_SOURCE_IS_NONPAGED_POOL));
    const PFN_NUMBER* const frames = MmGetMdlPfnArray(Mdl);
    PVOID const mapped = MiMapInSystemSpace(PagesOf(Mdl), CacheType, [frames](ULONG i) { return frames[i]; });
    if (!mapped) {
        if (BugCheckOnFailure && (Mdl->MdlFlags & MDL_MAPPING_CAN_FAIL) == 0)
            KeBugCheckEx(NO_MORE_SYSTEM_PTES, 0, PagesOf(Mdl), 0, 0);
        return nullptr;
    }
    Mdl->MappedSystemVa = static_cast<UCHAR*>(mapped) + Mdl->ByteOffset;
    Mdl->MdlFlags = SHORT(Mdl->MdlFlags | MDL_MAPPED_TO_SYSTEM_VA |
                          (Mdl->MdlFlags & MDL_PARTIAL ? MDL_PARTIAL_HAS_BEEN_MAPPED : 0));
    return Mdl->MappedSystemVa;
}

PVOID NTAPI MmMapLockedPages(PMDL Mdl, KPROCESSOR_MODE AccessMode) {
    return MmMapLockedPagesSpecifyCache(Mdl, AccessMode, MmCached, nullptr, TRUE, MM_PAGE_PRIORITY::HighPagePriority);
}

void NTAPI MmUnmapLockedPages(PVOID BaseAddress, PMDL Mdl) {
    NT_ASSERT((Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) && BaseAddress == Mdl->MappedSystemVa);
    MiUnmapInSystemSpace(BaseAddress, PagesOf(Mdl));
    Mdl->MdlFlags = SHORT(Mdl->MdlFlags & ~(MDL_MAPPED_TO_SYSTEM_VA | MDL_PARTIAL_HAS_BEEN_MAPPED));
}

void NTAPI MmBuildMdlForNonPagedPool(PMDL Mdl) {
    const ULONG pages = PagesOf(Mdl);
    auto* const start = static_cast<UCHAR*>(Mdl->StartVa);
    for (ULONG i = 0; i < pages; i++)
        MmGetMdlPfnArray(Mdl)[i] =
            PFN_NUMBER(ULONGLONG(MmGetPhysicalAddress(start + i * PAGE_SIZE).QuadPart) >> PAGE_SHIFT);
    Mdl->Process = nullptr;
    Mdl->MappedSystemVa = MmGetMdlVirtualAddress(Mdl);
    Mdl->MdlFlags = SHORT(Mdl->MdlFlags | MDL_SOURCE_IS_NONPAGED_POOL);
}
