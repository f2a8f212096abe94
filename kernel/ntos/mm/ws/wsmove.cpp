// Entries that change their places in a working set list: locked ones go to its start, and when it has become too long
// for its pages, the last ones go down into free ones.
//
// Whatever moves an entry tells the page (SetWsIndex, if the entry is Direct) and the hash table.
// Locks, IRQL: see wsl.h. In the books: "working sets", "locking pages". PFN-11, PFN-13
#include "mm/ws/wsl.h"
#include "nt/assert.h"

namespace {

/// A valid entry has come to lie at `index`: whoever finds it by its index learns that.
void TellNewIndex(MMSUPPORT* workingSet, ULONG index) {
    MMWSL* const list = workingSet->VmWorkingSetList;
    const MMWSLE entry = list->Wsle[index];
    if (entry.e1.Direct) workingSet->Calls->SetWsIndex(workingSet, entry.e1.VirtualPageNumber, index);
    if (entry.e1.Hashed) MiFindWsleHash(list, entry.e1.VirtualPageNumber)->Index = index;
}

/// The link of the free list that leads to a free entry leads to `instead` from now on.
void RedirectFree(MMWSL* list, ULONG index, ULONG instead) {
    if (list->FirstFree == index) {
        list->FirstFree = instead;
        return;
    }
    ULONG before = list->FirstFree;
    while (list->Wsle[before].Free.NextFree != index)
        before = list->Wsle[before].Free.NextFree;
    list->Wsle[before].Free.NextFree = instead;
}

void SetLock(MMWSLE& entry, MI_WSLE_LOCK lock, bool locked) {
    if (lock == MI_WSLE_LOCK::InWorkingSet)
        entry.e1.LockedInWs = locked;
    else
        entry.e1.LockedInMemory = locked;
}

bool SamePage(const MMWSLE* one, const MMWSLE* other) {
    return reinterpret_cast<ULONG_PTR>(one) / PAGE_SIZE == reinterpret_cast<ULONG_PTR>(other) / PAGE_SIZE;
}

} // namespace

void MiSwapWslEntries(MMSUPPORT* workingSet, ULONG one, ULONG other) {
    MMWSL* const list = workingSet->VmWorkingSetList;
    if (one == other) return;
    const MMWSLE first = list->Wsle[one], second = list->Wsle[other];
    NT_ASSERT(first.e1.Valid || second.e1.Valid);
    if (!first.e1.Valid) RedirectFree(list, one, other);
    if (!second.e1.Valid) RedirectFree(list, other, one);
    list->Wsle[one] = second;
    list->Wsle[other] = first;
    if (second.e1.Valid) TellNewIndex(workingSet, one);
    if (first.e1.Valid) TellNewIndex(workingSet, other);
    if (first.e1.Valid && other > list->LastEntry) list->LastEntry = other;
    if (second.e1.Valid && one > list->LastEntry) list->LastEntry = one;
}

ULONG MiLockWsle(MMSUPPORT* workingSet, ULONG index, MI_WSLE_LOCK lock) {
    MMWSL* const list = workingSet->VmWorkingSetList;
    NT_ASSERT(list->Wsle[index].e1.Valid);
    SetLock(list->Wsle[index], lock, true);
    if (index < list->FirstDynamic) return index; // the other lock has brought it there
    MiSwapWslEntries(workingSet, index, list->FirstDynamic);
    return list->FirstDynamic++;
}

ULONG MiUnlockWsle(MMSUPPORT* workingSet, ULONG index, MI_WSLE_LOCK lock) {
    MMWSL* const list = workingSet->VmWorkingSetList;
    NT_ASSERT(list->Wsle[index].e1.Valid && index < list->FirstDynamic);
    SetLock(list->Wsle[index], lock, false);
    if (list->Wsle[index].e1.LockedInWs || list->Wsle[index].e1.LockedInMemory) return index;
    list->FirstDynamic--;
    MiSwapWslEntries(workingSet, index, list->FirstDynamic);
    return list->FirstDynamic;
}

void MiReleaseLockedWsle(MMSUPPORT* workingSet, ULONG index) {
    const MMWSLE* const wsle = workingSet->VmWorkingSetList->Wsle;
    if (wsle[index].e1.LockedInWs) index = MiUnlockWsle(workingSet, index, MI_WSLE_LOCK::InWorkingSet);
    if (wsle[index].e1.LockedInMemory) index = MiUnlockWsle(workingSet, index, MI_WSLE_LOCK::InMemory);
    MiReleaseWsle(workingSet, index);
}

ULONG MiShrinkWorkingSetList(MMSUPPORT* workingSet) {
    MMWSL* const list = workingSet->VmWorkingSetList;
    MMWSLE* const wsle = list->Wsle;
    ULONG low = 0, high = list->LastEntry; // entries below `low` are valid, those above `high` are not
    for (;;) {
        while (low < high && wsle[low].e1.Valid)
            low++;
        while (low < high && !wsle[high].e1.Valid)
            high--;
        if (low == high) break;
        wsle[low] = wsle[high];
        wsle[high] = {};
        TellNewIndex(workingSet, low);
    }
    list->LastEntry = low != 0 && !wsle[low].e1.Valid ? low - 1 : low;

    ULONG unmapped = 0;
    while (!SamePage(&wsle[list->LastInitializedWsle], &wsle[list->LastEntry])) {
        const auto page = reinterpret_cast<ULONG_PTR>(&wsle[list->LastInitializedWsle]) & ~ULONG_PTR(PAGE_SIZE - 1);
        list->LastInitializedWsle = ULONG(reinterpret_cast<MMWSLE*>(page) - wsle) - 1;
        workingSet->Calls->UnmapPage(workingSet, reinterpret_cast<PVOID>(page));
        unmapped++;
    }

    list->FirstFree = WSLE_NULL_INDEX;
    for (ULONG index = list->LastInitializedWsle + 1; index-- > 0 && !wsle[index].e1.Valid;) {
        wsle[index] = {};
        wsle[index].Free.NextFree = list->FirstFree;
        list->FirstFree = index;
    }
    if (list->NextSlot > list->LastEntry) list->NextSlot = list->FirstDynamic;
    return unmapped;
}
