// Private to heap: blocks, segments, free lists.
//
//     segment   | header | block | block | block ... | end mark || reserved, not committed |
//                        each block begins with its HEAP_ENTRY: its own size and that of the block before
//
// Invariants: sizes are in units of 8 bytes. The blocks of a segment lie one behind the other, up to the end mark. No two free blocks
// are neighbours. A free block is on the list of its size, and on no other. HEAP_ENTRY::Check follows from the other fields: an entry
// that something has written over is found before it is believed.
#pragma once

#include "nt/list.h"
#include "user/criticalsection.h"
#include "user/heap.h"

constexpr ULONG HEAP_UNIT = 8;
constexpr ULONG HEAP_MINIMUM_UNITS = (8 + sizeof(LIST_ENTRY)) / HEAP_UNIT; ///< a free block holds its link
constexpr ULONG HEAP_MAXIMUM_UNITS = (1u << 20) - 1;                       ///< of one block of a segment
constexpr SIZE_T HEAP_LARGE = 512 * 1024; ///< bytes from which on a block has memory of its own
constexpr SIZE_T HEAP_SEGMENT_RESERVE = 1024 * 1024;
constexpr SIZE_T HEAP_SEGMENT_MAXIMUM = 4 * 1024 * 1024;
constexpr SIZE_T HEAP_COMMIT_STEP = 64 * 1024; ///< a segment grows by so much, and shrinks from twice as much on
constexpr ULONG HEAP_EXACT_LISTS = 64;         ///< list n < 64: blocks of n units
constexpr ULONG HEAP_LISTS = 80;               ///< the others: blocks of 2^k to 2^(k+1) - 1 units
constexpr ULONG HEAP_SIGNATURE = 0x50414548;   ///< "HEAP"

/// What a block is.
enum HEAP_ENTRY_FLAGS : ULONG { HEAP_ENTRY_BUSY = 1, HEAP_ENTRY_LARGE = 2, HEAP_ENTRY_LAST = 4 };

/// The head of a block.
struct HEAP_ENTRY {
    ULONGLONG Size : 20;         ///< units, with this head; 0 of a large block
    ULONGLONG PreviousSize : 20; ///< of the block below; 0: none is
    ULONGLONG Flags : 8;         ///< HEAP_ENTRY_FLAGS
    ULONGLONG UnusedBytes : 8;   ///< of a busy block: at its end, beyond what was asked for
    ULONGLONG Check : 8;
};
static_assert(sizeof(HEAP_ENTRY) == HEAP_UNIT);

/// A free block.
struct HEAP_FREE_ENTRY {
    HEAP_ENTRY Entry;
    LIST_ENTRY FreeLink;
};

/// A range of memory that a heap has reserved.
struct HEAP_SEGMENT {
    HEAP_SEGMENT* Next;
    UCHAR* End;          ///< of the reserved range
    UCHAR* CommittedEnd; ///< the end mark lies right below
    HEAP_ENTRY* First;
};

/// The head of a block that has memory of its own, in front of its HEAP_ENTRY.
struct HEAP_LARGE_BLOCK {
    LIST_ENTRY Link;
    SIZE_T Reserved; ///< bytes
    SIZE_T Size;     ///< bytes that were asked for
    HEAP_ENTRY Entry;
};
static_assert(sizeof(HEAP_LARGE_BLOCK) % HEAP_UNIT == 0);

/// A heap. It lies at the start of its first segment.
/// shared: Lock guards all
struct HEAP {
    HEAP_SEGMENT FirstSegment;
    ULONG Signature;
    ULONG Flags; ///< HEAP_*
    SIZE_T NextReserve;
    SIZE_T FreeUnits;
    ULONG NonEmpty[(HEAP_LISTS + 31) / 32]; ///< a bit for each list with blocks
    LIST_ENTRY FreeLists[HEAP_LISTS];
    LIST_ENTRY LargeBlocks;
    RTL_CRITICAL_SECTION Lock;
};

// ---- memory.cpp: memory by the page ----------------------------------------------------------------------------------------------------
/// @returns nullptr: none. @param bytes a multiple of the page size
PVOID RtlpReserve(SIZE_T bytes);
bool RtlpCommit(PVOID address, SIZE_T bytes);
void RtlpDecommit(PVOID address, SIZE_T bytes);
void RtlpRelease(PVOID address);
/// Whether it is the heap that a process begins with.
bool RtlpIsProcessHeap(const HEAP* heap);

// ---- entries.cpp: heads, neighbours, lists ---------------------------------------------------------------------------------------------
void RtlpSeal(HEAP_ENTRY* entry);
bool RtlpIsSealed(const HEAP_ENTRY* entry);
inline HEAP_ENTRY* RtlpNextEntry(HEAP_ENTRY* entry) { return entry + entry->Size; }
inline HEAP_ENTRY* RtlpPreviousEntry(HEAP_ENTRY* entry) { return entry - entry->PreviousSize; }
inline bool RtlpIsFree(const HEAP_ENTRY* entry) { return (entry->Flags & (HEAP_ENTRY_BUSY | HEAP_ENTRY_LAST)) == 0; }
/// The list for blocks of so many units.
ULONG RtlpListOf(ULONG units);
void RtlpInsertFree(HEAP* heap, HEAP_ENTRY* entry);
void RtlpRemoveFree(HEAP* heap, HEAP_ENTRY* entry);
/// @returns a free block of at least so many units, off its list; nullptr: none
HEAP_ENTRY* RtlpTakeFree(HEAP* heap, ULONG units);
/// Makes a block free, one with its free neighbours. @returns it
HEAP_ENTRY* RtlpCoalesce(HEAP* heap, HEAP_ENTRY* entry);
/// Cuts a block, which is on no list, to so many units; the rest becomes free, if it is long enough to be a block.
void RtlpSplit(HEAP* heap, HEAP_ENTRY* entry, ULONG units);

// ---- segments.cpp ----------------------------------------------------------------------------------------------------------------------
/// Lays out a segment. @param header bytes at its start that hold no blocks. @returns whether there was memory
bool RtlpInitializeSegment(HEAP* heap, HEAP_SEGMENT* segment, UCHAR* base, SIZE_T reserved, SIZE_T header,
                           SIZE_T commit);
/// Makes room for a block of so many units. @returns whether there is now
bool RtlpGrow(HEAP* heap, ULONG units);
/// Gives pages back at a segment's end, where the free block `entry` is its last and long.
void RtlpShrink(HEAP* heap, HEAP_ENTRY* entry);

// ---- large.cpp -------------------------------------------------------------------------------------------------------------------------
PVOID RtlpAllocateLarge(HEAP* heap, SIZE_T size);
void RtlpFreeLarge(HEAP_LARGE_BLOCK* block);

// ---- validate.cpp ----------------------------------------------------------------------------------------------------------------------
/// The entry of a busy block. @returns nullptr: `address` is no block of this heap, or its head is damaged
HEAP_ENTRY* RtlpBusyEntry(HEAP* heap, PVOID address);
inline HEAP_LARGE_BLOCK* RtlpLargeBlock(HEAP_ENTRY* entry) { return CONTAINING_RECORD(entry, HEAP_LARGE_BLOCK, Entry); }
