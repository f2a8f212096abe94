// The invariants of a working set list, as a routine: checked builds call it after changes, tests after each step.
//
// Locks, IRQL: see wsl.h. In the books: "working sets". PFN-11, PFN-13
#include "mm/ws/wsl.h"

namespace {

PCSTR CheckFreeList(const MMWSL* list, ULONG free) {
    ULONG seen = 0;
    for (ULONG index = list->FirstFree; index != WSLE_NULL_INDEX; index = list->Wsle[index].Free.NextFree) {
        if (index > list->LastInitializedWsle) return "the free list leads to an entry that is not mapped";
        if (list->Wsle[index].e1.Valid) return "a valid entry is on the free list";
        if (++seen > free) return "the free list leads back into itself";
    }
    return seen == free ? nullptr : "an entry is neither valid nor on the free list";
}

PCSTR CheckHashTable(const MMWSL* list) {
    ULONG used = 0;
    for (ULONG slot = 0; slot < list->HashTableSize; slot++)
        used += list->HashTable[slot].Key != 0;
    if (used != list->HashedCount) return "HashedCount is not the number of slots in use";
    return list->HashTableSize == 0 || used < list->HashTableSize ? nullptr : "the hash table has no empty slot";
}

} // namespace

PCSTR MiCheckWorkingSet(const MMSUPPORT* workingSet) {
    const MMWSL* const list = workingSet->VmWorkingSetList;
    ULONG valid = 0, nonDirect = 0, hashed = 0;
    for (ULONG index = 0; index <= list->LastInitializedWsle; index++) {
        const auto& entry = list->Wsle[index].e1;
        if (!entry.Valid) {
            if (index < list->FirstDynamic) return "a free entry lies below FirstDynamic";
            continue;
        }
        if (index > list->LastEntry) return "a valid entry lies above LastEntry";
        const bool locked = entry.LockedInWs || entry.LockedInMemory;
        if (locked != (index < list->FirstDynamic)) return "FirstDynamic does not part locked entries from others";
        if (entry.Direct && entry.Hashed) return "an entry is Direct and Hashed";
        valid++;
        nonDirect += !entry.Direct;
        hashed += entry.Hashed;
        if (!entry.Hashed) continue;
        const MMWSLE_HASH* const slot = MiFindWsleHash(list, entry.VirtualPageNumber);
        if (!slot) return "an entry with Hashed set is not found";
        if (slot->Index != index) return "the hash table leads to another entry";
    }
    if (valid != workingSet->WorkingSetSize) return "WorkingSetSize is not the number of valid entries";
    if (nonDirect != list->NonDirectCount) return "NonDirectCount is not the number of such entries";
    if (hashed != list->HashedCount) return "HashedCount is not the number of such entries";
    if (PCSTR broken = CheckFreeList(list, list->LastInitializedWsle + 1 - valid)) return broken;
    return CheckHashTable(list);
}
