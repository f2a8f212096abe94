// What backs memory: something from which pages are read and to which they are written.
//
// Page files, mapped files and images stand behind this interface: a loader's file in memory, a device, and later the
// files of the I/O manager. The memory manager knows nothing else of them.
//
// In the books: "paging I/O", "page files". PFN-15, POL-08
#pragma once

#include "nt/list.h"
#include "nt/types.h"
#include "ntstatus.h"

struct MM_BACKING;

/// A transfer of pages that are not in a row in memory but are in a row on the backing. The requester keeps it, and all that
/// it points to, until the completion routine has been called.
/// shared: fixed while the transfer runs; Status is written before the completion routine is called
struct MM_TRANSFER {
    ULONGLONG Offset;         ///< in bytes, a multiple of PAGE_SIZE
    ULONG Pages;              ///< 1..MM_MAXIMUM_TRANSFER
    const PFN_NUMBER* Frames; ///< where in memory: one frame a page
    BOOLEAN Write;            ///< to the backing
    NTSTATUS Status;          ///< how it ended: STATUS_SUCCESS, STATUS_IN_PAGE_ERROR's cause otherwise
    ULONG
    Information; ///< bytes that were transferred; a read beyond the end gives fewer, the rest is the caller's to clear
    /// Called once the transfer has ended, at DISPATCH_LEVEL or below, on any processor; perhaps before Start returns.
    void(NTAPI* Completion)(MM_TRANSFER* Transfer);
    PVOID Context;   ///< the requester's
    LIST_ENTRY Link; ///< the backing's, while the transfer runs
};
constexpr ULONG MM_MAXIMUM_TRANSFER = 16;

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

/// Something that pages are read from and written to; the first member of whatever implements it.
struct MM_BACKING {
    const MM_BACKING_CALLS* Calls;
    volatile LONG ReferenceCount;
    void(NTAPI* Delete)(MM_BACKING* Backing); ///< called when the last reference goes; nullptr: it is never deleted
};
