// An image's layout in memory, as the headers of its file tell it.
//
//     file                               memory
//     headers     0..400                 page 0         read
//     .text     400..600                 page 1         execute, read
//     .data     600..800                 page 4         copy-on-write: bytes of the file, then zeros
//                                        pages 5, 6     copy-on-write: zeros
//
// Parts are in the order of their addresses and do not overlap. Pages between them belong to none and cannot be used.
// The headers are what a stranger wrote: rtl/pe.h checks them, and what is added here is checked here.
// Locks: none. IRQL: any. In the books: "PE format", "image activation". POL-09
#pragma once

#include "mm/section.h"
#include "rtl/pe.h"

constexpr ULONG MI_IMAGE_HEADER_BYTES = 2 * PAGE_SIZE; ///< headers lie within the file's first two pages
constexpr ULONG MI_MAXIMUM_IMAGE_PAGES = 0x70000;      ///< a view fits into the user's half

/// A run of pages of an image that are used alike.
struct MI_IMAGE_PART {
    ULONG FirstPage, Pages;
    ULONG FileOffset; ///< in bytes, a multiple of MM_SECTOR_SIZE
    ULONG FileBytes;  ///< from there; the rest of the pages is zeros
    ULONG Protection; ///< MM_PROTECTION
    bool Shared;      ///< all processes write to the same pages
};

/// An image: where it would lie, and its parts; the first one is its headers.
struct MI_IMAGE_LAYOUT {
    ULONG_PTR ImageBase;
    ULONG Pages;
    SECTION_IMAGE_INFORMATION Information;
    ULONG Parts;
    MI_IMAGE_PART Part[1 + nt::PE_MAXIMUM_SECTIONS];
};

/// Reads the headers of an image. @param headers the file's first bytes. @param bytes how many there are.
/// @param fileSize in bytes. @returns STATUS_SUCCESS; STATUS_INVALID_IMAGE_NOT_MZ; STATUS_INVALID_IMAGE_FORMAT
NTSTATUS MiReadImageLayout(const UCHAR* headers, ULONG bytes, ULONGLONG fileSize, MI_IMAGE_LAYOUT* layout);
/// The MM_PROTECTION of an image's section. @param characteristics of its header
ULONG MiImageProtection(ULONG characteristics);
