// RTL_BITMAP: an array of bits with searches for runs.
//
// Invariant: bits at and beyond SizeOfBitMap in the last word are never returned and never changed.
// In the books: "executive support: bitmaps". EXE-01
#pragma once

#include "nt/types.h"

constexpr ULONG RTL_BITMAP_NOT_FOUND = 0xFFFFFFFF;

/// An array of bits, and how many there are.
struct RTL_BITMAP {
    ULONG SizeOfBitMap; ///< in bits
    ULONG* Buffer;
};
using PRTL_BITMAP = RTL_BITMAP*;

/// A run of bits.
struct RTL_BITMAP_RUN {
    ULONG StartingIndex;
    ULONG NumberOfBits;
};
using PRTL_BITMAP_RUN = RTL_BITMAP_RUN*;

extern "C" {
NTKERNELAPI void NTAPI RtlInitializeBitMap(PRTL_BITMAP BitMapHeader, ULONG* BitMapBuffer, ULONG SizeOfBitMap);
NTKERNELAPI void NTAPI RtlClearAllBits(PRTL_BITMAP BitMapHeader);
NTKERNELAPI void NTAPI RtlSetAllBits(PRTL_BITMAP BitMapHeader);
NTKERNELAPI void NTAPI RtlSetBits(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG NumberToSet);
NTKERNELAPI void NTAPI RtlClearBits(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG NumberToClear);
NTKERNELAPI BOOLEAN NTAPI RtlCheckBit(const RTL_BITMAP* BitMapHeader, ULONG BitPosition);
/// @returns the first index of `NumberToFind` clear bits in a row, searched from `HintIndex` and then from the start;
/// RTL_BITMAP_NOT_FOUND if there is none. No bits (0) are found at the hint, rounded down to 8.
NTKERNELAPI ULONG NTAPI RtlFindClearBits(const RTL_BITMAP* BitMapHeader, ULONG NumberToFind, ULONG HintIndex);
NTKERNELAPI ULONG NTAPI RtlFindClearBitsAndSet(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex);
NTKERNELAPI ULONG NTAPI RtlNumberOfSetBits(const RTL_BITMAP* BitMapHeader);
NTKERNELAPI ULONG NTAPI RtlNumberOfClearBits(const RTL_BITMAP* BitMapHeader);
/// As RtlFindClearBits and RtlFindClearBitsAndSet, of set bits.
NTKERNELAPI ULONG NTAPI RtlFindSetBits(const RTL_BITMAP* BitMapHeader, ULONG NumberToFind, ULONG HintIndex);
NTKERNELAPI ULONG NTAPI RtlFindSetBitsAndClear(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex);
/// One bit each; its index must be below SizeOfBitMap.
NTKERNELAPI void NTAPI RtlSetBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber);
NTKERNELAPI void NTAPI RtlClearBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber);
NTKERNELAPI BOOLEAN NTAPI RtlTestBit(const RTL_BITMAP* BitMapHeader, ULONG BitNumber);
/// @returns whether all these bits are clear (set); false if there are none, or if the range leaves the bitmap
NTKERNELAPI BOOLEAN NTAPI RtlAreBitsClear(const RTL_BITMAP* BitMapHeader, ULONG StartingIndex, ULONG Length);
NTKERNELAPI BOOLEAN NTAPI RtlAreBitsSet(const RTL_BITMAP* BitMapHeader, ULONG StartingIndex, ULONG Length);
/// Lists runs of clear bits. @param LocateLongestRuns the longest of all, the longest first; else the first ones, in order.
/// @returns how many were listed, at most `SizeOfRunArray`
NTKERNELAPI ULONG NTAPI RtlFindClearRuns(const RTL_BITMAP* BitMapHeader, PRTL_BITMAP_RUN RunArray, ULONG SizeOfRunArray,
                                         BOOLEAN LocateLongestRuns);
/// @returns the length of the longest (first) run of clear bits, 0 if there is none. @param StartingIndex receives its start
NTKERNELAPI ULONG NTAPI RtlFindLongestRunClear(const RTL_BITMAP* BitMapHeader, ULONG* StartingIndex);
NTKERNELAPI ULONG NTAPI RtlFindFirstRunClear(const RTL_BITMAP* BitMapHeader, ULONG* StartingIndex);
/// The next run of clear bits from an index on. @returns its length; 0 if there is none: `*StartingRunIndex` is `FromIndex` then
NTKERNELAPI ULONG NTAPI RtlFindNextForwardRunClear(const RTL_BITMAP* BitMapHeader, ULONG FromIndex,
                                                   ULONG* StartingRunIndex);
/// The last run of clear bits that begins at an index or before it, up to that index. @returns its length, as above
NTKERNELAPI ULONG NTAPI RtlFindLastBackwardRunClear(const RTL_BITMAP* BitMapHeader, ULONG FromIndex,
                                                    ULONG* StartingRunIndex);
/// @returns the number of the highest (lowest) bit that is set, -1 for zero
NTKERNELAPI CHAR NTAPI RtlFindMostSignificantBit(ULONGLONG Set);
NTKERNELAPI CHAR NTAPI RtlFindLeastSignificantBit(ULONGLONG Set);
}
