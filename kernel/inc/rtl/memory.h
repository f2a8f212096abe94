// Memory routines by their Rtl names: compare, fill, move.
//
// Any IRQL, as long as the memory is resident. In the books: "executive support: run-time library". EXE-01
#pragma once

#include "nt/types.h"

extern "C" {
/// @returns how many bytes at the start are the same: `Length` if all are
NTKERNELAPI SIZE_T NTAPI RtlCompareMemory(const void* Source1, const void* Source2, SIZE_T Length);
/// @param Length bytes; a rest of less than four is not looked at. @returns the bytes at the start that repeat the pattern
NTKERNELAPI SIZE_T NTAPI RtlCompareMemoryUlong(PVOID Source, SIZE_T Length, ULONG Pattern);
NTKERNELAPI void NTAPI RtlFillMemory(PVOID Destination, SIZE_T Length, UCHAR Fill);
/// @param Length bytes: whole patterns are written, a rest stays as it is
NTKERNELAPI void NTAPI RtlFillMemoryUlong(PVOID Destination, SIZE_T Length, ULONG Pattern);
NTKERNELAPI void NTAPI RtlFillMemoryUlonglong(PVOID Destination, SIZE_T Length, ULONGLONG Pattern);
/// The two may overlap.
NTKERNELAPI void NTAPI RtlMoveMemory(PVOID Destination, const void* Source, SIZE_T Length);
NTKERNELAPI void NTAPI RtlZeroMemory(PVOID Destination, SIZE_T Length);
/// Asks the processor to fetch the lines into its nearest cache, for one use. A hint: no fault, no effect on what is read.
NTKERNELAPI void FASTCALL RtlPrefetchMemoryNonTemporal(PVOID Source, SIZE_T Length);

/// The bytes in the other order.
NTKERNELAPI USHORT FASTCALL RtlUshortByteSwap(USHORT Source);
NTKERNELAPI ULONG FASTCALL RtlUlongByteSwap(ULONG Source);
NTKERNELAPI ULONGLONG FASTCALL RtlUlonglongByteSwap(ULONGLONG Source);
}
