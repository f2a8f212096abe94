// Checked access to the bytes of an image. Contract: rtl/pe.h.
#include "rtl/pe.h"

namespace nt {

namespace {

constexpr ULONG PIECE = 16; ///< characters that are read at once

ULONG PieceAt(const PeImage& image, ULONG offset) {
    const ULONG left = image.Has(offset, 0) ? image.Size() - offset : 0;
    return left < PIECE ? left : PIECE;
}

} // namespace

NTSTATUS PeImage::GetBytes(ULONG offset, PVOID to, ULONG bytes) {
    return Has(offset, bytes) ? Read(offset, to, bytes) : STATUS_INVALID_IMAGE_FORMAT;
}

NTSTATUS PeImage::GetText(ULONG offset, CHAR* to, ULONG size) {
    CHAR piece[PIECE];
    for (ULONG done = 0; done < size;) {
        const ULONG count = PieceAt(*this, offset);
        if (count == 0) break; // no 0 inside the image
        NT_TRY(Read(offset, piece, count));
        for (ULONG i = 0; i < count && done < size; i++) {
            to[done++] = piece[i];
            if (piece[i] == 0) return STATUS_SUCCESS;
        }
        offset += count;
    }
    return STATUS_INVALID_IMAGE_FORMAT;
}

NTSTATUS PeImage::CompareText(PCSTR text, ULONG offset, int* order) {
    CHAR piece[PIECE];
    while (const ULONG count = PieceAt(*this, offset)) {
        NT_TRY(Read(offset, piece, count));
        for (ULONG i = 0; i < count; i++, text++) {
            *order = static_cast<UCHAR>(*text) - static_cast<UCHAR>(piece[i]);
            if (*order != 0 || *text == 0) return STATUS_SUCCESS;
        }
        offset += count;
    }
    return STATUS_INVALID_IMAGE_FORMAT;
}

} // namespace nt
