// A page file whose transfers the host ends (2.8): each one that is started is noted, and nothing more happens.
//
// The host says how large it is, looks at the transfers, carries out what it likes of them and calls their completion routines.
// IRQL: <= DISPATCH_LEVEL.
// In the books: "page files", "paging I/O". PFN-15
#include "mm/backing.h"
#include "mm/fault/inpage.h"
#include "mm/writer/pagewrite.h"

// What the host takes for granted (writebench.py, pagingbench.py).
static_assert(__builtin_offsetof(MM_TRANSFER, Frames) == 12 && __builtin_offsetof(MM_TRANSFER, Status) == 20);
static_assert(__builtin_offsetof(MM_TRANSFER, Completion) == 28);
static_assert(__builtin_offsetof(MI_PAGE_WRITE, Run) == 56 && __builtin_offsetof(MI_PAGE_WRITE, Frames) == 68);
static_assert(sizeof(MI_PAGE_WRITE) == 136);
static_assert(__builtin_offsetof(MMPAGING_FILE, FreeSpace) == 12 && __builtin_offsetof(MMPAGING_FILE, Hint) == 24);
static_assert(__builtin_offsetof(MMPAGING_FILE, Bitmap.Buffer) == 32);
static_assert(__builtin_offsetof(MI_IN_PAGE, Threads) == 16 && __builtin_offsetof(MI_IN_PAGE, Pte) == 24);

namespace {

constexpr ULONG MOST_TRANSFERS = 16;

/// What the host sees of it.
/// shared: Started is interlocked; a transfer is the kernel's while it runs
struct LAB_HELD_FILE {
    ULONG Pages;                            ///< its size
    volatile LONG Started;                  ///< transfers since the beginning
    MM_TRANSFER* Transfers[MOST_TRANSFERS]; ///< the last ones, each at the place of its number
};

} // namespace

extern "C" NTEXPORT LAB_HELD_FILE LabHeldFile = {};

namespace {

ULONGLONG NTAPI Size(MM_BACKING*) { return ULONGLONG(LabHeldFile.Pages) * PAGE_SIZE; }

void NTAPI Start(MM_BACKING*, MM_TRANSFER* Transfer) {
    const ULONG number = ULONG(InterlockedIncrement(&LabHeldFile.Started)) - 1;
    LabHeldFile.Transfers[number % MOST_TRANSFERS] = Transfer;
}

constexpr MM_BACKING_CALLS Calls = {Size, Start, nullptr};

} // namespace

extern "C" NTEXPORT MM_BACKING LabHeldBacking;
MM_BACKING LabHeldBacking = {&Calls, 1, nullptr, {}};
