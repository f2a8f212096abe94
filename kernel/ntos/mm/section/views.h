// Views: ranges of a process that show pages of a section.
//
// A view is a VAD with a control area and the prototype PTE of its first page. Mapping makes no page table entries: one that is
// 0 is as the VAD says, and the first use of a page finds its prototype PTE through it. An entry of a page that was used, and is
// not mapped now, has the form that says "the VAD tells" and keeps the page's protection.
//
// Invariant: a view counts in NumberOfMappedViews of its control area from before it is in the tree until it has left it.
// Copies that a process may make of pages are charged to it when it maps.
// Locks: a change of views holds AddressCreationLock and WorkingSetMutex (MI_SPACE_GUARD), a look one of them. IRQL: APC_LEVEL.
// In the books: "section objects", "copy-on-write". POL-08, POL-09
#pragma once

#include "mm/section/segment.h"
#include "mm/vad/pagestate.h"

/// What a view shall show, and how.
struct MI_VIEW_REQUEST {
    ULONG_PTR Base; ///< in and out; 0: where there is room
    ULONG_PTR ZeroBits;
    ULONGLONG Offset; ///< in bytes
    SIZE_T Size;      ///< in and out, in bytes; 0: to the section's end
    SECTION_INHERIT Inherit;
    ULONG AllocationType;
    ULONG Protect; ///< PAGE_*
};

/// MmMapViewOfSection, in an address space. @param table its page tables. Nothing has changed if it fails.
NTSTATUS MiMapViewOfSection(MM_ADDRESS_SPACE& space, SECTION* section, MI_VIEW_REQUEST* request);
/// MmUnmapViewOfSection, in the current address space.
NTSTATUS MiUnmapViewOfSection(MM_ADDRESS_SPACE& space, MI_PAGE_TABLE& table, ULONG_PTR address);
/// Takes all views of an address space away that is being deleted. Private ranges stay.
void MiUnmapAllViews(MM_ADDRESS_SPACE& space, MI_PAGE_TABLE& table);
/// NtProtectVirtualMemory, for pages of one view; both locks are held: protectview.cpp. @param asked MM_PROTECTION. @param[out] old of
/// the first page. @returns STATUS_SUCCESS; STATUS_SECTION_PROTECTION: the view was not mapped for that; STATUS_NOT_COMMITTED: between
/// the parts of an image; STATUS_COMMITMENT_LIMIT; STATUS_INSUFFICIENT_RESOURCES
NTSTATUS MiProtectView(MM_ADDRESS_SPACE& space, MMVAD* vad, MI_PAGE_TABLE& table, MI_PAGES pages, ULONG asked,
                       ULONG* old);
/// MmFlushVirtualMemory, in the current address space: flushview.cpp.
NTSTATUS MiFlushView(MM_ADDRESS_SPACE& space, ULONG_PTR* base, SIZE_T* size);
/// NtAllocateVirtualMemory with MEM_COMMIT, for pages of one view; both locks are held: commitview.cpp. Pages that are committed become so
/// for all views of the section. @param protection MM_PROTECTION that all pages get in this view. @returns STATUS_SUCCESS;
/// STATUS_CONFLICTING_ADDRESSES: the section is not SEC_RESERVE; STATUS_SECTION_PROTECTION; STATUS_COMMITMENT_LIMIT;
/// STATUS_INSUFFICIENT_RESOURCES
NTSTATUS MiCommitView(MM_ADDRESS_SPACE& space, MMVAD* vad, MI_PAGE_TABLE& table, MI_PAGES pages, ULONG protection);
/// Whether a view with one protection may be had of a section, or a page of a view, with another. Both MM_PROTECTION.
bool MiIsViewAllowed(ULONG section, ULONG view);

// ---- pages of views: viewpages.cpp

/// @returns the prototype PTE of a page of a view; nullptr: the segment ends before.
MMPTE* MiPrototypeOfPage(const MMVAD* vad, ULONG vpn);
/// @returns the MM_PROTECTION that a page of a view begins with; MM_ZERO_ACCESS: there is no such page, or it
/// is not committed.
ULONG MiProtectionOfViewPage(const MMVAD* vad, ULONG vpn);
/// @returns the last page that begins with the same protection as `vpn`, as far as the view goes.
ULONG MiLastViewPageAlike(const MMVAD* vad, ULONG vpn);
/// @returns the number of a page of a view, counted from the first page of its segment.
ULONG MiSegmentPageOf(const MMVAD* vad, ULONG vpn);
/// @returns the subsection that a page of a view belongs to; nullptr: none.
SUBSECTION* MiSubsectionOfPage(const MMVAD* vad, ULONG vpn);
