// RTL_BITMAP: runs of bits that are all clear or all set, and the highest and lowest bit of a number.
//
// In the books: "executive support: bitmaps". EXE-01
#include "rtl/bitmap.h"

namespace {

constexpr ULONG WORD_BITS = 32;

/// The first index in [from, end) whose bit is `set`, or `end`. Whole words of the other kind are passed at once.
ULONG FirstOfKind(const RTL_BITMAP* bitmap, ULONG from, ULONG end, bool set) {
    while (from < end) {
        const ULONG word = bitmap->Buffer[from / WORD_BITS];
        const ULONG rest = (set ? word : ~word) >> (from % WORD_BITS);
        if (rest) {
            from += ULONG(__builtin_ctz(rest));
            break;
        }
        from += WORD_BITS - from % WORD_BITS;
    }
    return from < end ? from : end;
}

/// The next run of clear bits that begins at `from` or behind it. @returns its length, 0 if there is none
ULONG NextClearRun(const RTL_BITMAP* bitmap, ULONG from, ULONG* start) {
    *start = FirstOfKind(bitmap, from, bitmap->SizeOfBitMap, false);
    return FirstOfKind(bitmap, *start, bitmap->SizeOfBitMap, true) - *start;
}

bool IsInside(const RTL_BITMAP* bitmap, ULONG start, ULONG length) {
    return length != 0 && start < bitmap->SizeOfBitMap && length <= bitmap->SizeOfBitMap - start;
}

/// Puts a run into an array of at most `size`, the longest first; of equal ones the earlier stays in front.
void KeepLongest(PRTL_BITMAP_RUN runs, ULONG size, ULONG* count, RTL_BITMAP_RUN run) {
    ULONG place = *count;
    while (place > 0 && runs[place - 1].NumberOfBits < run.NumberOfBits)
        place--;
    if (place == size) return;
    if (*count < size) ++*count;
    for (ULONG i = *count - 1; i > place; i--)
        runs[i] = runs[i - 1];
    runs[place] = run;
}

} // namespace

extern "C" {

ULONG NTAPI RtlFindClearRuns(const RTL_BITMAP* BitMapHeader, PRTL_BITMAP_RUN RunArray, ULONG SizeOfRunArray,
                             BOOLEAN LocateLongestRuns) {
    ULONG count = 0;
    ULONG start = 0;
    for (ULONG length; (length = NextClearRun(BitMapHeader, start, &start)) != 0; start += length) {
        if (LocateLongestRuns) {
            KeepLongest(RunArray, SizeOfRunArray, &count, {start, length});
        } else if (count == SizeOfRunArray) {
            break;
        } else {
            RunArray[count++] = {start, length};
        }
    }
    return count;
}

ULONG NTAPI RtlFindLongestRunClear(const RTL_BITMAP* BitMapHeader, ULONG* StartingIndex) {
    RTL_BITMAP_RUN longest = {};
    (void)RtlFindClearRuns(BitMapHeader, &longest, 1, TRUE);
    *StartingIndex = longest.StartingIndex;
    return longest.NumberOfBits;
}

ULONG NTAPI RtlFindNextForwardRunClear(const RTL_BITMAP* BitMapHeader, ULONG FromIndex, ULONG* StartingRunIndex) {
    const ULONG length =
        FromIndex < BitMapHeader->SizeOfBitMap ? NextClearRun(BitMapHeader, FromIndex, StartingRunIndex) : 0;
    if (length == 0) *StartingRunIndex = FromIndex;
    return length;
}

ULONG NTAPI RtlFindFirstRunClear(const RTL_BITMAP* BitMapHeader, ULONG* StartingIndex) {
    return RtlFindNextForwardRunClear(BitMapHeader, 0, StartingIndex);
}

ULONG NTAPI RtlFindLastBackwardRunClear(const RTL_BITMAP* BitMapHeader, ULONG FromIndex, ULONG* StartingRunIndex) {
    const auto isClear = [BitMapHeader](ULONG index) {
        return ((BitMapHeader->Buffer[index / WORD_BITS] >> (index % WORD_BITS)) & 1) == 0;
    };
    *StartingRunIndex = FromIndex;
    if (FromIndex >= BitMapHeader->SizeOfBitMap) return 0;
    ULONG end = FromIndex + 1; // of the run that is looked for
    while (end > 0 && !isClear(end - 1))
        end--;
    ULONG start = end;
    while (start > 0 && isClear(start - 1))
        start--;
    if (start != end) *StartingRunIndex = start;
    return end - start;
}

BOOLEAN NTAPI RtlAreBitsClear(const RTL_BITMAP* BitMapHeader, ULONG StartingIndex, ULONG Length) {
    if (!IsInside(BitMapHeader, StartingIndex, Length)) return FALSE;
    return FirstOfKind(BitMapHeader, StartingIndex, StartingIndex + Length, true) == StartingIndex + Length;
}

BOOLEAN NTAPI RtlAreBitsSet(const RTL_BITMAP* BitMapHeader, ULONG StartingIndex, ULONG Length) {
    if (!IsInside(BitMapHeader, StartingIndex, Length)) return FALSE;
    return FirstOfKind(BitMapHeader, StartingIndex, StartingIndex + Length, false) == StartingIndex + Length;
}

ULONG NTAPI RtlNumberOfClearBits(const RTL_BITMAP* BitMapHeader) {
    return BitMapHeader->SizeOfBitMap - RtlNumberOfSetBits(BitMapHeader);
}

CHAR NTAPI RtlFindMostSignificantBit(ULONGLONG Set) { return static_cast<CHAR>(Set ? 63 - __builtin_clzll(Set) : -1); }

CHAR NTAPI RtlFindLeastSignificantBit(ULONGLONG Set) { return static_cast<CHAR>(Set ? __builtin_ctzll(Set) : -1); }
}
