// ws: a process's working set: its sizes, and how many pages have not been used since when.
//
// The list lies in the process's hyperspace, so a running kernel attaches to the process to read it. A stopped kernel shows the
// list of the current process only: nothing may switch address spaces there.
// In the books: "working sets", "working set management". TOL-06, PFN-11
#include "kd/commands.h"
#include "kd/processview.h"
#include "ke.h"
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
    session.Print("%s: %u pages, at most %u so far; limits %u and %u; %u page faults\n", process->ImageFileName,
                  set.WorkingSetSize, set.PeakWorkingSetSize, set.MinimumWorkingSetSize, set.MaximumWorkingSetSize,
                  set.PageFaultCount);
    SUMMARY summary;
    if (!Read(session, process, &summary)) {
        session.Print(set.VmWorkingSetList ? "its list cannot be reached from here\n" : "it has no list yet\n");
        return;
    }
    session.Print("%u entries in use up to %u, the first %u locked; by age:", summary.Valid, summary.LastEntry,
                  summary.FirstDynamic);
    for (const ULONG pages : summary.Ages)
        session.Print(" %u", pages);
    session.Print("\n%u locked; hash table: %u slots, %u entries\n", summary.Locked, summary.HashTableSize,
                  summary.HashedCount);
}
