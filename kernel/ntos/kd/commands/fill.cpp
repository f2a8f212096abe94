// fill: programs that use memory over and over, so that there are working sets, faults and page states to look at.
//
// Each is a process with one range and one thread, which writes to every page, checks at its next round what it wrote, and
// sleeps in between. `ws`, `vad`, `pfn` and MemMon show it; more pages than the machine has make it page.
// Locks: none; the monitor is used by one person at a time, and the threads only read Stop.
// In the books: "working sets", "demand paging". MEM-05, PFN-11
#include "kd/commands.h"
#include "ke.h"
#include "mm/virtual.h"
#include "ps.h"
#include "rtl/string.h"

namespace {

constexpr ULONG LIMIT = 4;
constexpr KPRIORITY PRIORITY = 8;
constexpr LONG ROUND = 200; ///< milliseconds between two rounds

/// A program. Its thread writes Wrong.
struct FILLER {
    EPROCESS* Process;
    PETHREAD Thread; ///< referenced
    volatile UCHAR* Base;
    ULONG Pages;
    volatile ULONG Wrong; ///< pages that did not hold what was written
};
FILLER Fillers[LIMIT]; ///< the first Count
ULONG Count;
volatile bool Stop;

/// Writes the round's number to each page. @param check whether each holds the last round's
void UseAll(FILLER& filler, UCHAR round, bool check) {
    for (ULONG page = 0; page < filler.Pages && !Stop; page++) {
        volatile UCHAR* const at = filler.Base + SIZE_T(page) * PAGE_SIZE;
        if (check && *at != UCHAR(round - 1)) filler.Wrong = filler.Wrong + 1;
        *at = round;
    }
}

void NTAPI Fill(PVOID StartContext) {
    auto& filler = *static_cast<FILLER*>(StartContext);
    KAPC_STATE saved;
    KeStackAttachProcess(&filler.Process->Pcb, &saved);
    for (UCHAR round = 0; !Stop; round++) {
        UseAll(filler, round, round != 0);
        LARGE_INTEGER interval = KeRelativeMilliseconds(ROUND);
        (void)KeDelayExecutionThread(KernelMode, FALSE, &interval); // only time can end it
    }
    KeUnstackDetachProcess(&saved);
}

NTSTATUS Commit(FILLER& filler) {
    KAPC_STATE saved;
    KeStackAttachProcess(&filler.Process->Pcb, &saved);
    PVOID base = nullptr;
    SIZE_T size = SIZE_T(filler.Pages) * PAGE_SIZE;
    const NTSTATUS status =
        ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    filler.Base = static_cast<volatile UCHAR*>(base);
    KeUnstackDetachProcess(&saved);
    return status;
}

NTSTATUS Start(ULONG pages) {
    FILLER& filler = Fillers[Count];
    filler = {.Pages = pages};
    CHAR name[16];
    (void)RtlStringCbPrintf(name, sizeof(name), "Fill%u", Count + 1); // it fits
    NTSTATUS status = PspCreateProcess(name, &filler.Process);
    if (!NT_SUCCESS(status)) return status;
    status = Commit(filler);
    if (NT_SUCCESS(status)) status = PsStartSystemThread(&filler.Thread, name, PRIORITY, Fill, &filler);
    if (NT_SUCCESS(status)) {
        Count++;
    } else {
        PspDeleteProcess(filler.Process);
    }
    return status;
}

void EndAll(KD_SESSION& session) {
    const ULONG ended = Count;
    Stop = true;
    while (Count) {
        const FILLER& filler = Fillers[--Count];
        (void)KeWaitForSingleObject(filler.Thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        PsDereferenceThread(filler.Thread);
        PspDeleteProcess(filler.Process);
    }
    Stop = false;
    session.Print("%u program%s ended\n", ended, KdpPlural(ended));
}

void PrintAll(KD_SESSION& session) {
    if (Count == 0) return session.Print("no program uses memory; `fill 500` starts one that uses 500 pages\n");
    for (ULONG i = 0; i < Count; i++) {
        const FILLER& filler = Fillers[i];
        session.Print("process %u, %s, uses %u page%s at %p; %u wrong\n", filler.Process->UniqueProcessId,
                      filler.Process->ImageFileName, filler.Pages, KdpPlural(filler.Pages), filler.Base, filler.Wrong);
    }
    session.Print("`ws %u` shows how many are in memory; `fill 0` ends %s\n",
                  Fillers[Count - 1].Process->UniqueProcessId, Count == 1 ? "it" : "them");
}

} // namespace

KD_COMMAND(fill, "[pages]", "a program that uses so many pages over and over; 0 ends all") {
    constexpr ULONG most = 0x70000; // of user space
    ULONG pages = 0;
    if (!session.HasWord()) return PrintAll(session);
    if (!session.NextNumber(&pages)) return;
    if (session.Stopped()) {
        session.Print("the kernel stands still, and no program can start or end; `go` first\n");
    } else if (pages == 0) {
        EndAll(session);
    } else if (Count == LIMIT) {
        session.Print("at most %u programs; `fill 0` ends them\n", LIMIT);
    } else if (const NTSTATUS status = pages > most ? STATUS_INVALID_PARAMETER : Start(pages); !NT_SUCCESS(status)) {
        session.Print("%u pages: status %08x%s\n", pages, status,
                      status == STATUS_COMMITMENT_LIMIT ? ", memory and page files cannot hold them" : "");
    } else {
        PrintAll(session);
    }
}
