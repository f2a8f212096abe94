// A working set without pages, and a policy without a rule (2.8): both answer what the host has written, and note what they are asked.
//
// Page `n` of the working set has the virtual page number LAB_FIRST_PAGE + n. IRQL, locks: as mm/ws/wsl.h and mm/trimpolicy.h say.
// In the books: "working set management", "clock algorithm". PFN-13, PFN-14
#include "mm/trimpolicy.h"
#include "mm/ws/wsl.h"

namespace {

constexpr ULONG LAB_FIRST_PAGE = 0x400, PAGES = 64, AGES = MM_MAXIMUM_AGE + 1, CALLS = 256;

/// One call of the working set's.
struct LAB_CALL {
    ULONG What; ///< 1: TestAndClearAccessed, 2: RemovePage, 3: another one
    ULONG Page;
};

/// What the host says, and what it sees.
struct LAB_TRIMMING {
    UCHAR Used[PAGES];                 ///< the page's accessed bit
    UCHAR Stays[PAGES];                ///< it cannot go now
    UCHAR After[2][AGES];              ///< the age after a look, by whether the page was used, and its age
    UCHAR MayGo[MM_TRIM_PASSES][AGES]; ///< in a pass, at an age
    UCHAR Claimed[AGES];
    ULONG Count; ///< calls, more than CALLS too
    LAB_CALL Calls[CALLS];
};

} // namespace

extern "C" NTEXPORT LAB_TRIMMING LabTrimming = {};

namespace {

/// @returns which page it is; a number that is none's is noted as it is
ULONG Note(ULONG what, ULONG vpn) {
    const ULONG page = vpn - LAB_FIRST_PAGE;
    if (LabTrimming.Count < CALLS) LabTrimming.Calls[LabTrimming.Count] = {what, page};
    LabTrimming.Count++;
    return page % PAGES;
}

bool MapPage(MMSUPPORT*, PVOID) { return Note(3, 0) == PAGES; }
void UnmapPage(MMSUPPORT*, PVOID) { (void)Note(3, 0); }

bool TestAndClearAccessed(MMSUPPORT*, ULONG vpn) {
    UCHAR& used = LabTrimming.Used[Note(1, vpn)];
    const bool was = used != 0;
    used = 0;
    return was;
}

bool RemovePage(MMSUPPORT*, ULONG vpn) { return !LabTrimming.Stays[Note(2, vpn)]; }
void SetWsIndex(MMSUPPORT*, ULONG vpn, ULONG) { (void)Note(3, vpn); }
bool Enter(MMSUPPORT*) { return Note(3, 0) == PAGES; }
void Leave(MMSUPPORT*) { (void)Note(3, 0); }

/// What the host has written is the policy.
class LAB_POLICY final : public MM_TRIM_POLICY {
public:
    ULONG PagesToTrim(const MMSUPPORT&, const MM_MEMORY_STATE&, ULONG) override { return 0; }
    bool MayTake(const MMSUPPORT&, ULONG age, ULONG pass) override {
        return LabTrimming.MayGo[pass % MM_TRIM_PASSES][age % AGES] != 0;
    }
    ULONG EntriesToAge(const MMSUPPORT&, const MM_MEMORY_STATE&) override { return 0; }
    ULONG AgeAfterLook(const MMSUPPORT&, ULONG age, bool used) override { return LabTrimming.After[used][age % AGES]; }
    bool IsClaimed(const MMSUPPORT&, ULONG age) override { return LabTrimming.Claimed[age % AGES] != 0; }
};

} // namespace

extern "C" NTEXPORT const MI_WORKING_SET_CALLS LabWorkingSetCalls;
constinit const MI_WORKING_SET_CALLS LabWorkingSetCalls = {
    MapPage, UnmapPage, TestAndClearAccessed, RemovePage, SetWsIndex, Enter, Leave,
};

extern "C" NTEXPORT LAB_POLICY LabPolicy;
constinit LAB_POLICY LabPolicy;
