// What stands behind a section: segment, control area, subsections, prototype PTEs.
//
//   SECTION --> SEGMENT <--> CONTROL_AREA --> SUBSECTION --> SUBSECTION ...   runs of pages that are used alike
//                              |     ^            |
//   MMVAD ---------------------|-----'            '--> prototype PTEs: where each page is
//                              '--> MM_BACKING    the file
//
// A section is one caller's right to map; a segment exists once for each file (and once more for its image), however many
// sections are made of it, so that all views show the same pages. A page that several processes share is found by its
// prototype PTE: their own PTEs only say that there is one.
//
// Invariants: a segment lives while its control area has a section, a mapped view or another user; the last one deletes it.
// MM_BACKING::SectionObjectPointer names at most one control area of each kind. Prototype PTEs take every form but the one
// that leads to another prototype PTE; 0: there is no such page.
// Simplified: prototype PTEs lie in the non-paged pool, and a segment that nobody uses is deleted at once.
// Lock: MmPfnLock for the counts, for BeingDeleted and for prototype PTEs; the rest is constant while the segment exists,
// but for what MmExtendSection adds (extend.cpp). IRQL: DISPATCH_LEVEL while MmPfnLock is held.
// In the books: "section objects", "control areas", "prototype PTEs". POL-08
#pragma once

#include "ex/pool.h"
#include "mm/i386/pte.h"
#include "mm/pfn/pfn.h"
#include "mm/section.h"

struct CONTROL_AREA;
struct SEGMENT;

constexpr ULONG MI_SECTION_TAG = EX_TAG("MmSe");
constexpr ULONG MI_SEGMENT_TAG = EX_TAG("MmSg");
constexpr ULONG MI_CONTROL_AREA_TAG = EX_TAG("MmCa");
constexpr ULONG MI_PROTOTYPE_TAG = EX_TAG("MmSt");
constexpr ULONG MI_SECTION_READ_TAG = EX_TAG("MmRd");

/// What is true of a subsection.
struct MMSUBSECTION_FLAGS {
    ULONG Protection : 5;      ///< MM_PROTECTION of its pages
    ULONG GlobalMemory : 1;    ///< pages of an image that all processes write to: never written to the file
    ULONG SectorEndOffset : 9; ///< bytes of the file behind the full sectors
};

/// A run of pages that lie in a row in the file and are used alike: one of a section's of an image, or a run of a file's data.
struct SUBSECTION {
    CONTROL_AREA* ControlArea;
    MMSUBSECTION_FLAGS Flags;
    ULONG StartingSector;      ///< where it begins in the file, in sectors
    ULONG NumberOfFullSectors; ///< of the file; pages behind its bytes are zeros
    MMPTE* SubsectionBase;     ///< prototype PTE of its first page
    ULONG PtesInSubsection;
    ULONG StartingPage; ///< its first page, counted from the segment's
    SUBSECTION* NextSubsection;
};

/// Bytes of the file that a subsection has.
constexpr ULONGLONG MiBytesOfSubsection(const SUBSECTION* subsection) {
    return ULONGLONG(subsection->NumberOfFullSectors) * MM_SECTOR_SIZE + subsection->Flags.SectorEndOffset;
}

/// What is true of a control area.
struct MMSECTION_FLAGS {
    ULONG BeingDeleted : 1; ///< nobody may use it any more; its file has none until it is gone
    ULONG Image : 1;
    ULONG File : 1; ///< not backed by a page file
    ULONG NoCache : 1;
    ULONG Reserve : 1; ///< pages of the page file that are committed one by one (commitview.cpp)
};

/// A thread that waits for the end of a control area; on its stack.
struct MI_DELETION_WAIT {
    KEVENT Event; ///< the control area is gone
    MI_DELETION_WAIT* Next;
};

/// Who uses a segment. Its first subsections lie behind it.
struct CONTROL_AREA {
    SEGMENT* Segment;
    ULONG NumberOfSectionReferences; ///< SECTION objects
    ULONG NumberOfPfnReferences;     ///< pages of its file in memory
    ULONG NumberOfMappedViews;
    ULONG NumberOfUserReferences; ///< transfers that run for it: page faults, writers
    ULONG NumberOfSubsections;
    MMSECTION_FLAGS Flags;
    MM_BACKING* FilePointer;              ///< nullptr: the page file
    MI_DELETION_WAIT* WaitingForDeletion; ///< nullptr: no thread waits
    SUBSECTION* FirstSubsection;
};
// Lab 2's tests lay such structures out. (Host tests have longer pointers.)
static_assert(sizeof(PVOID) == 8 || offsetof(CONTROL_AREA, NumberOfPfnReferences) == 8);

/// The pages that a file or a section is made of.
struct SEGMENT {
    CONTROL_AREA* ControlArea;
    ULONG TotalNumberOfPtes;
    ULONGLONG SizeOfSegment; ///< in bytes
    ULONG NumberOfCommittedPages;
    ULONG_PTR BasedAddress; ///< of an image: where it would lie
    ULONG CopyOnWritePages; ///< of an image: what a view is charged for
    SECTION_IMAGE_INFORMATION ImageInformation;
};

/// A section: the body of a section object, or a block of its own (MmCreateBackedSection).
struct SECTION {
    SEGMENT* Segment;            ///< nullptr: it could not be made
    ULONGLONG SizeOfSection;     ///< in bytes
    ULONG InitialPageProtection; ///< MM_PROTECTION: the most that a view may have
    ULONG AllocationAttributes;
};

// ---- sections: create.cpp

/// Fills a section in. @param protect PAGE_*. @returns as MmCreateBackedSection; a failure leaves nothing to end
NTSTATUS MiInitializeSection(SECTION* section, MM_BACKING* file, ULONGLONG size, ULONG protect, ULONG attributes);
/// Takes its segment back.
void MiEndSection(SECTION* section);
/// Makes the type of section objects: object.cpp. Phase 1.
bool MiCreateSectionType();

// ---- segments: segment.cpp

/// Makes a segment with its control area, which nobody uses yet: that of page-file memory, of a file's data, or of an image.
/// @param pages not 0. @param[out] made. @returns STATUS_SUCCESS; STATUS_SECTION_TOO_BIG; STATUS_COMMITMENT_LIMIT;
/// STATUS_INSUFFICIENT_RESOURCES; of an image also what MiReadImageLayout says. @irql PASSIVE_LEVEL
/// @param reserve no page of it is committed yet, and none is charged.
NTSTATUS MiCreatePagingFileSegment(ULONGLONG size, ULONG protection, bool reserve, SEGMENT** made);
NTSTATUS MiCreateDataSegment(MM_BACKING* file, ULONGLONG size, SEGMENT** made);
NTSTATUS MiCreateImageSegment(MM_BACKING* file, SEGMENT** made);
/// Makes a segment of data longer; as long as its file, or shorter. One thread at a time.
/// @returns STATUS_SUCCESS; STATUS_SECTION_TOO_BIG; STATUS_INSUFFICIENT_RESOURCES
NTSTATUS MiExtendDataSegment(SEGMENT* segment, ULONGLONG size);
/// Makes a segment of data, and its file if that is shorter, at least so long: extend.cpp.
/// @returns as MiExtendDataSegment; STATUS_SECTION_NOT_EXTENDED: the file cannot grow; what the file says. @irql PASSIVE_LEVEL
NTSTATUS MiExtendFile(SEGMENT* segment, ULONGLONG size);
/// Frees a segment, its control area, subsections and prototype PTEs. None of its pages is in memory or on a page file.
void MiFreeSegment(SEGMENT* segment);

// ---- users: controlarea.cpp

/// What uses a control area.
enum class MI_AREA_USE : UCHAR { Section, View, Transfer };

/// One user more. Pre: the caller is sure that it exists, by another use.
void MiReferenceControlArea(CONTROL_AREA* area, MI_AREA_USE use) REQUIRES_PFN_LOCK;
/// One user less. The last one writes modified pages of data to the file, frees all pages, and deletes the segment.
/// @irql APC_LEVEL or below, none of the memory manager's mutexes held
void MiDereferenceControlArea(CONTROL_AREA* area, MI_AREA_USE use);
/// Gives a file's segment, a new one if there is none, one SECTION more. @param image which kind.
/// @param size of a new segment of data. @param[out] found @returns as the routines that make segments. @irql PASSIVE_LEVEL
NTSTATUS MiReferenceFileSegment(MM_BACKING* file, bool image, ULONGLONG size, SEGMENT** found);

// ---- prototype PTEs: prototype.cpp

/// Where a page of a file lies in the file.
struct MI_PAGE_SOURCE {
    MM_BACKING* File;
    ULONGLONG Offset; ///< in bytes, a multiple of MM_SECTOR_SIZE
    ULONG Bytes;      ///< that belong to the page, at least 1; what lies behind them in the page is zeros
};

/// A subsection lies nearer to the non-paged pool's start: a PTE has 25 bits for its distance, in units of 8 bytes.
constexpr ULONG_PTR MI_FARTHEST_SUBSECTION = 1u << 28;
/// The form of a prototype PTE whose page is read through a subsection. @param protection MM_PROTECTION
MMPTE MiMakeSubsectionPte(const SUBSECTION* subsection, ULONG protection);
/// @param pte of that form.
SUBSECTION* MiSubsectionOfPte(MMPTE pte);
/// The form of a PTE that leads to a prototype PTE by its address: of system views, which no VAD describes.
MMPTE MiMakeProtoPte(const MMPTE* prototype);
/// The prototype PTE that a PTE of that form leads to; nullptr: the VAD tells (MI_PTE_LOOKUP_NEEDED).
MMPTE* MiPrototypeOfPte(MMPTE pte);

/// @returns the subsection that holds a page, counted from the segment's first; nullptr: the segment ends before.
SUBSECTION* MiLocateSubsection(const CONTROL_AREA* area, ULONG page);
/// @returns the prototype PTE of a page; nullptr: the segment ends before.
MMPTE* MiLocatePrototype(const CONTROL_AREA* area, ULONG page);
/// Where the page of a prototype PTE lies in the file. Pre: it has or had the subsection's form.
MI_PAGE_SOURCE MiSourceOfPrototype(const SUBSECTION* subsection, const MMPTE* prototype);

// ---- the file: transfer.cpp

/// Reads or writes pages of a file and waits for the end. @param frames one a page, 1..MM_MAXIMUM_TRANSFER. @param[out] bytes that
/// were transferred. @irql <= APC_LEVEL
NTSTATUS MiTransferPages(MM_BACKING* file, bool write, ULONGLONG offset, const PFN_NUMBER* frames, ULONG pages,
                         ULONG* bytes);

/// Writes modified pages of a file's data to the file, and waits. What valid PTEs of views know of changes is not asked.
/// @param first, pages which ones, counted from the segment's first. @returns STATUS_SUCCESS, or how the last failed write ended;
/// its pages are modified still. @irql <= APC_LEVEL
NTSTATUS MiFlushSegment(const CONTROL_AREA* area, ULONG first, ULONG pages);
