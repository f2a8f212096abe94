// Going through an image's table of base relocations. What the routine promises: relocate.h.
//
// In the books: "PE format: base relocations". POL-09
#include "mm/section/relocate.h"
#include "ntimage.h"

namespace {

constexpr ULONG TYPE_SHIFT = 12, OFFSET_MASK = 0xFFF; // of an entry
constexpr ULONG CHUNK = 64;                           ///< entries that are read at once

/// Where the table lies; Size 0: there is none.
NTSTATUS FindTable(MI_IMAGE_MEMORY& image, ULONG bytes, IMAGE_DATA_DIRECTORY* table) {
    IMAGE_DOS_HEADER dos;
    IMAGE_NT_HEADERS nt;
    if (bytes < sizeof(dos)) return STATUS_INVALID_IMAGE_FORMAT;
    NT_TRY(image.Read(0, &dos, sizeof(dos)));
    if (bytes < sizeof(nt) || dos.e_lfanew > bytes - sizeof(nt)) return STATUS_INVALID_IMAGE_FORMAT;
    NT_TRY(image.Read(dos.e_lfanew, &nt, sizeof(nt)));
    if (nt.Signature != IMAGE_NT_SIGNATURE) return STATUS_INVALID_IMAGE_FORMAT;
    if (nt.FileHeader.Characteristics & IMAGE_FILE_RELOCS_STRIPPED) return STATUS_CONFLICTING_ADDRESSES;
    *table = {};
    if (nt.OptionalHeader.NumberOfRvaAndSizes > IMAGE_DIRECTORY_ENTRY_BASERELOC)
        *table = nt.OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_BASERELOC];
    return table->VirtualAddress > bytes || table->Size > bytes - table->VirtualAddress ? STATUS_INVALID_IMAGE_FORMAT
                                                                                        : STATUS_SUCCESS;
}

NTSTATUS Apply(MI_IMAGE_MEMORY& image, ULONG bytes, ULONG address, ULONG difference) {
    ULONG value;
    if (address > bytes - sizeof(value)) return STATUS_INVALID_IMAGE_FORMAT;
    NT_TRY(image.Read(address, &value, sizeof(value)));
    value += difference;
    return image.Write(address, &value, sizeof(value));
}

/// The addresses of one page. @param entries where its entries lie. @param page that they lie in, within the image
NTSTATUS RelocatePage(MI_IMAGE_MEMORY& image, ULONG bytes, ULONG entries, ULONG count, ULONG page, ULONG difference) {
    USHORT entry[CHUNK];
    for (ULONG done = 0; done < count; done += CHUNK) {
        const ULONG now = count - done < CHUNK ? count - done : CHUNK;
        NT_TRY(image.Read(entries + done * ULONG(sizeof(entry[0])), entry, now * ULONG(sizeof(entry[0]))));
        for (ULONG i = 0; i < now; i++) {
            const ULONG type = entry[i] >> TYPE_SHIFT;
            if (type == IMAGE_REL_BASED_ABSOLUTE) continue; // fills the block up
            if (type != IMAGE_REL_BASED_HIGHLOW) return STATUS_INVALID_IMAGE_FORMAT;
            NT_TRY(Apply(image, bytes, page + (entry[i] & OFFSET_MASK), difference));
        }
    }
    return STATUS_SUCCESS;
}

} // namespace

NTSTATUS MiRelocateImage(MI_IMAGE_MEMORY& image, ULONG bytes, ULONG difference) {
    IMAGE_DATA_DIRECTORY table;
    NT_TRY(FindTable(image, bytes, &table));
    ULONG at = table.VirtualAddress, left = table.Size;
    IMAGE_BASE_RELOCATION block;
    while (left >= sizeof(block)) {
        NT_TRY(image.Read(at, &block, sizeof(block)));
        if (block.SizeOfBlock == 0) break; // padding follows
        if (block.SizeOfBlock < sizeof(block) || block.SizeOfBlock > left) return STATUS_INVALID_IMAGE_FORMAT;
        if (block.VirtualAddress >= bytes) return STATUS_INVALID_IMAGE_FORMAT;
        const ULONG count = (block.SizeOfBlock - ULONG(sizeof(block))) / ULONG(sizeof(USHORT));
        NT_TRY(RelocatePage(image, bytes, at + ULONG(sizeof(block)), count, block.VirtualAddress, difference));
        at += block.SizeOfBlock;
        left -= block.SizeOfBlock;
    }
    return STATUS_SUCCESS;
}
