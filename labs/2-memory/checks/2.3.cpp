// Checks of exercise 2.3: blocks of a pool whose pages are this program's. A page has 512 units of 8 bytes.
//
// with: kernel/ntos/ex/pool/blockchecks.cpp
#include "check.h"

#include "ex/pool/expool.h"

// ---- the machine: what the routines of the exercise stand on ------------------------------------------------------

extern "C" {
void NTAPI KeInitializeSpinLock(PKSPIN_LOCK SpinLock) {}
void NTAPI KeSetSpinLockRank(PKSPIN_LOCK SpinLock, KLOCK_RANK Rank) {}
void NTAPI KeInitializeGuardedMutex(PKGUARDED_MUTEX Mutex) {}
}

// ---- a pool ---------------------------------------------------------------------------------------------------------

alignas(PAGE_SIZE) static UCHAR Page[2][PAGE_SIZE];
static POOL_DESCRIPTOR Pool;

/// A pool without a page.
static void Make() {
    ExpInitializePoolDescriptor(Pool, NonPagedPool);
    Pool.PoolIndex = 5;
}
/// Where a header is, in units from its page's start; 999: nullptr.
static ULONG At(POOL_HEADER* header) {
    return header ? ULONG(ExpAddressOf(header) % PAGE_SIZE) / POOL_SMALLEST_UNIT : 999;
}
static POOL_HEADER* HeaderAt(ULONG units) { return reinterpret_cast<POOL_HEADER*>(Page[0]) + units; }
static ULONG Take(ULONG units) { return At(ExpTakeBlock(Pool, units)); }
static ULONG Cut(ULONG units) { return At(ExpCutPage(Pool, Page[0], units)); }
static PVOID Put(ULONG at) { return ExpPutBlock(Pool, HeaderAt(at)); }

/// The first page's blocks by their headers: "10 used, 502 free".
static check::Text Blocks() {
    check::Text text;
    ULONG before = 0;
    for (ULONG at = 0, count = 0; at < POOL_PAGE_UNITS && count < 12; count++) {
        const POOL_HEADER* const header = HeaderAt(at);
        text.Add("%s%u %s", at ? ", " : "", header->BlockSize, header->PoolType == POOL_FREE_BLOCK ? "free" : "used");
        if (header->PreviousSize != before) text.Add(" (its PreviousSize is %u)", header->PreviousSize);
        if (header->PoolIndex != Pool.PoolIndex) text.Add(" (its PoolIndex is %u)", header->PoolIndex);
        if (header->BlockSize == 0) break;
        before = header->BlockSize;
        at += before;
    }
    return text;
}

/// The free lists: "20: 40 100; 502: 10", sizes and where their blocks are.
static check::Text Lists() {
    check::Text text;
    for (ULONG units = 0; units < POOL_LIST_HEADS; units++) {
        LIST_ENTRY* const head = &Pool.ListHeads[units];
        const bool marked = (Pool.ListSummary[units / 32] >> units % 32 & 1) != 0;
        if (IsListEmpty(head) && !marked) continue;
        text.Add("%s%u:", text.Chars[0] ? "; " : "", units);
        ULONG count = 0;
        for (LIST_ENTRY* entry = head->Flink; entry != head && count < 8; entry = entry->Flink, count++)
            text.Add(" %u", At(ExpHeaderOf(entry)));
        if (marked != (count != 0)) text.Add(" (its bit in ListSummary is %u)", marked);
    }
    return text;
}

// ---- the checks -----------------------------------------------------------------------------------------------------

CHECK("a new page is a block in use and a free one") {
    Make();
    Expect(0, DO(Cut(10)), "the block", "The block in use is returned; it is the page's first.");
    Expect("10 used, 502 free", Blocks(), "blocks", "A page's blocks cover it without a gap.");
    Expect("502: 10", Lists(), "lists", "A free block is on the list of its size.");
    Expect(1, Pool.TotalPages, "TotalPages", "The page is the pool's.");
    Expect(10 * POOL_SMALLEST_UNIT, Pool.TotalBytes, "TotalBytes", "The bytes of blocks in use, with their headers.");
}

CHECK("the end of a free block is used") {
    Make();
    DO(Cut(10));
    Expect(492, DO(Take(20)), "the block", "Elsewhere than at the start of a page a block's end is used.");
    Expect("10 used, 482 free, 20 used", Blocks(), "blocks", "The rest is free.");
    Expect("482: 10", Lists(), "lists",
           "The rest is on the list of its own size, and no longer on that of the old one.");
}

CHECK("the smallest block that suffices is taken") {
    Make();
    DO(Cut(10));
    DO(Take(40));
    DO(Take(5));
    DO(Take(30));
    DO(Take(5));
    DO(Put(472)); // 40 units
    DO(Put(437)); // 30 units
    Expect("30: 437; 40: 472; 422: 10", Lists(), "lists", "A free block is on the list of its size.");
    Expect(440, DO(Take(27)), "the block", "The first block on the list of the smallest size that suffices is used.");
}

CHECK("the front is used at the start of a page") {
    Make();
    DO(Cut(30));
    DO(Take(482));
    DO(Put(0));
    Expect(0, DO(Take(20)), "the block", "At the start of a page the front is used.");
    Expect("20 used, 10 free, 482 used", Blocks(), "blocks", "PreviousSize is the BlockSize of the block before.");
}

CHECK("free neighbours become one block") {
    Make();
    DO(Cut(10));
    DO(Take(20));
    DO(Take(30));
    DO(Take(40));
    DO(Put(492));
    Expect("10 used, 412 free, 40 used, 30 used, 20 free", Blocks(), "blocks",
           "Of two blocks side by side one is free.");
    DO(Put(462));
    Expect("10 used, 412 free, 40 used, 50 free", Blocks(), "blocks",
           "A freed block becomes one with the free one behind.");
    DO(Put(422));
    Expect("10 used, 502 free", Blocks(), "blocks", "A freed block becomes one with both free neighbours.");
    Expect("502: 10", Lists(), "lists", "What has become of them is on one list only.");
}

CHECK("a page that is free as a whole goes back") {
    Make();
    DO(Cut(10));
    DO(Take(20));
    Expect(0, reinterpret_cast<ULONG_PTR>(DO(Put(492))), "the answer",
           "A page of which a block is in use stays: nullptr.");
    Expect(reinterpret_cast<ULONG_PTR>(Page[0]), reinterpret_cast<ULONG_PTR>(DO(Put(0))), "the answer",
           "If all of the page is free its address is returned.");
    Expect("", Lists(), "lists", "None of it is on a list.");
    Expect(0, Pool.TotalPages, "TotalPages", "It is the pool's no longer.");
}

CHECK("without a block that suffices nothing changes") {
    Make();
    Expect(999, DO(Take(3)), "the answer (999: nullptr)", "Without a block that suffices the answer is nullptr.");
    DO(Cut(300));
    Expect(999, DO(Take(213)), "the answer (999: nullptr)", "Without a block that suffices the answer is nullptr.");
    Expect("212: 300", Lists(), "lists", "Nothing has changed.");
}
