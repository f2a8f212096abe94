// RTL_BITMAP: set, clear, test, count, and the search for a run of bits.
//
// The search goes word by word where a word has no bit of the wanted kind, bit by bit elsewhere.
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

/// The first run of `wanted` bits of one kind that begins in [from, end) and lies inside the bitmap.
ULONG FindRun(const RTL_BITMAP* bitmap, bool set, ULONG wanted, ULONG from, ULONG end) {
    const ULONG size = bitmap->SizeOfBitMap;
    const ULONG unwanted = set ? 0 : ~0u; // a word without any bit that is looked for
    for (ULONG start = from; start < end && wanted <= size - start;) {
        if (start % WORD_BITS == 0 && bitmap->Buffer[start / WORD_BITS] == unwanted) {
            start += WORD_BITS;
            if (start > size) break;
            continue;
        }
        ULONG run = 0;
        while (run < wanted && IsSet(bitmap, start + run) == set)
            run++;
        if (run == wanted) return start;
        start += run + 1; // the bit that ended the run is of the other kind
    }
    return RTL_BITMAP_NOT_FOUND;
}

/// From the hint on, then from the start.
ULONG Find(const RTL_BITMAP* bitmap, bool set, ULONG wanted, ULONG hint) {
    const ULONG size = bitmap->SizeOfBitMap;
    if (wanted > size) return RTL_BITMAP_NOT_FOUND;
    if (hint >= size) hint = 0;
    if (wanted == 0) return hint / BYTE_BITS * BYTE_BITS; // as the public routine does
    const ULONG found = FindRun(bitmap, set, wanted, hint, size);
    return found != RTL_BITMAP_NOT_FOUND ? found : FindRun(bitmap, set, wanted, 0, hint);
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

BOOLEAN NTAPI RtlTestBit(const RTL_BITMAP* BitMapHeader, ULONG BitNumber) {
    return RtlCheckBit(BitMapHeader, BitNumber);
}

void NTAPI RtlSetBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber) { RtlSetBits(BitMapHeader, BitNumber, 1); }

void NTAPI RtlClearBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber) { RtlClearBits(BitMapHeader, BitNumber, 1); }

ULONG NTAPI RtlFindClearBits(const RTL_BITMAP* BitMapHeader, ULONG NumberToFind, ULONG HintIndex) {
    return Find(BitMapHeader, false, NumberToFind, HintIndex);
}

ULONG NTAPI RtlFindSetBits(const RTL_BITMAP* BitMapHeader, ULONG NumberToFind, ULONG HintIndex) {
    return Find(BitMapHeader, true, NumberToFind, HintIndex);
}

ULONG NTAPI RtlFindSetBitsAndClear(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex) {
    const ULONG found = RtlFindSetBits(BitMapHeader, NumberToFind, HintIndex);
    if (found != RTL_BITMAP_NOT_FOUND) RtlClearBits(BitMapHeader, found, NumberToFind);
    return found;
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
