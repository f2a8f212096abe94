// Heaps: memory by the byte, in user mode.
//
// A block begins at a multiple of 8. A process has one heap from its beginning (PEB::ProcessHeap) and may make more.
// Locks: a heap has its own, but with HEAP_NO_SERIALIZE: then the caller sees to it that one thread uses the heap at a time.
// In the books: "heap manager". EXE-01
#pragma once

#include "ntstatus.h"

// Flags of a heap and of a call (documented values).
constexpr ULONG HEAP_NO_SERIALIZE = 0x01;
constexpr ULONG HEAP_GROWABLE = 0x02;
constexpr ULONG HEAP_GENERATE_EXCEPTIONS = 0x04; ///< raise STATUS_NO_MEMORY instead of returning nullptr
constexpr ULONG HEAP_ZERO_MEMORY = 0x08;
constexpr ULONG HEAP_REALLOC_IN_PLACE_ONLY = 0x10;

/// How a heap grows; Mica looks at nothing but Length.
struct RTL_HEAP_PARAMETERS {
    ULONG Length;
    SIZE_T Reserved[11];
};

extern "C" {
/// Makes a heap. @param HeapBase nullptr: memory of its own. @param ReserveSize bytes to reserve; 0: 1 MB. @param CommitSize bytes of
/// them to commit now. @param Lock, Parameters nullptr. @returns nullptr: no memory, or HeapBase, Lock are given
NTKERNELAPI PVOID NTAPI RtlCreateHeap(ULONG Flags, PVOID HeapBase, SIZE_T ReserveSize, SIZE_T CommitSize, PVOID Lock,
                                      RTL_HEAP_PARAMETERS* Parameters);
/// Gives a heap back, with all blocks. @returns nullptr: done; the heap: it is the process's own
NTKERNELAPI PVOID NTAPI RtlDestroyHeap(PVOID HeapHandle);
/// @param Size in bytes; 0 gives a block, too. @returns nullptr: no memory
NTKERNELAPI PVOID NTAPI RtlAllocateHeap(PVOID HeapHandle, ULONG Flags, SIZE_T Size);
/// @param BaseAddress nullptr: nothing happens. @returns FALSE: it is no block of this heap, is free, or its header is damaged
NTKERNELAPI BOOLEAN NTAPI RtlFreeHeap(PVOID HeapHandle, ULONG Flags, PVOID BaseAddress);
/// Makes a block longer or shorter, in its place or in another. @returns nullptr: no memory, or no block of this heap; the block is as
/// it was
NTKERNELAPI PVOID NTAPI RtlReAllocateHeap(PVOID HeapHandle, ULONG Flags, PVOID BaseAddress, SIZE_T Size);
/// @returns the bytes that were asked for; all bits set: no block of this heap
NTKERNELAPI SIZE_T NTAPI RtlSizeHeap(PVOID HeapHandle, ULONG Flags, PVOID BaseAddress);
/// Take and give back a heap's lock: several calls as one. @returns FALSE: it is no heap, or has no lock
NTKERNELAPI BOOLEAN NTAPI RtlLockHeap(PVOID HeapHandle);
NTKERNELAPI BOOLEAN NTAPI RtlUnlockHeap(PVOID HeapHandle);
/// Looks through a heap, or at one block. @param BaseAddress nullptr: all of the heap. @returns whether everything is in order
NTKERNELAPI BOOLEAN NTAPI RtlValidateHeap(PVOID HeapHandle, ULONG Flags, PVOID BaseAddress);
}
