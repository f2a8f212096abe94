// RTL_BITMAP: an array of bits with searches for runs of clear bits.
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
}
