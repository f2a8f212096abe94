// Base relocations: an image that does not lie at its own base. Contract: rtl/pe.h. BOO-03, POL-09
//
//     .reloc    block: page 1000, entries 3:004 3:010 ...    each of them a 32-bit address at page + offset
//                                                             address += where the image lies - where it would lie
#include "pep.h"

namespace nt {

// LAB(1.8) begin
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
// LAB(1.8) else
//| // Room for helpers of your own.
// LAB(1.8) end

/// Adds `base` - ImageBase to every address that the image's table of base relocations notes.
///
/// - IMAGE_DIRECTORY_ENTRY_BASERELOC says where the table is. An image without one (Size 0) has no addresses.
/// - The table is a row of blocks: an IMAGE_BASE_RELOCATION, and behind it entries of 16 bits to the block's end. The upper 4 bits of
///   an entry are its type, the lower 12 an offset from the block's VirtualAddress. HIGHLOW notes an address there, 32 bits that lie at
///   any place; ABSOLUTE notes none.
/// - The table ends with its directory's Size, with less than an IMAGE_BASE_RELOCATION before that, or with a SizeOfBlock of 0.
/// - Post: each address noted is larger by the difference, modulo 2 to the 32nd, and all other bytes are as they were. If nothing
///   moves nothing is written.
/// - A damaged table fails even if nothing moves, so that it fails everywhere alike. It is damaged where it does not lie in the image;
///   where a block is smaller than its header, does not end with a whole entry, or ends behind the table; where an entry has another
///   type, or an address is not whole inside the image. An offset that leads beyond 32 bits leads out of the image.
/// - The image may change meanwhile, and what a second look finds was never checked: no value of the table is read twice.
/// - An access that fails ends the work with its status, as BadRelocation. If the routine fails some addresses may have changed.
/// @param headers of the image; checked. @param base where the image will run
/// @returns NoRelocations: it must move, and its linker left the table out (IMAGE_FILE_RELOCS_STRIPPED); BadRelocation: Value is the
/// offset of the table, the block or the entry that is wrong
NTSTATUS PeRelocate(PeImage& image, const PeHeaders& headers, ULONG base, PeError* error) {
    // LAB(1.8) begin
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
    // LAB(1.8) else
    //| LAB_NOT_IMPLEMENTED("1.8");
    // LAB(1.8) end
}

} // namespace nt
