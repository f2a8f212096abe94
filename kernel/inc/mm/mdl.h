// Memory descriptor lists: a buffer as the pages that hold it, for hardware and for threads of other processes.
//
// A buffer lies at addresses in a row; the pages behind them are anywhere, may leave memory, and belong to one address space.
// An MDL names the pages. While they are locked they stay where they are, and system PTEs can map them at an address that
// is valid in every process.
//
//     MDL | StartVa, ByteOffset, ByteCount | frame | frame | frame      one frame number a page, behind the structure
//
// A driver: IoAllocateMdl, MmProbeAndLockPages (in a __try), MmGetSystemAddressForMdlSafe; then MmUnlockPages, IoFreeMdl.
// In the books: "memory descriptor lists". HAL-04
#pragma once

#include "ke/dispatcher.h"
#include "mm/pages.h"
#include "nt/types.h"

struct EPROCESS;

/// A buffer as its pages (documented layout). Frame numbers follow: MmGetMdlPfnArray.
struct MDL {
    MDL* Next;
    SHORT Size;           ///< bytes, frame numbers included
    SHORT MdlFlags;       ///< MDL_*
    EPROCESS* Process;    ///< whose address space StartVa belongs to, while pages are locked; nullptr: system space
    PVOID MappedSystemVa; ///< valid with MDL_MAPPED_TO_SYSTEM_VA and MDL_SOURCE_IS_NONPAGED_POOL
    PVOID StartVa;        ///< the first page's address
    ULONG ByteCount;
    ULONG ByteOffset; ///< of the buffer in the first page
};
using PMDL = MDL*;
PUBLIC_SIZE(MDL, 28);

// MDL::MdlFlags (documented values).
constexpr SHORT MDL_MAPPED_TO_SYSTEM_VA = 0x0001;
constexpr SHORT MDL_PAGES_LOCKED = 0x0002;
constexpr SHORT MDL_SOURCE_IS_NONPAGED_POOL = 0x0004;
constexpr SHORT MDL_ALLOCATED_FIXED_SIZE = 0x0008;
constexpr SHORT MDL_PARTIAL = 0x0010;
constexpr SHORT MDL_PARTIAL_HAS_BEEN_MAPPED = 0x0020;
constexpr SHORT MDL_IO_PAGE_READ = 0x0040;
constexpr SHORT MDL_WRITE_OPERATION = 0x0080;
constexpr SHORT MDL_PARENT_MAPPED_SYSTEM_VA = 0x0100;
constexpr SHORT MDL_IO_SPACE = 0x0800;
constexpr SHORT MDL_MAPPING_CAN_FAIL = 0x2000;

/// What is done to a buffer: a device reads it, writes it, or both.
enum class LOCK_OPERATION : LONG { IoReadAccess = 0, IoWriteAccess = 1, IoModifyAccess = 2 };
inline constexpr LOCK_OPERATION IoReadAccess = LOCK_OPERATION::IoReadAccess;
inline constexpr LOCK_OPERATION IoWriteAccess = LOCK_OPERATION::IoWriteAccess;
inline constexpr LOCK_OPERATION IoModifyAccess = LOCK_OPERATION::IoModifyAccess;

/// How much a mapping matters while system PTEs are short.
enum class MM_PAGE_PRIORITY : ULONG { LowPagePriority = 0, NormalPagePriority = 16, HighPagePriority = 32 };

inline PFN_NUMBER* MmGetMdlPfnArray(MDL* Mdl) { return reinterpret_cast<PFN_NUMBER*>(Mdl + 1); }
inline PVOID MmGetMdlVirtualAddress(const MDL* Mdl) { return static_cast<UCHAR*>(Mdl->StartVa) + Mdl->ByteOffset; }
inline ULONG MmGetMdlByteCount(const MDL* Mdl) { return Mdl->ByteCount; }
inline ULONG MmGetMdlByteOffset(const MDL* Mdl) { return Mdl->ByteOffset; }
/// Pages that `Length` bytes at `Base` share.
inline ULONG ADDRESS_AND_SIZE_TO_SPAN_PAGES(const void* Base, SIZE_T Length) {
    return ULONG((reinterpret_cast<ULONG_PTR>(Base) % PAGE_SIZE + Length + PAGE_SIZE - 1) / PAGE_SIZE);
}
/// Makes an MDL of a buffer; no page is looked up. @param Mdl room for MmSizeOfMdl bytes
inline void MmInitializeMdl(PMDL Mdl, PVOID Base, SIZE_T Length) {
    const ULONG_PTR offset = reinterpret_cast<ULONG_PTR>(Base) % PAGE_SIZE;
    Mdl->Next = nullptr;
    Mdl->Size = SHORT(sizeof(MDL) + ADDRESS_AND_SIZE_TO_SPAN_PAGES(Base, Length) * sizeof(PFN_NUMBER));
    Mdl->MdlFlags = 0;
    Mdl->StartVa = reinterpret_cast<PVOID>(reinterpret_cast<ULONG_PTR>(Base) - offset);
    Mdl->ByteOffset = ULONG(offset);
    Mdl->ByteCount = ULONG(Length);
}

extern "C" {
/// Bytes of an MDL for such a buffer. @irql any
NTKERNELAPI SIZE_T NTAPI MmSizeOfMdl(PVOID Base, SIZE_T Length);
/// Makes an MDL, in non-paged pool if `Mdl` is nullptr. @returns it, or nullptr. @irql <= DISPATCH_LEVEL
NTKERNELAPI PMDL NTAPI MmCreateMdl(PMDL Mdl, PVOID Base, SIZE_T Length);
/// The pages of a buffer in non-paged pool, which need no lock. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI MmBuildMdlForNonPagedPool(PMDL Mdl);
/// Brings a buffer's pages into memory, checks that the access is allowed, and locks them. Raises what the access would raise
/// (STATUS_ACCESS_VIOLATION, STATUS_IN_PAGE_ERROR); then no page is locked. @irql <= APC_LEVEL; for a buffer that is not
/// pageable <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI MmProbeAndLockPages(PMDL Mdl, KPROCESSOR_MODE AccessMode, LOCK_OPERATION Operation);
/// Ends the lock, and the system's mapping if there is one. After a write the pages are modified. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI MmUnlockPages(PMDL Mdl);
/// Maps locked pages into system space. @param AccessMode KernelMode: views in user space do not exist yet.
/// @param BaseAddress not looked at. @param BugCheckOnFailure with too few system PTEs: a bugcheck (NO_MORE_SYSTEM_PTES), unless
/// the MDL has MDL_MAPPING_CAN_FAIL. @returns the buffer's address, or nullptr. @irql <= DISPATCH_LEVEL
NTKERNELAPI PVOID NTAPI MmMapLockedPagesSpecifyCache(PMDL Mdl, KPROCESSOR_MODE AccessMode,
                                                     MEMORY_CACHING_TYPE CacheType, PVOID BaseAddress,
                                                     ULONG BugCheckOnFailure, MM_PAGE_PRIORITY Priority);
/// The older form: cached, and a bugcheck without system PTEs. @irql <= DISPATCH_LEVEL
NTKERNELAPI PVOID NTAPI MmMapLockedPages(PMDL Mdl, KPROCESSOR_MODE AccessMode);
/// Ends a mapping. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI MmUnmapLockedPages(PVOID BaseAddress, PMDL Mdl);
/// Takes pages, zeroed and locked, in a range of physical addresses; they need not be in a row. @param SkipBytes not looked at: the
/// whole range is searched once. @returns an MDL with as many pages as there are, at most `TotalBytes`; nullptr: with none. The
/// caller frees them (MmFreePagesFromMdl), then the MDL (ExFreePool). @irql <= APC_LEVEL
NTKERNELAPI PMDL NTAPI MmAllocatePagesForMdl(PHYSICAL_ADDRESS LowAddress, PHYSICAL_ADDRESS HighAddress,
                                             PHYSICAL_ADDRESS SkipBytes, SIZE_T TotalBytes);
NTKERNELAPI void NTAPI MmFreePagesFromMdl(PMDL Mdl);

/// An MDL of a buffer, in non-paged pool. @param SecondaryBuffer, ChargeQuota, Irp: FALSE, FALSE, nullptr until there are requests.
/// @returns it, or nullptr. @irql <= DISPATCH_LEVEL
NTKERNELAPI PMDL NTAPI IoAllocateMdl(PVOID VirtualAddress, ULONG Length, BOOLEAN SecondaryBuffer, BOOLEAN ChargeQuota,
                                     PVOID Irp);
/// Frees an MDL whose pages are not locked; a partial one's mapping ends. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI IoFreeMdl(PMDL Mdl);
/// Makes an MDL of a part of another one's buffer. @param SourceMdl its pages are locked, or from non-paged pool. @param TargetMdl
/// room for the part. @param Length 0: to the end of the buffer. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI IoBuildPartialMdl(PMDL SourceMdl, PMDL TargetMdl, PVOID VirtualAddress, ULONG Length);
}

/// The buffer's address in system space; maps it if it is not. @returns nullptr if there are too few system PTEs. @irql <= DISPATCH_LEVEL
inline PVOID MmGetSystemAddressForMdlSafe(PMDL Mdl, MM_PAGE_PRIORITY Priority) {
    if (Mdl->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL)) return Mdl->MappedSystemVa;
    return MmMapLockedPagesSpecifyCache(Mdl, KernelMode, MmCached, nullptr, FALSE, Priority);
}
