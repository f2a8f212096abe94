// RTL_BITMAP: set, clear, test, count, and the search for a run of clear bits.
//
// The search goes word by word where a word is all ones, bit by bit elsewhere.
// In the books: "executive support: bitmaps". EXE-01
#include "rtl/bitmap.h"
#include "nt/assert.h"

namespace {

constexpr ULONG WORD_BITS = 32;
constexpr ULONG BYTE_BITS = 8;

/// The bits of one word that lie in [first, first + count), clipped to the word.
constexpr ULONG WordMask(ULONG first, ULONG count) {
    const ULONG ones = count >= WORD_BITS ? ~0u : (1u << count) - 1;
    return ones << first;
}

/// Calls `change(word, mask)` for every word that holds bits of the run.
template <typename Change> void ForEachWord(ULONG* buffer, ULONG start, ULONG count, Change change) {
    while (count) {
        const ULONG first = start % WORD_BITS;
        const ULONG here = count < WORD_BITS - first ? count : WORD_BITS - first;
        change(buffer[start / WORD_BITS], WordMask(first, here));
        start += here;
        count -= here;
    }
}

bool IsSet(const RTL_BITMAP* bitmap, ULONG index) {
    return (bitmap->Buffer[index / WORD_BITS] >> (index % WORD_BITS)) & 1;
}

/// The first run of `wanted` clear bits that begins in [from, end) and lies inside the bitmap.
ULONG FindRun(const RTL_BITMAP* bitmap, ULONG wanted, ULONG from, ULONG end) {
    const ULONG size = bitmap->SizeOfBitMap;
    for (ULONG start = from; start < end && wanted <= size - start;) {
        if (start % WORD_BITS == 0 && bitmap->Buffer[start / WORD_BITS] == ~0u) {
            start += WORD_BITS;
            if (start > size) break;
            continue;
        }
        ULONG run = 0;
        while (run < wanted && !IsSet(bitmap, start + run))
            run++;
        if (run == wanted) return start;
        start += run + 1; // the bit that ended the run is set
    }
    return RTL_BITMAP_NOT_FOUND;
}

void CheckRange([[maybe_unused]] const RTL_BITMAP* bitmap, [[maybe_unused]] ULONG start, [[maybe_unused]] ULONG count) {
    NT_ASSERT(start <= bitmap->SizeOfBitMap && count <= bitmap->SizeOfBitMap - start);
}

} // namespace

extern "C" {

void NTAPI RtlInitializeBitMap(PRTL_BITMAP BitMapHeader, ULONG* BitMapBuffer, ULONG SizeOfBitMap) {
    BitMapHeader->SizeOfBitMap = SizeOfBitMap;
    BitMapHeader->Buffer = BitMapBuffer;
}

void NTAPI RtlSetBits(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG NumberToSet) {
    CheckRange(BitMapHeader, StartingIndex, NumberToSet);
    ForEachWord(BitMapHeader->Buffer, StartingIndex, NumberToSet, [](ULONG& word, ULONG mask) { word |= mask; });
}

void NTAPI RtlClearBits(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG NumberToClear) {
    CheckRange(BitMapHeader, StartingIndex, NumberToClear);
    ForEachWord(BitMapHeader->Buffer, StartingIndex, NumberToClear, [](ULONG& word, ULONG mask) { word &= ~mask; });
}

void NTAPI RtlSetAllBits(PRTL_BITMAP BitMapHeader) { RtlSetBits(BitMapHeader, 0, BitMapHeader->SizeOfBitMap); }

void NTAPI RtlClearAllBits(PRTL_BITMAP BitMapHeader) { RtlClearBits(BitMapHeader, 0, BitMapHeader->SizeOfBitMap); }

BOOLEAN NTAPI RtlCheckBit(const RTL_BITMAP* BitMapHeader, ULONG BitPosition) {
    CheckRange(BitMapHeader, BitPosition, 1);
    return IsSet(BitMapHeader, BitPosition);
}

ULONG NTAPI RtlFindClearBits(const RTL_BITMAP* BitMapHeader, ULONG NumberToFind, ULONG HintIndex) {
    const ULONG size = BitMapHeader->SizeOfBitMap;
    if (NumberToFind > size) return RTL_BITMAP_NOT_FOUND;
    if (HintIndex >= size) HintIndex = 0;
    if (NumberToFind == 0) return HintIndex / BYTE_BITS * BYTE_BITS; // as the public routine does
    const ULONG found = FindRun(BitMapHeader, NumberToFind, HintIndex, size);
    return found != RTL_BITMAP_NOT_FOUND ? found : FindRun(BitMapHeader, NumberToFind, 0, HintIndex);
}

ULONG NTAPI RtlFindClearBitsAndSet(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex) {
    const ULONG found = RtlFindClearBits(BitMapHeader, NumberToFind, HintIndex);
    if (found != RTL_BITMAP_NOT_FOUND) RtlSetBits(BitMapHeader, found, NumberToFind);
    return found;
}

ULONG NTAPI RtlNumberOfSetBits(const RTL_BITMAP* BitMapHeader) {
    ULONG count = 0;
    ForEachWord(BitMapHeader->Buffer, 0, BitMapHeader->SizeOfBitMap,
                [&count](ULONG& word, ULONG mask) { count += __builtin_popcount(word & mask); });
    return count;
}
}
