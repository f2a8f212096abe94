// A working set list: which pages a process has in memory, and since when it has not used them.
//
// An array of entries (MMWSLE), one a page, at a fixed place of the process's hyperspace, grown a page at a time. Free
// entries are linked through their own index. An active page knows its entry (MMPFN::u1.WsIndex); for a page that several
// processes share that is the first one's, so the others find theirs through a hash table by address.
//
//      MMWSL: FirstFree --> [e] --> [e] --> none          entries  0 .. FirstDynamic-1: locked for ever
//             NextSlot: where trimming goes on                     .. LastEntry: in use or free
//             HashTable: address -> index                          .. LastInitializedWsle: mapped
//
// Invariants, checked by MiCheckWorkingSet: an entry is valid or on the free list; the valid ones are WorkingSetSize many and
// lie at LastEntry or below; entries below FirstDynamic are locked, and no other ones are; each entry with Hashed set is
// found through the table, in as many steps as it takes to meet an empty slot.
// Kept by the callers: each valid entry's page is valid in the page table, and an active page has one entry in each working
// set that holds it; Direct is set exactly where the page's WsIndex is the entry's index.
// Lock: MMSUPPORT::WorkingSetMutex. IRQL: APC_LEVEL while held.
// In the books: "working sets", "working set management". PFN-11, PFN-13
#pragma once

#include "mm/addressspace.h"
#include "mm/wsl.h"
#include "nt/types.h"

/// What a working set asks of the page tables and of the pages. Each is called with the WorkingSetMutex held, but Enter.
struct MI_WORKING_SET_CALLS {
    /// Maps a page of zeros for the list or its hash table. @returns false: memory is short.
    bool (*MapPage)(MMSUPPORT* workingSet, PVOID address);
    void (*UnmapPage)(MMSUPPORT* workingSet, PVOID address);
    /// Clears a page's accessed bit. @returns whether it was set: whether the page has been used since the last call.
    bool (*TestAndClearAccessed)(MMSUPPORT* workingSet, ULONG vpn);
    /// Takes a page out of the page table. The caller releases its entry. @returns false: the page cannot go now.
    bool (*RemovePage)(MMSUPPORT* workingSet, ULONG vpn);
    /// The entry of a page has moved: its WsIndex is `index` from now on.
    void (*SetWsIndex)(MMSUPPORT* workingSet, ULONG vpn, ULONG index);
    /// For threads of other processes: makes the working set's own address space the current one, and takes the
    /// WorkingSetMutex. @returns false: it is busy, pass it over.
    bool (*Enter)(MMSUPPORT* workingSet);
    void (*Leave)(MMSUPPORT* workingSet);
};

/// Where a working set list lies.
struct MI_WORKING_SET_ROOM {
    MMWSLE* Wsle;         ///< its entries begin here
    ULONG MappedEntries;  ///< entries that are mapped already
    ULONG MaximumEntries; ///< the first page boundary at or behind the last mapped entry is where it grows
    MMWSLE_HASH* HashTable;
    ULONG MaximumHashTableSize; ///< slots, a power of two; at least a page of them
};

/// Which lock a page has in a working set.
enum class MI_WSLE_LOCK : UCHAR {
    InWorkingSet, ///< it stays in the working set
    InMemory,     ///< it stays in memory, too, while the working set is swapped out
};

// wslist.cpp: entries.

/// Makes an empty list at `room`. `workingSet` has its Calls already.
void MiInitializeWorkingSetList(MMSUPPORT* workingSet, MMWSL* list, const MI_WORKING_SET_ROOM& room);
/// Gives a page an entry, with age 0. @param vpn of a page that has none. @param protection MM_PROTECTION. @param direct whether
/// the caller makes the page's WsIndex the returned index. @returns the index, or WSLE_NULL_INDEX: the list cannot grow.
ULONG MiAllocateWsle(MMSUPPORT* workingSet, ULONG vpn, ULONG protection, bool direct);
/// The page is found by its WsIndex from now on: the caller makes that this index.
void MiMakeWsleDirect(MMWSL* list, ULONG index);
/// Frees a valid entry that is not locked.
void MiReleaseWsle(MMSUPPORT* workingSet, ULONG index);
/// @param hint the page's WsIndex. @returns the index of the page's entry, or WSLE_NULL_INDEX.
ULONG MiLocateWsle(const MMWSL* list, ULONG vpn, ULONG hint);

// wsmove.cpp: entries that change their places.

/// Exchanges two entries; one of them may be free. Pages and hash table learn the new places.
void MiSwapWslEntries(MMSUPPORT* workingSet, ULONG one, ULONG other);
/// Locks a page: its entry moves below FirstDynamic. @returns the entry's new index.
ULONG MiLockWsle(MMSUPPORT* workingSet, ULONG index, MI_WSLE_LOCK lock);
/// Takes a lock away; with the last one the entry moves back above FirstDynamic. @returns the entry's new index.
ULONG MiUnlockWsle(MMSUPPORT* workingSet, ULONG index, MI_WSLE_LOCK lock);
/// Frees a valid entry, and takes its locks away first: its page is deleted, or may not be used any more.
void MiReleaseLockedWsle(MMSUPPORT* workingSet, ULONG index);
/// Moves entries down into free ones, and unmaps pages of the list that are then empty. @returns how many.
ULONG MiShrinkWorkingSetList(MMSUPPORT* workingSet);

// wshash.cpp: the hash table.

/// Adds a valid entry that is not Direct, and sets Hashed; grows the table. Without memory the entry stays out of it.
void MiInsertWsleHash(MMSUPPORT* workingSet, ULONG index);
/// Takes an entry with Hashed set out.
void MiRemoveWsleHash(MMWSL* list, ULONG index);
/// @returns the slot of a page; nullptr: it is not in the table.
MMWSLE_HASH* MiFindWsleHash(const MMWSL* list, ULONG vpn);

/// Checked builds and tests: the invariants above. @returns what is broken, in words; nullptr if nothing is.
PCSTR MiCheckWorkingSet(const MMSUPPORT* workingSet);
