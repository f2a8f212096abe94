// Looking at the entries of a working set like the hand of a clock: ageing them, and taking pages of them away.
//
// Locks, IRQL: see trim.h. In the books: "working set management", "clock algorithm". PFN-13, PFN-14
#include "mm/ws/trim.h"
#include "nt/assert.h"

namespace {

/// The entries that may be trimmed, from the list's NextSlot on, once round.
class CLOCK {
public:
    explicit CLOCK(MMWSL* list) : m_list(list) {
        if (list->NextSlot < list->FirstDynamic || list->NextSlot > list->LastEntry)
            list->NextSlot = list->FirstDynamic;
        m_left = list->LastEntry + 1 > list->FirstDynamic ? list->LastEntry + 1 - list->FirstDynamic : 0;
    }

    /// The hand moves on. @returns the index of the next valid entry; WSLE_NULL_INDEX once it has been all round.
    ULONG Next() {
        while (m_left != 0) {
            m_left--;
            const ULONG index = m_list->NextSlot;
            m_list->NextSlot = index < m_list->LastEntry ? index + 1 : m_list->FirstDynamic;
            if (m_list->Wsle[index].e1.Valid) return index;
        }
        return WSLE_NULL_INDEX;
    }

private:
    MMWSL* m_list;
    ULONG m_left; ///< entries of this round
};

} // namespace

ULONG MiTrimWorkingSet(MMSUPPORT* workingSet, ULONG pages, ULONG pass) {
    MMWSL* const list = workingSet->VmWorkingSetList;
    MM_TRIM_POLICY& policy = MiTrimPolicy();
    CLOCK clock(list);
    ULONG taken = 0;
    while (taken < pages) {
        const ULONG index = clock.Next();
        if (index == WSLE_NULL_INDEX) break;
        MMWSLE& entry = list->Wsle[index];
        const ULONG vpn = entry.e1.VirtualPageNumber;
        // Several passes may follow each other at once: a look of theirs makes no entry older, but a page that was used is young.
        if (workingSet->Calls->TestAndClearAccessed(workingSet, vpn))
            entry.e1.Age = policy.AgeAfterLook(*workingSet, entry.e1.Age, true);
        if (!policy.MayTake(*workingSet, entry.e1.Age, pass)) continue;
        if (!workingSet->Calls->RemovePage(workingSet, vpn)) continue;
        MiReleaseWsle(workingSet, index);
        taken++;
    }
    workingSet->Claim = workingSet->Claim > taken ? workingSet->Claim - taken : 0;
    return taken;
}

void MiAgeWorkingSet(MMSUPPORT* workingSet, ULONG entries) {
    MMWSL* const list = workingSet->VmWorkingSetList;
    MM_TRIM_POLICY& policy = MiTrimPolicy();
    CLOCK clock(list);
    ULONG looked = 0, claimed = 0;
    while (looked < entries) {
        const ULONG index = clock.Next();
        if (index == WSLE_NULL_INDEX) break;
        auto& entry = list->Wsle[index].e1;
        const bool used = workingSet->Calls->TestAndClearAccessed(workingSet, entry.VirtualPageNumber);
        const ULONG age = policy.AgeAfterLook(*workingSet, entry.Age, used);
        NT_ASSERT(age <= MM_MAXIMUM_AGE);
        entry.Age = age;
        looked++;
        claimed += policy.IsClaimed(*workingSet, age);
    }
    if (looked == 0) return;
    // The entries that were looked at stand for all of them.
    workingSet->Claim = ULONG(ULONGLONG(claimed) * (workingSet->WorkingSetSize - list->FirstDynamic) / looked);
}
