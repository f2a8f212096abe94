// ws: a process's working set: its sizes, and how many pages have not been used since when. With the process System, the system's
// working set too: paged pool and pageable sections of images.
//
// The list lies in the process's hyperspace, so a running kernel attaches to the process to read it. A stopped kernel shows the
// list of the current process only: nothing may switch address spaces there.
// In the books: "working sets", "working set management". TOL-06, PFN-11
#include "kd/commands.h"
#include "kd/processview.h"
#include "ke.h"
#include "mm/layout.h"
#include "mm/systemset.h"
#include "mm/wsl.h"

namespace {

constexpr ULONG AGES = MM_MAXIMUM_AGE + 1;
constexpr ULONG MOST_ENTRIES = 0x80000; ///< pages of a process's half: more are damage

/// What the entries of a list add up to.
struct SUMMARY {
    ULONG Valid;
    ULONG Locked;
    ULONG Hashed;
    ULONG Ages[AGES];
    ULONG FirstDynamic;
    ULONG LastEntry;
    ULONG HashTableSize;
    ULONG HashedCount;
};

void Count(const MMWSL& list, SUMMARY* summary) {
    *summary = {.FirstDynamic = list.FirstDynamic,
                .LastEntry = list.LastEntry,
                .HashTableSize = list.HashTableSize,
                .HashedCount = list.HashedCount};
    const ULONG last = list.LastEntry < list.LastInitializedWsle ? list.LastEntry : list.LastInitializedWsle;
    for (ULONG index = 0; index <= last && index < MOST_ENTRIES; index++) {
        const MMWSLE entry = list.Wsle[index];
        if (!entry.e1.Valid) continue;
        summary->Valid++;
        summary->Ages[entry.e1.Age]++;
        if (entry.e1.LockedInWs || entry.e1.LockedInMemory) summary->Locked++;
        if (entry.e1.Hashed) summary->Hashed++;
    }
}

/// Shows a working set whose list can be reached from here.
void Show(KD_SESSION& session, const SUMMARY& summary) {
    session.Print("%u entries in use up to %u, the first %u locked; by age:", summary.Valid, summary.LastEntry,
                  summary.FirstDynamic);
    for (const ULONG pages : summary.Ages)
        session.Print(" %u", pages);
    session.Print("\n%u locked; hash table: %u slots, %u entries\n", summary.Locked, summary.HashTableSize,
                  summary.HashedCount);
}

void ShowSizes(KD_SESSION& session, PCSTR name, const MMSUPPORT& set) {
    session.Print("%s: %u pages, at most %u so far; limits %u and %u; %u page faults\n", name, set.WorkingSetSize,
                  set.PeakWorkingSetSize, set.MinimumWorkingSetSize, set.MaximumWorkingSetSize, set.PageFaultCount);
}

/// How many pages of the system's working set are paged pool's.
ULONG CountPoolPages(const MMWSL& list) {
    ULONG pages = 0;
    for (ULONG index = 0; index <= list.LastEntry; index++) {
        const auto entry = list.Wsle[index].e1;
        const ULONG_PTR address = ULONG_PTR(entry.VirtualPageNumber) << PAGE_SHIFT;
        pages += entry.Valid && address - MmPagedPoolStart <= MmPagedPoolEnd - MmPagedPoolStart;
    }
    return pages;
}

/// The list lies in system space, so it is there in each process.
void ShowSystemSet(KD_SESSION& session) {
    if (!MmSystemCacheWs.VmWorkingSetList) return;
    SUMMARY summary;
    ULONG pool;
    {
        KdpMutex guard(session, MmSystemCacheWs.WorkingSetMutex);
        Count(*MmSystemCacheWs.VmWorkingSetList, &summary);
        pool = CountPoolPages(*MmSystemCacheWs.VmWorkingSetList);
    }
    ShowSizes(session, "system pages", MmSystemCacheWs);
    session.Print("%u of paged pool, %u of images; ", pool, summary.Valid - pool);
    Show(session, summary);
}

/// @returns false if there is no list, or it cannot be reached.
bool Read(KD_SESSION& session, EPROCESS* process, SUMMARY* summary) {
    const MMSUPPORT& workingSet = process->AddressSpace.Vm;
    const bool attach = process != PsGetCurrentProcess();
    if (!workingSet.VmWorkingSetList || (attach && session.Stopped())) return false;
    KAPC_STATE before;
    if (attach) KeStackAttachProcess(&process->Pcb, &before);
    {
        KdpMutex guard(session, process->AddressSpace.Vm.WorkingSetMutex);
        Count(*workingSet.VmWorkingSetList, summary);
    }
    if (attach) KeUnstackDetachProcess(&before);
    return true;
}

} // namespace

KD_COMMAND(ws, "[process]", "a process's working set: sizes, faults, pages by age") {
    EPROCESS* const process = KdpNextProcess(session);
    if (!process) return;
    const MMSUPPORT& set = process->AddressSpace.Vm;
    ShowSizes(session, process->ImageFileName, set);
    SUMMARY summary;
    if (Read(session, process, &summary)) {
        Show(session, summary);
    } else {
        session.Print(set.VmWorkingSetList ? "its list cannot be reached from here\n" : "it has no list yet\n");
    }
    if (process == PsInitialSystemProcess) ShowSystemSet(session);
}
