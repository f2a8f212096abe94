// Checks of exercise 2.4: a paged pool of twelve pages in a range of 2000, whose pages are nowhere.
//
// with: kernel/ntos/mm/pool/pagedinvariants.cpp
// with: kernel/ntos/rtl/bitmap.cpp
// with: kernel/ntos/rtl/bitmapruns.cpp
#include "check.h"

#include "mm/i386/pte.h"
#include "mm/pool/mipool.h"

// ---- the machine: what the routines of the exercise stand on ------------------------------------------------------

constexpr ULONG PAGES = 12, LIMIT = 2000, BASE = 0x1000000;

static MI_PAGED_POOL Pool;
static ULONG Bits[2 * MiBitmapWords(LIMIT)];
static bool Held;        ///< the pool's lock
static bool NoMemory;    ///< for page tables and pages
static check::Text Done; ///< what was asked of page tables and frames, and how the pool looked then

static check::Text Bitmaps();

extern "C" {
void NTAPI KeInitializeSpinLock(PKSPIN_LOCK SpinLock) {}
void NTAPI KeSetSpinLockRank(PKSPIN_LOCK SpinLock, KLOCK_RANK Rank) {}
KIRQL FASTCALL KfAcquireSpinLock(PKSPIN_LOCK SpinLock) {
    Held = true;
    return PASSIVE_LEVEL;
}
void FASTCALL KfReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL OldIrql) { Held = false; }
}

static void Note(PCSTR what, PVOID address, ULONG pages) {
    const ULONG page = ULONG((reinterpret_cast<ULONG_PTR>(address) - BASE) / PAGE_SIZE);
    Done.Add("%s %u-%u%s; ", what, page, page + pages - 1, Held ? " under the lock" : "");
}
bool MiMakePoolTables(PVOID address, ULONG pages) {
    Note("tables", address, pages);
    return !NoMemory;
}
bool MiMapPoolPages(PVOID address, ULONG pages) {
    Note("map", address, pages);
    Done.Add("%s; ", Bitmaps().Chars);
    return !NoMemory;
}
void MiUnmapPoolPages(PVOID address, ULONG pages) {
    Note("unmap", address, pages);
    Done.Add("%s; ", Bitmaps().Chars);
}

// ---- a pool ---------------------------------------------------------------------------------------------------------

/// A pool: all of it is free.
static void Make() { MiInitializePagedPool(Pool, reinterpret_cast<PVOID>(ULONG_PTR(BASE)), PAGES, LIMIT, Bits); }

static PVOID At(ULONG page) { return reinterpret_cast<PVOID>(ULONG_PTR(BASE + page * PAGE_SIZE)); }
static ULONG Page(PVOID address) {
    return address ? ULONG((reinterpret_cast<ULONG_PTR>(address) - BASE) / PAGE_SIZE) : 9999;
}
static ULONG Reserve(ULONG pages) { return Page(MiReservePagedPages(Pool, pages)); }
static void Release(ULONG page, ULONG pages) { MiReleasePagedPages(Pool, At(page), pages); }
static ULONG Size(ULONG page) { return MiPagedAllocationSize(Pool, At(page)); }
static ULONG Growth(ULONG pages) { return MiPagedGrowth(Pool, pages); }
static ULONG Allocate(ULONG pages) { return Page(MiAllocatePagedPages(Pool, pages)); }
static ULONG Free(ULONG page) { return MiFreePagedPages(Pool, At(page)); }

/// The first twelve pages: "xxX.x" are an allocation of three, a free page, and a page whose allocation goes on behind them.
static check::Text Bitmaps() {
    check::Text text;
    for (ULONG page = 0; page < PAGES; page++) {
        const ULONG allocated = Pool.Allocated.Buffer[0] >> page & 1, ends = Pool.EndOfAllocation.Buffer[0] >> page & 1;
        text.Add(allocated ? ends ? "X" : "x" : ends ? "?" : ".");
    }
    return text;
}

// ---- the checks -----------------------------------------------------------------------------------------------------

CHECK("the lowest run of free pages is taken") {
    Make();
    Expect(0, DO(Reserve(3)), "the first page", "The lowest run of so many free pages.");
    Expect(3, DO(Reserve(2)), "the first page", "The lowest run of so many free pages.");
    Expect("xxXxX.......", Bitmaps(), "pages (X: an allocation ends)",
           "A bit of EndOfAllocation is set while an allocation ends at its page.");
    Expect(7, Pool.FreePages, "FreePages", "FreePages is the number of pages that are free.");
    Expect(5, Pool.Hint, "Hint", "If the run begins at Hint, Hint is behind it then.");
}

CHECK("freed pages are found again") {
    Make();
    DO(Reserve(3));
    DO(Reserve(2));
    DO(Release(0, 3));
    Expect("...xX.......", Bitmaps(), "pages (X: an allocation ends)", "The pages of that allocation are free.");
    Expect(5, DO(Reserve(4)), "the first page", "A run that is too short is passed over.");
    Expect(0, DO(Reserve(3)), "the first page", "No page before Hint is free.");
}

CHECK("an allocation's size, by its address") {
    Make();
    DO(Reserve(3));
    DO(Reserve(2));
    Expect(3, DO(Size(0)), "pages", "The pages of the allocation that begins there.");
    Expect(2, DO(Size(3)), "pages", "Neighbours are one row of bits; the second bitmap tells where one ends.");
    Expect(0, DO(Size(4)), "pages", "No allocation begins at a later page of one.");
    Expect(0, DO(Size(7)), "pages", "No allocation begins at a free page.");
}

CHECK("the pool grows by page tables, to the range's end") {
    Make();
    DO(Reserve(10));
    Expect(1024, DO(Growth(3)), "pages", "The least multiple of PTE_PER_PAGE that suffices.");
    Expect(1024, DO(Growth(1026)), "pages", "Two pages at the pool's end are free already.");
    Expect(LIMIT - PAGES, DO(Growth(1027)), "pages", "All that is left of the range, where that is less.");
    Expect(0, DO(Growth(LIMIT - 9)), "pages", "0 if nothing suffices.");
}

CHECK("page tables, bits, pages: in this order") {
    Make();
    DO(Reserve(10));
    Expect(10, DO(Allocate(3)), "the first page", "The pool grows where no run has room.");
    Expect("tables 12-1035; map 10-12; xxxxxxxxxXxx; ", Done, "what was asked, and the pages then",
           "They look allocated before they are mapped.");
    Expect(1036, Pool.Allocated.SizeOfBitMap, "SizeOfBitMap", "The pool grows by MiPagedGrowth.");
}

CHECK("pages look allocated until they are unmapped") {
    Make();
    DO(Reserve(4));
    Expect(4, DO(Free(0)), "the answer", "The number of its pages is returned.");
    Expect("unmap 0-3; xxxX........; ", Done, "what was asked, and the pages then",
           "Until they are unmapped they look allocated.");
    Expect("............", Bitmaps(), "pages", "They are free afterwards.");
    Expect(0, DO(Free(0)), "the answer", "0 if none begins there.");
}

CHECK("without memory nothing is allocated") {
    Make();
    NoMemory = true;
    Expect(9999, DO(Allocate(3)), "the answer (9999: nullptr)",
           "The answer is nullptr if there is no memory for the pages.");
    Expect("............", Bitmaps(), "pages", "None of them is allocated then.");
    Expect(9999, DO(Allocate(13)), "the answer (9999: nullptr)",
           "The answer is nullptr if there is no memory for page tables.");
    Expect(PAGES, Pool.Allocated.SizeOfBitMap, "SizeOfBitMap", "No page of the pool is without a page table.");
}
