// MDLs as objects: their size, making and freeing them, parts of a buffer.
#include "mm/mdl.h"
#include "ex/pool.h"
#include "nt/assert.h"

constexpr ULONG MDL_TAG = EX_TAG("Mdl ");

SIZE_T NTAPI MmSizeOfMdl(PVOID Base, SIZE_T Length) {
    return sizeof(MDL) + ADDRESS_AND_SIZE_TO_SPAN_PAGES(Base, Length) * sizeof(PFN_NUMBER);
}

PMDL NTAPI MmCreateMdl(PMDL Mdl, PVOID Base, SIZE_T Length) {
    constexpr SIZE_T largest = 0x7FFF; // MDL::Size is a signed 16-bit number
    if (MmSizeOfMdl(Base, Length) > largest) return nullptr;
    if (!Mdl) Mdl = static_cast<PMDL>(ExAllocatePoolWithTag(NonPagedPool, MmSizeOfMdl(Base, Length), MDL_TAG));
    if (Mdl) MmInitializeMdl(Mdl, Base, Length);
    return Mdl;
}

PMDL NTAPI IoAllocateMdl(PVOID VirtualAddress, ULONG Length, BOOLEAN SecondaryBuffer, BOOLEAN ChargeQuota, PVOID Irp) {
    NT_ASSERT(!SecondaryBuffer && !ChargeQuota && !Irp);
    return MmCreateMdl(nullptr, VirtualAddress, Length);
}

void NTAPI IoFreeMdl(PMDL Mdl) {
    NT_ASSERT((Mdl->MdlFlags & MDL_PAGES_LOCKED) == 0);
    if (Mdl->MdlFlags & MDL_PARTIAL_HAS_BEEN_MAPPED) MmUnmapLockedPages(Mdl->MappedSystemVa, Mdl);
    ExFreePool(Mdl);
}

void NTAPI IoBuildPartialMdl(PMDL SourceMdl, PMDL TargetMdl, PVOID VirtualAddress, ULONG Length) {
    const auto* const start = static_cast<UCHAR*>(SourceMdl->StartVa);
    const ULONG offset = ULONG(static_cast<UCHAR*>(VirtualAddress) - start); // from the first page's begin
    NT_ASSERT(offset >= SourceMdl->ByteOffset && offset - SourceMdl->ByteOffset <= SourceMdl->ByteCount);
    if (Length == 0) Length = SourceMdl->ByteCount - (offset - SourceMdl->ByteOffset);
    const ULONG pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(VirtualAddress, Length);
    NT_ASSERT(TargetMdl->Size >= SHORT(sizeof(MDL) + pages * sizeof(PFN_NUMBER)));

    TargetMdl->Process = SourceMdl->Process;
    TargetMdl->StartVa = SourceMdl->StartVa == nullptr && offset < PAGE_SIZE
                             ? nullptr
                             : static_cast<UCHAR*>(VirtualAddress) - offset % PAGE_SIZE;
    TargetMdl->ByteOffset = offset % PAGE_SIZE;
    TargetMdl->ByteCount = Length;
    constexpr SHORT inherited = MDL_SOURCE_IS_NONPAGED_POOL | MDL_MAPPED_TO_SYSTEM_VA | MDL_IO_SPACE;
    const bool mapped = (SourceMdl->MdlFlags & (MDL_SOURCE_IS_NONPAGED_POOL | MDL_MAPPED_TO_SYSTEM_VA)) != 0;
    TargetMdl->MdlFlags = SHORT((TargetMdl->MdlFlags & MDL_ALLOCATED_FIXED_SIZE) | MDL_PARTIAL |
                                (SourceMdl->MdlFlags & inherited) | (mapped ? MDL_PARENT_MAPPED_SYSTEM_VA : 0));
    TargetMdl->MappedSystemVa =
        mapped ? static_cast<UCHAR*>(SourceMdl->MappedSystemVa) + (offset - SourceMdl->ByteOffset) : nullptr;
    const PFN_NUMBER* const from = MmGetMdlPfnArray(SourceMdl) + offset / PAGE_SIZE;
    for (ULONG i = 0; i < pages; i++)
        MmGetMdlPfnArray(TargetMdl)[i] = from[i];
}
