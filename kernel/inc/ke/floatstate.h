// Floating-point and SSE registers in kernel mode.
//
// The kernel itself uses none of them. A driver that does saves them first and restores them afterwards: between the two the
// registers are the calling thread's (or the DPC's), whatever thread runs on the processor meanwhile. Pairs nest.
// A switch of threads saves and loads the registers of threads inside such a pair, and only of those: eager, so no fault is
// involved and a thread may move to another processor.
// In the books: the processor manual; "thread context". SCH-14
#pragma once

#include "ntstatus.h"

/// Where KeSaveFloatingPointState notes what it has saved. Drivers do not look inside.
/// shared: no, the caller's own
struct KFLOATING_SAVE {
    ULONG ControlWord;
    ULONG StatusWord;
    ULONG ErrorOffset;
    ULONG ErrorSelector;
    ULONG DataOffset;
    ULONG DataSelector;
    ULONG Cr0NpxState;
    ULONG Spare1;
};
using PKFLOATING_SAVE = KFLOATING_SAVE*;

extern "C" {
/// Saves the registers and gives the caller fresh ones: empty, exceptions masked. @param FloatSave until the restore.
/// @returns STATUS_INSUFFICIENT_RESOURCES; STATUS_ILLEGAL_FLOAT_CONTEXT above DISPATCH_LEVEL. @irql <= DISPATCH_LEVEL
NTKERNELAPI NTSTATUS NTAPI KeSaveFloatingPointState(PKFLOATING_SAVE FloatSave);
/// Loads what the matching save has saved. @irql as at the save, in the same thread (or the same DPC)
NTKERNELAPI NTSTATUS NTAPI KeRestoreFloatingPointState(PKFLOATING_SAVE FloatSave);

/// Supplied by the executive: memory for saved registers, non-paged. @irql <= DISPATCH_LEVEL
PVOID NTAPI KeAllocateFloatingArea(SIZE_T NumberOfBytes);
void NTAPI KeFreeFloatingArea(PVOID Area);
}
