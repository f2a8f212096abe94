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
// Invariants, checked by MiCheckWorkingSet: each valid entry's page is valid in the page table, and an active page has
// one entry in each working set that holds it; the number of valid entries is MMSUPPORT::WorkingSetSize; each entry with
// Hashed set is found through the table, in as many steps as it takes to meet an empty slot.
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
    MMWSLE_HASH* HashTable;    ///< nullptr: none yet, look at every entry
    ULONG HashTableSize;       ///< slots, a power of two
};
