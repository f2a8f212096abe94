// Blocks: their heads, their neighbours, and the lists of free ones. Contract: heapp.h.
#include "heap/heapp.h"

#include "rtl/string.h"

namespace {

constexpr ULONGLONG FIELDS = (ULONGLONG(1) << 56) - 1; ///< all bits of a head but Check
constexpr UCHAR SALT = 0x5A;                           ///< a head of zeros is not sealed

UCHAR CheckOf(const HEAP_ENTRY* entry) {
    ULONGLONG bits;
    memcpy(&bits, entry, sizeof(bits));
    bits &= FIELDS;
    bits ^= bits >> 32;
    bits ^= bits >> 16;
    bits ^= bits >> 8;
    return UCHAR(bits) ^ SALT;
}

void SetSize(HEAP_ENTRY* entry, ULONG units) {
    entry->Size = units;
    RtlpSeal(entry);
    HEAP_ENTRY* const next = RtlpNextEntry(entry);
    next->PreviousSize = units;
    RtlpSeal(next);
}

HEAP_FREE_ENTRY* FreeEntry(LIST_ENTRY* link) { return CONTAINING_RECORD(link, HEAP_FREE_ENTRY, FreeLink); }

/// The first list from `list` on that has blocks; HEAP_LISTS: none.
ULONG NextList(const HEAP* heap, ULONG list) {
    for (; list < HEAP_LISTS; list++) {
        const ULONG word = heap->NonEmpty[list / 32] >> (list % 32);
        if (word != 0) return list + ULONG(__builtin_ctz(word));
        list |= 31;
    }
    return HEAP_LISTS;
}

} // namespace

void RtlpSeal(HEAP_ENTRY* entry) { entry->Check = CheckOf(entry); }

bool RtlpIsSealed(const HEAP_ENTRY* entry) { return entry->Check == CheckOf(entry); }

ULONG RtlpListOf(ULONG units) {
    constexpr ULONG exactBits = 6; // 2^6 = HEAP_EXACT_LISTS
    if (units < HEAP_EXACT_LISTS) return units;
    return HEAP_EXACT_LISTS + ULONG(31 - __builtin_clz(units)) - exactBits;
}

void RtlpInsertFree(HEAP* heap, HEAP_ENTRY* entry) {
    const ULONG list = RtlpListOf(ULONG(entry->Size));
    entry->Flags = 0;
    entry->UnusedBytes = 0;
    RtlpSeal(entry);
    InsertHeadList(&heap->FreeLists[list], &reinterpret_cast<HEAP_FREE_ENTRY*>(entry)->FreeLink);
    heap->NonEmpty[list / 32] |= 1u << (list % 32);
    heap->FreeUnits += entry->Size;
}

void RtlpRemoveFree(HEAP* heap, HEAP_ENTRY* entry) {
    const ULONG list = RtlpListOf(ULONG(entry->Size));
    if (RemoveEntryList(&reinterpret_cast<HEAP_FREE_ENTRY*>(entry)->FreeLink) && IsListEmpty(&heap->FreeLists[list]))
        heap->NonEmpty[list / 32] &= ~(1u << (list % 32));
    heap->FreeUnits -= entry->Size;
}

HEAP_ENTRY* RtlpTakeFree(HEAP* heap, ULONG units) {
    for (ULONG list = NextList(heap, RtlpListOf(units)); list < HEAP_LISTS; list = NextList(heap, list + 1)) {
        LIST_ENTRY* const head = &heap->FreeLists[list];
        for (LIST_ENTRY* link = head->Flink; link != head; link = link->Flink) {
            HEAP_ENTRY* const entry = &FreeEntry(link)->Entry;
            if (entry->Size < units) continue; // the block's own list may have shorter ones
            RtlpRemoveFree(heap, entry);
            return entry;
        }
    }
    return nullptr;
}

HEAP_ENTRY* RtlpCoalesce(HEAP* heap, HEAP_ENTRY* entry) {
    HEAP_ENTRY* const next = RtlpNextEntry(entry);
    ULONG units = ULONG(entry->Size);
    if (RtlpIsFree(next)) {
        RtlpRemoveFree(heap, next);
        units += ULONG(next->Size);
    }
    if (entry->PreviousSize != 0 && RtlpIsFree(RtlpPreviousEntry(entry))) {
        entry = RtlpPreviousEntry(entry);
        RtlpRemoveFree(heap, entry);
        units += ULONG(entry->Size);
    }
    SetSize(entry, units);
    RtlpInsertFree(heap, entry);
    return entry;
}

void RtlpSplit(HEAP* heap, HEAP_ENTRY* entry, ULONG units) {
    const ULONG rest = ULONG(entry->Size) - units;
    if (rest < HEAP_MINIMUM_UNITS) return;
    SetSize(entry, units);
    HEAP_ENTRY* const other = RtlpNextEntry(entry);
    other->Flags = HEAP_ENTRY_BUSY;
    SetSize(other, rest);
    (void)RtlpCoalesce(heap, other);
}
