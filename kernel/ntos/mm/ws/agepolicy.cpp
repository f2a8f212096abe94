// The default trimming policy: by age; and the seam where another one can be installed.
//
// Locks: none; an aligned pointer, changed by one interlocked operation. IRQL: see mm/trimpolicy.h.
// In the books: "working set management". PFN-14, ARC-04
#include "mm/ws/trim.h"
#include "nt/atomic.h"

namespace {

constexpr ULONG CLAIMED_AGE = 2;      ///< looks without use, from which on a page is one that nobody would miss
constexpr ULONG AGEING_SECONDS = 8;   ///< while there is plenty, each page is looked at once in this time
constexpr ULONG SHORTAGE_SECONDS = 2; ///< and in this time while there is not

/// The pages that a working set has above its minimum.
ULONG Excess(const MMSUPPORT& workingSet) {
    return workingSet.WorkingSetSize > workingSet.MinimumWorkingSetSize
               ? workingSet.WorkingSetSize - workingSet.MinimumWorkingSetSize
               : 0;
}

/// Old pages go first. No pass takes more than memory is short of, or goes below a minimum.
class AgePolicy final : public MM_TRIM_POLICY {
public:
    /// The first pass takes what the working set could do without; later ones take anything above the minimum.
    ULONG PagesToTrim(const MMSUPPORT& workingSet, const MM_MEMORY_STATE& memory, ULONG pass) override {
        if (memory.Available >= memory.Wanted) return 0;
        ULONG pages = Excess(workingSet);
        if (pass == 0 && pages > workingSet.Claim) pages = workingSet.Claim;
        const ULONG shortage = memory.Wanted - memory.Available;
        return pages < shortage ? pages : shortage;
    }

    /// Pass 0 takes pages of the highest age, the last pass takes any page.
    bool MayTake(const MMSUPPORT&, ULONG age, ULONG pass) override { return age + pass >= MM_MAXIMUM_AGE; }

    ULONG EntriesToAge(const MMSUPPORT& workingSet, const MM_MEMORY_STATE& memory) override {
        const bool plenty = memory.Available / 2 >= memory.Wanted;
        return workingSet.WorkingSetSize / (plenty ? AGEING_SECONDS : SHORTAGE_SECONDS) + 1;
    }

    ULONG AgeAfterLook(const MMSUPPORT&, ULONG age, bool used) override {
        if (used) return 0;
        return age < MM_MAXIMUM_AGE ? age + 1 : age;
    }

    bool IsClaimed(const MMSUPPORT&, ULONG age) override { return age >= CLAIMED_AGE; }
};

constinit AgePolicy DefaultPolicy;                                 // shared: has no state
constinit MM_TRIM_POLICY* volatile CurrentPolicy = &DefaultPolicy; // shared: interlocked

} // namespace

MM_TRIM_POLICY& MiTrimPolicy() { return *ReadPointerAcquire(&CurrentPolicy); }

MM_TRIM_POLICY* NTAPI MmSetTrimPolicy(MM_TRIM_POLICY* Policy) {
    return InterlockedExchangePointer<MM_TRIM_POLICY>(&CurrentPolicy, Policy ? Policy : &DefaultPolicy);
}
