// What backs memory: something from which pages are read and to which they are written.
//
// Page files, mapped files and images stand behind this interface: a loader's file in memory, a device, and later the
// files of the I/O manager. The memory manager knows nothing else of them.
//
// Invariants: a transfer ends exactly once, by its completion routine. Of two transfers that run at the same time and share a
// page of the backing, none writes: a backing chooses the order itself.
// In the books: "paging I/O", "page files". PFN-15, POL-08
#pragma once

#include "ke/devicequeue.h"
#include "nt/atomic.h"
#include "nt/types.h"
#include "rtl/ustring.h"
#include "ntstatus.h"

struct MM_BACKING;

/// A transfer of pages that are not in a row in memory but are in a row on the backing. The requester keeps it, and all that
/// it points to, until the completion routine has been called.
/// shared: fixed while the transfer runs; Status and Information are written before the completion routine is called
struct MM_TRANSFER {
    ULONGLONG Offset;         ///< in bytes; of a write a multiple of PAGE_SIZE, of a read one of MM_SECTOR_SIZE
    ULONG Pages;              ///< 1..MM_MAXIMUM_TRANSFER
    const PFN_NUMBER* Frames; ///< where in memory: one frame a page
    BOOLEAN Write;            ///< to the backing
    /// How it ended. STATUS_END_OF_FILE: it begins at or behind the backing's end, or writes a page that does.
    NTSTATUS Status;
    /// Bytes that were transferred, from the first page on. A read that reaches beyond the end ends well and gives fewer; the
    /// rest is the caller's to clear. So does a write whose last page the backing has a part of.
    ULONG Information;
    /// Called once the transfer has ended, at DISPATCH_LEVEL or below, on any processor; perhaps before Start returns.
    void(NTAPI* Completion)(MM_TRANSFER* Transfer);
    PVOID Context;                  ///< the requester's
    KDEVICE_QUEUE_ENTRY QueueEntry; ///< the backing's, while the transfer runs
};
constexpr ULONG MM_MAXIMUM_TRANSFER = 16;
constexpr ULONG MM_SECTOR_SIZE = 512;

/// The calls of a backing.
struct MM_BACKING_CALLS {
    /// Its size in bytes.
    ULONGLONG(NTAPI* Size)(MM_BACKING* Backing);
    /// Starts a transfer. It ends by its completion routine, also when it fails at once. Nothing is allocated for it: a
    /// page is written because memory is short. @irql <= DISPATCH_LEVEL
    void(NTAPI* Start)(MM_BACKING* Backing, MM_TRANSFER* Transfer);
    /// Makes it this many bytes long; nullptr: it cannot. @irql PASSIVE_LEVEL
    NTSTATUS(NTAPI* Extend)(MM_BACKING* Backing, ULONGLONG NewSize);
};

struct CONTROL_AREA;

/// Through what pages of a file are in memory: the same for all sections of it. Under the lock of the page frame database.
struct SECTION_OBJECT_POINTERS {
    CONTROL_AREA* DataSectionObject;
    CONTROL_AREA* ImageSectionObject;
};

/// Something that pages are read from and written to; the first member of whatever implements it.
struct MM_BACKING {
    const MM_BACKING_CALLS* Calls;
    volatile LONG ReferenceCount;
    void(NTAPI* Delete)(MM_BACKING* Backing);     ///< called when the last reference goes; nullptr: it is never deleted
    SECTION_OBJECT_POINTERS SectionObjectPointer; ///< nullptr at first
    PCUNICODE_STRING Name = nullptr;              ///< for debuggers, without a path; nullptr: it has none
};

/// Keeps a backing. Pre: the caller is sure that it exists. @irql <= DISPATCH_LEVEL
inline void MmReferenceBacking(MM_BACKING* Backing) { InterlockedIncrement(&Backing->ReferenceCount); }
/// Takes a reference back. @irql as the backing's Delete
inline void MmDereferenceBacking(MM_BACKING* Backing) {
    if (InterlockedDecrement(&Backing->ReferenceCount) == 0 && Backing->Delete) Backing->Delete(Backing);
}

/// Looks whether a transfer lies on a backing of `Size` bytes. @param Bytes receives how many of its bytes do.
/// @param Unit what the backing reads: multiples of so many bytes.
/// @returns STATUS_SUCCESS, STATUS_END_OF_FILE, or STATUS_INVALID_PARAMETER: no pages, too many, or it begins within a unit, or a write within a page
inline NTSTATUS MmCheckTransfer(const MM_TRANSFER& Transfer, ULONGLONG Size, ULONG* Bytes,
                                ULONG Unit = MM_SECTOR_SIZE) {
    *Bytes = 0;
    if (Transfer.Write) Unit = PAGE_SIZE;
    if (Transfer.Pages - 1 >= MM_MAXIMUM_TRANSFER || Transfer.Offset % Unit != 0) return STATUS_INVALID_PARAMETER;
    if (Transfer.Offset >= Size) return STATUS_END_OF_FILE;
    const ULONG wanted = Transfer.Pages * PAGE_SIZE;
    const ULONGLONG present = Size - Transfer.Offset;
    if (Transfer.Write && present + PAGE_SIZE <= wanted) return STATUS_END_OF_FILE;
    *Bytes = present < wanted ? ULONG(present) : wanted;
    return STATUS_SUCCESS;
}

/// Ends a transfer: the last that a backing does with it. @irql <= DISPATCH_LEVEL
inline void MmCompleteTransfer(MM_TRANSFER* Transfer, NTSTATUS Status, ULONG Information) {
    Transfer->Status = Status;
    Transfer->Information = Information;
    Transfer->Completion(Transfer);
}
