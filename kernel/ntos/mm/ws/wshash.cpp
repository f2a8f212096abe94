// The hash table of a working set list: from the address of a page to its entry.
//
// Open addressing: a page's slot is its home, which follows from its address, or one of those behind, up to the first
// empty slot. A slot that is emptied must not cut off the ones behind it. So a removal moves entries that could not have
// their home back into the hole, until the hole is where nobody misses it.
//
// The table grows in place: the same pages and as many again behind them. It is then filled anew from the entries.
// Locks, IRQL: see wsl.h. In the books: "working sets", "open addressing". PFN-13
#include "mm/ws/wsl.h"
#include "nt/assert.h"

namespace {

constexpr ULONG SLOTS_PER_PAGE = PAGE_SIZE / sizeof(MMWSLE_HASH);

/// The home of a page: Knuth's multiplicative hashing, by 2^32 times the golden ratio. Neighbours come to lie far apart.
ULONG Home(const MMWSL* list, ULONG vpn) { return vpn * 0x9E3779B1u >> (32 - __builtin_ctz(list->HashTableSize)); }

ULONG Behind(const MMWSL* list, ULONG slot) { return (slot + 1) & (list->HashTableSize - 1); }

/// Puts an entry into the first empty slot from its home on. One is empty.
void Insert(MMWSL* list, ULONG index) {
    const ULONG vpn = list->Wsle[index].e1.VirtualPageNumber;
    ULONG slot = Home(list, vpn);
    while (list->HashTable[slot].Key != 0)
        slot = Behind(list, slot);
    list->HashTable[slot] = {vpn + 1, index};
    list->Wsle[index].e1.Hashed = 1;
    list->HashedCount++;
}

/// Fills the table anew with all entries that are not Direct, as far as one slot stays empty.
void Refill(MMWSL* list) {
    for (ULONG slot = 0; slot < list->HashTableSize; slot++)
        list->HashTable[slot] = {};
    list->HashedCount = 0;
    for (ULONG index = 0; index <= list->LastEntry; index++) {
        MMWSLE& entry = list->Wsle[index];
        if (!entry.e1.Valid || entry.e1.Direct) continue;
        entry.e1.Hashed = 0;
        if (list->HashedCount + 1 < list->HashTableSize) Insert(list, index);
    }
}

/// Doubles the table, or makes it. @returns whether there was memory and room.
bool Grow(MMSUPPORT* workingSet) {
    MMWSL* const list = workingSet->VmWorkingSetList;
    const ULONG size = list->HashTableSize ? 2 * list->HashTableSize : SLOTS_PER_PAGE;
    if (size > list->MaximumHashTableSize) return false;
    for (ULONG slot = list->HashTableSize; slot < size; slot += SLOTS_PER_PAGE) {
        if (workingSet->Calls->MapPage(workingSet, &list->HashTable[slot])) continue;
        while (slot > list->HashTableSize) {
            slot -= SLOTS_PER_PAGE;
            workingSet->Calls->UnmapPage(workingSet, &list->HashTable[slot]);
        }
        return false;
    }
    list->HashTableSize = size;
    Refill(list);
    return true;
}

} // namespace

void MiInsertWsleHash(MMSUPPORT* workingSet, ULONG index) {
    MMWSL* const list = workingSet->VmWorkingSetList;
    NT_ASSERT(list->Wsle[index].e1.Valid && !list->Wsle[index].e1.Direct && !list->Wsle[index].e1.Hashed);
    const bool crowded = list->HashedCount >= list->HashTableSize / 4 * 3;
    if (crowded && Grow(workingSet)) return; // filled with all entries, with this one too
    if (list->HashedCount + 1 < list->HashTableSize) Insert(list, index);
}

MMWSLE_HASH* MiFindWsleHash(const MMWSL* list, ULONG vpn) {
    if (list->HashTableSize == 0) return nullptr;
    for (ULONG slot = Home(list, vpn); list->HashTable[slot].Key != 0; slot = Behind(list, slot)) {
        if (list->HashTable[slot].Key == vpn + 1) return &list->HashTable[slot];
    }
    return nullptr;
}

void MiRemoveWsleHash(MMWSL* list, ULONG index) {
    MMWSLE& entry = list->Wsle[index];
    MMWSLE_HASH* const found = MiFindWsleHash(list, entry.e1.VirtualPageNumber);
    NT_ASSERT(found && found->Index == index);
    entry.e1.Hashed = 0;
    list->HashedCount--;

    const ULONG mask = list->HashTableSize - 1;
    ULONG hole = ULONG(found - list->HashTable);
    for (ULONG slot = Behind(list, hole); list->HashTable[slot].Key != 0; slot = Behind(list, slot)) {
        const ULONG home = Home(list, list->HashTable[slot].Key - 1);
        const ULONG fromHome = (slot - home) & mask, fromHole = (slot - hole) & mask;
        if (fromHome < fromHole) continue; // its home lies behind the hole: a search for it does not pass the hole
        list->HashTable[hole] = list->HashTable[slot];
        hole = slot;
    }
    list->HashTable[hole] = {};
}
