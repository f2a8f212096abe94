// pfn: pages of memory, by the page frame number database.
//
// Copies first, printing afterwards: printing is slow. In a stopped kernel the lock is not taken, for its holder stands still.
// In the books: "page frame number database", the !memusage and !pfn extensions. TOL-06, PFN-01, PFN-02
#include "kd/commands.h"
#include "ke/queuedlock.h"
#include "mm/layout.h"
#include "mm/pfn.h"

namespace {

constexpr PCSTR StateNames[] = {"zeroed", "free",   "standby",   "modified", "modified no-write",
                                "bad",    "active", "transition"};
constexpr ULONG KB_PER_PAGE = PAGE_SIZE / 1024;

struct SUMMARY {
    ULONG Pages[8];
    PFN_NUMBER Totals[NUMBER_OF_PAGE_LISTS];
};

void Count(SUMMARY* summary) REQUIRES_(MmPfnLock) {
    *summary = {};
    for (PFN_NUMBER frame = 0; frame <= MmHighestPhysicalPage; frame++)
        if (!MmPfnDatabase[frame].e1.Rom) summary->Pages[MmPfnDatabase[frame].e1.PageLocation]++;
    for (const MMPFNLIST* list : MmPageLocationList)
        summary->Totals[list->ListName] = list->Total;
}

template <typename COPY> void Locked(const KD_SESSION& session, COPY copy) {
    if (session.Stopped()) {
        nt::AssumeHeld(MmPfnLock); // no other code runs
        copy();
    } else {
        nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
        copy();
    }
}

void PrintSummary(KD_SESSION& session) {
    SUMMARY summary;
    Locked(session, [&]() REQUIRES_(MmPfnLock) { Count(&summary); });
    ULONG all = 0;
    for (ULONG state = 0; state < sizeof(StateNames) / sizeof(StateNames[0]); state++) {
        const ULONG pages = summary.Pages[state];
        session.Print("%-17s %8u pages %9u KB", StateNames[state], pages, pages * KB_PER_PAGE);
        if (state < NUMBER_OF_PAGE_LISTS && summary.Totals[state] != pages)
            session.Print("  but its list has %u", ULONG(summary.Totals[state]));
        session.Print("\n");
        all += pages;
    }
    session.Print("%-17s %8u pages %9u KB, %u available\n", "all", all, all * KB_PER_PAGE, ULONG(MmAvailablePages));
}

void PrintPage(KD_SESSION& session, PFN_NUMBER frame) {
    MMPFN page;
    Locked(session, [&]() REQUIRES_(MmPfnLock) { page = MmPfnDatabase[frame]; });
    if (page.e1.Rom) {
        session.Print("page 0x%x is no memory\n", ULONG(frame));
        return;
    }
    session.Print("page 0x%x: %s%s%s%s%s%s%s\n", ULONG(frame), StateNames[page.e1.PageLocation],
                  page.e1.Modified ? ", modified" : "", page.e1.ReadInProgress ? ", being read" : "",
                  page.e1.WriteInProgress ? ", being written" : "", page.e1.PrototypePte ? ", prototype PTE" : "",
                  page.e1.PteDeleted ? ", PTE deleted" : "", page.e1.ParityError ? ", defective" : "");
    if (page.e1.PageLocation <= BadPageList && page.ReferenceCount == 0) {
        session.Print("  next 0x%x, previous 0x%x\n", ULONG(page.u1.Flink), ULONG(page.u2.Blink));
    } else {
        session.Print("  ShareCount %u, ReferenceCount %u\n", page.u2.ShareCount, page.ReferenceCount);
    }
    if (page.PteAddress)
        session.Print("  PTE %p in page 0x%x, originally %08x\n", page.PteAddress, page.u4.PteFrame,
                      page.OriginalPte.Long);
}

} // namespace

KD_COMMAND(pfn, "[frame]", "pages of memory: how many in each state, or one page") {
    ULONG frame;
    nt::AssumeSnapshot(MmPfnLock); // the pointer is set once, before there is a prompt
    if (!MmPfnDatabase) {
        session.Print("there is no page frame number database yet\n");
    } else if (!session.NextNumber(&frame)) {
        PrintSummary(session);
    } else if (frame > MmHighestPhysicalPage) {
        session.Print("the last page is 0x%x\n", ULONG(MmHighestPhysicalPage));
    } else {
        PrintPage(session, frame);
    }
}
