// Protections of pages in their three forms: PAGE_* of callers, MM_PROTECTION inside, bits of a page table entry.
//
// A PAGE_* value has one bit for each kind of use; an MM_PROTECTION says the same in five bits. The processor knows less:
// it tells a read-only page from a writable one, and cached from uncached, but executes whatever it may read.
// IRQL: any. Locks: none, nothing here changes.
// In the books: "protecting memory". POL-06
#pragma once

#include "mm/i386/pte.h"
#include "mm/virtual.h"

constexpr ULONG MM_INVALID_PROTECTION = ~0u;

/// @param protect PAGE_*. @returns the MM_PROTECTION, or MM_INVALID_PROTECTION where the documentation allows no such value:
/// none or several of the first eight, an unknown bit, PAGE_NOACCESS with an addition, PAGE_GUARD with PAGE_NOCACHE.
ULONG MiMakeProtectionMask(ULONG protect);

/// @param protection an MM_PROTECTION. @returns the PAGE_* value that MiMakeProtectionMask makes it of; 0 for
/// MM_ZERO_ACCESS and MM_DECOMMIT.
ULONG MiPageProtection(ULONG protection);

/// By MM_PROTECTION: the bits of a valid PTE that follow from it (Write, CopyOnWrite, WriteThrough and CacheDisable); without Valid, Owner
/// and the frame. No valid PTE may have a protection of guard pages or without access: those rows are 0.
extern const ULONG MmProtectToPteMask[MM_PROTECTION_MASK + 1];

/// Whether the first write to a page makes a copy of it.
bool MiIsCopyOnWrite(ULONG protection);
/// The MM_PROTECTION of such a copy.
ULONG MiProtectionOfCopy(ULONG protection);

/// The copy-on-write MM_PROTECTION of pages that may be written otherwise.
ULONG MiCopyOnWriteOf(ULONG protection);

/// How a page is used.
enum class MI_ACCESS : UCHAR { Read, Write, Execute };

/// @returns whether an MM_PROTECTION allows a use. A guard page is asked as if it were none: its alarm comes first. A write
/// to a copy-on-write page is allowed.
bool MiIsAccessAllowed(ULONG protection, MI_ACCESS access);

/// Whether a valid PTE can say it: the processor knows no guard page and no page without access.
constexpr bool MiMayBeValid(ULONG protection) {
    const ULONG added = protection & MM_ADDED_MASK;
    return added != MM_GUARD_PAGE && added != MM_NOACCESS;
}
