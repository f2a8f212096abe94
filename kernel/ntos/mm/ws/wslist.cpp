// Entries of a working set list: giving one to a page, taking it back, finding it.
//
// Locks, IRQL: see wsl.h. In the books: "working sets". PFN-11, PFN-13
#include "mm/ws/wsl.h"
#include "nt/assert.h"

namespace {

/// Links entries first..last, in this order, in front of the free list.
void LinkFree(MMWSL* list, ULONG first, ULONG last) {
    for (ULONG index = last + 1; index-- > first;) {
        list->Wsle[index] = {};
        list->Wsle[index].Free.NextFree = list->FirstFree;
        list->FirstFree = index;
    }
}

/// Maps the next page of the list, and frees its entries. @returns whether there was memory and room.
bool Grow(MMSUPPORT* workingSet) {
    MMWSL* const list = workingSet->VmWorkingSetList;
    const ULONG first = list->LastInitializedWsle + 1;
    if (first >= list->MaximumEntries) return false;
    if (!workingSet->Calls->MapPage(workingSet, &list->Wsle[first])) return false;
    ULONG last = first + PAGE_SIZE / sizeof(MMWSLE) - 1;
    if (last >= list->MaximumEntries) last = list->MaximumEntries - 1;
    LinkFree(list, first, last);
    list->LastInitializedWsle = last;
    return true;
}

bool IsEntryOf(const MMWSL* list, ULONG index, ULONG vpn) {
    return list->Wsle[index].e1.Valid && list->Wsle[index].e1.VirtualPageNumber == vpn;
}

} // namespace

void MiInitializeWorkingSetList(MMSUPPORT* workingSet, MMWSL* list, const MI_WORKING_SET_ROOM& room) {
    NT_ASSERT(reinterpret_cast<ULONG_PTR>(room.Wsle + room.MappedEntries) % PAGE_SIZE == 0);
    *list = {};
    list->Wsle = room.Wsle;
    list->FirstFree = WSLE_NULL_INDEX;
    list->LastInitializedWsle = room.MappedEntries - 1;
    list->MaximumEntries = room.MaximumEntries;
    list->HashTable = room.HashTable;
    list->MaximumHashTableSize = room.MaximumHashTableSize;
    LinkFree(list, 0, list->LastInitializedWsle);
    workingSet->VmWorkingSetList = list;
    workingSet->WorkingSetSize = 0;
}

ULONG MiAllocateWsle(MMSUPPORT* workingSet, ULONG vpn, ULONG protection, bool direct) {
    MMWSL* const list = workingSet->VmWorkingSetList;
    if (list->FirstFree == WSLE_NULL_INDEX && !Grow(workingSet)) return WSLE_NULL_INDEX;

    const ULONG index = list->FirstFree;
    MMWSLE& entry = list->Wsle[index];
    list->FirstFree = entry.Free.NextFree;
    entry = {};
    entry.e1.Valid = 1;
    entry.e1.VirtualPageNumber = vpn;
    entry.e1.Protection = protection;
    entry.e1.Direct = direct;
    if (index > list->LastEntry) list->LastEntry = index;
    workingSet->WorkingSetSize++;
    if (workingSet->WorkingSetSize > workingSet->PeakWorkingSetSize)
        workingSet->PeakWorkingSetSize = workingSet->WorkingSetSize;
    if (!direct) {
        list->NonDirectCount++;
        MiInsertWsleHash(workingSet, index);
    }
    return index;
}

void MiMakeWsleDirect(MMWSL* list, ULONG index) {
    MMWSLE& entry = list->Wsle[index];
    NT_ASSERT(entry.e1.Valid);
    if (entry.e1.Direct) return;
    if (entry.e1.Hashed) MiRemoveWsleHash(list, index);
    entry.e1.Direct = 1;
    list->NonDirectCount--;
}

void MiReleaseWsle(MMSUPPORT* workingSet, ULONG index) {
    MMWSL* const list = workingSet->VmWorkingSetList;
    MMWSLE& entry = list->Wsle[index];
    NT_ASSERT(entry.e1.Valid && index >= list->FirstDynamic);
    if (entry.e1.Hashed) MiRemoveWsleHash(list, index);
    if (!entry.e1.Direct) list->NonDirectCount--;
    LinkFree(list, index, index);
    workingSet->WorkingSetSize--;
}

ULONG MiLocateWsle(const MMWSL* list, ULONG vpn, ULONG hint) {
    // The hint may be another process's: it counts only if the entry there is the page's.
    if (hint <= list->LastEntry && IsEntryOf(list, hint, vpn)) return hint;
    if (const MMWSLE_HASH* slot = MiFindWsleHash(list, vpn)) return slot->Index;
    if (list->HashedCount < list->NonDirectCount) {
        for (ULONG index = 0; index <= list->LastEntry; index++) {
            if (IsEntryOf(list, index, vpn)) return index;
        }
    }
    return WSLE_NULL_INDEX;
}
