// Base relocations: an image that does not lie at its own base. Contract: rtl/pe.h. BOO-03, POL-09
//
//     .reloc    block: page 1000, entries 3:004 3:010 ...    each of them a 32-bit address at page + offset
//                                                             address += where the image lies - where it would lie
#include "pep.h"

namespace nt {

namespace {

constexpr ULONG TYPE_SHIFT = 12, OFFSET_MASK = 0xFFF; // of an entry
constexpr ULONG CHUNK = 64;                           ///< entries that are read at once

NTSTATUS Apply(PeImage& image, ULONG page, USHORT entry, ULONG difference) {
    const ULONG type = entry >> TYPE_SHIFT, address = page + (entry & OFFSET_MASK);
    if (type == IMAGE_REL_BASED_ABSOLUTE) return STATUS_SUCCESS; // fills the block up
    if (type != IMAGE_REL_BASED_HIGHLOW || address < page) return STATUS_INVALID_IMAGE_FORMAT;
    ULONG value;
    NT_TRY(image.Get(address, &value));
    return difference != 0 ? image.Put(address, value + difference) : STATUS_SUCCESS;
}

/// The addresses of one page. @param at its first entry. @param end behind its last one
NTSTATUS RelocatePage(PeImage& image, ULONG page, ULONG at, ULONG end, ULONG difference, PeError* error) {
    USHORT entry[CHUNK];
    while (at < end) {
        const ULONG left = (end - at) / ULONG(sizeof(USHORT)), count = left < CHUNK ? left : CHUNK;
        PE_TRY(image.GetBytes(at, entry, count * ULONG(sizeof(USHORT))), PeFault::BadRelocation, at);
        for (ULONG i = 0; i < count; i++, at += ULONG(sizeof(USHORT)))
            PE_TRY(Apply(image, page, entry[i], difference), PeFault::BadRelocation, at);
    }
    return STATUS_SUCCESS;
}

} // namespace

NTSTATUS PeRelocate(PeImage& image, const PeHeaders& headers, ULONG base, PeError* error) {
    const ULONG difference = base - headers.Optional().ImageBase;
    const IMAGE_DATA_DIRECTORY table = headers.Directory(IMAGE_DIRECTORY_ENTRY_BASERELOC);
    if (difference != 0 && (headers.Nt.FileHeader.Characteristics & IMAGE_FILE_RELOCS_STRIPPED) != 0)
        return error->Set(PeFault::NoRelocations);
    if (!image.Has(table.VirtualAddress, table.Size)) return error->Set(PeFault::BadRelocation, table.VirtualAddress);
    IMAGE_BASE_RELOCATION block;
    ULONG at = table.VirtualAddress, left = table.Size;
    for (; left >= sizeof(block); at += block.SizeOfBlock, left -= block.SizeOfBlock) {
        PE_TRY(image.Get(at, &block), PeFault::BadRelocation, at);
        if (block.SizeOfBlock == 0) break; // padding follows
        if (block.SizeOfBlock < sizeof(block) || block.SizeOfBlock % sizeof(USHORT) != 0 || block.SizeOfBlock > left)
            return error->Set(PeFault::BadRelocation, at);
        NT_TRY(RelocatePage(image, block.VirtualAddress, at + ULONG(sizeof(block)), at + block.SizeOfBlock, difference,
                            error));
    }
    return STATUS_SUCCESS;
}

} // namespace nt
