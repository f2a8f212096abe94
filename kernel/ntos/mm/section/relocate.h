// Relocation of an image that does not lie at its own base: the addresses in it that its linker has noted move along.
//
//     .reloc    block: page 1000, entries 3:004 3:010 ...    each of them a 32-bit address at page + offset
//                                                             address += where the image lies - where it would lie
//
// What a page holds belongs to the process: a page that is changed becomes its own copy, and the image stays as it is for others.
// The tables are what a stranger wrote: every value is checked before it is used.
// IRQL: PASSIVE_LEVEL. In the books: "PE format: base relocations", "image activation". POL-09
#pragma once

#include "nt/types.h"
#include "ntstatus.h"

/// An image in memory, as relocation sees it. Addresses are relative to its base.
class MI_IMAGE_MEMORY {
public:
    /// @returns STATUS_SUCCESS, or why it cannot be read; nothing of it lies beyond the image
    virtual NTSTATUS Read(ULONG address, PVOID to, ULONG bytes) = 0;
    /// Writes, whatever the protection of the pages is.
    virtual NTSTATUS Write(ULONG address, const void* from, ULONG bytes) = 0;

protected:
    ~MI_IMAGE_MEMORY() = default;
};

/// Relocates an image. @param bytes its size. @param difference what is added to each address.
/// @returns STATUS_SUCCESS, also if nothing in it depends on where it lies; STATUS_CONFLICTING_ADDRESSES: its linker has noted no
/// addresses; STATUS_INVALID_IMAGE_FORMAT; what Read and Write say. If it fails, a part of the addresses may have changed.
NTSTATUS MiRelocateImage(MI_IMAGE_MEMORY& image, ULONG bytes, ULONG difference);
