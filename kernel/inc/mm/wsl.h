// The structures of a working set list: its head, its entries, its hash table.
//
// The list of a process lies in its hyperspace, and is there in its own address space only. How the parts belong
// together, what must hold, and the routines: ntos/mm/ws/wsl.h.
// Lock: MMSUPPORT::WorkingSetMutex. IRQL: APC_LEVEL while held.
// In the books: "working sets", "working set management". PFN-11, PFN-13
#pragma once

#include "mm/addressspace.h"
#include "nt/types.h"

constexpr ULONG WSLE_NULL_INDEX = 0xFFFFFFF; ///< no entry: the end of the free ones
constexpr ULONG MM_MAXIMUM_AGE = 3;          ///< an entry's age stops there

/// One entry: a page, or a link of the free list.
union MMWSLE {
    ULONG Long;
    struct {
        ULONG Valid : 1;
        ULONG LockedInWs : 1;
        ULONG LockedInMemory : 1;
        ULONG Protection : 5; ///< MM_PROTECTION of this process's mapping of a shared page
        ULONG Hashed : 1;     ///< found through the hash table, not through its page
        ULONG Direct : 1;     ///< its page's WsIndex is this entry
        ULONG Age : 2;        ///< looks since it was used last, up to MM_MAXIMUM_AGE
        ULONG VirtualPageNumber : 20;
    } e1;
    struct {
        ULONG Valid : 1; ///< 0
        ULONG Reserved : 3;
        ULONG NextFree : 28; ///< WSLE_NULL_INDEX: none
    } Free;
};
static_assert(sizeof(MMWSLE) == 4);

/// A slot of the hash table.
struct MMWSLE_HASH {
    ULONG Key;   ///< virtual page number + 1; 0: the slot is empty
    ULONG Index; ///< of the entry
};

/// The head of a working set list.
struct MMWSL {
    ULONG FirstFree;           ///< WSLE_NULL_INDEX: none
    ULONG FirstDynamic;        ///< entries below are never trimmed
    ULONG LastEntry;           ///< highest index that was ever used
    ULONG NextSlot;            ///< where the next trim begins to look
    MMWSLE* Wsle;              ///< the entries
    ULONG LastInitializedWsle; ///< highest index that is mapped
    ULONG NonDirectCount;      ///< entries that the hash table must find
    ULONG MaximumEntries;      ///< that there is room for, mapped or not
    MMWSLE_HASH* HashTable;    ///< its place; nothing is mapped there while HashTableSize is 0
    ULONG HashTableSize;       ///< slots, a power of two; 0: there is none yet
    ULONG MaximumHashTableSize;
    ULONG HashedCount; ///< entries in the table; fewer than NonDirectCount: there was no memory, look at every entry
};
