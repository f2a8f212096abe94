// The trimming policy: every decision about working sets that is not mechanism.
//
// Mechanism (ws/trim.cpp, ws/manager.cpp) walks lists, clears accessed bits and takes pages away; it asks the policy how
// many, and which. The default policy (ws/agepolicy.cpp) is the book's: entries age while nobody uses their pages, and
// when memory is short, old pages go first. A replacement derives from this class and is installed with MmSetTrimPolicy.
// Every routine is called with the working set's mutex held, at APC_LEVEL, and must not wait, allocate or fault. It may be
// called on several processors at once, for different working sets.
// In the books: "working set management", "balance set manager". PFN-14, ARC-04
#pragma once

#include "mm/addressspace.h"

/// How much memory there is, in pages.
struct MM_MEMORY_STATE {
    ULONG Available; ///< zeroed, free and standby pages
    ULONG Wanted;    ///< with fewer available ones memory is short
};

constexpr ULONG MM_TRIM_PASSES =
    4; ///< while memory stays short, all working sets are gone through so often; from pass 0

/// Decides which pages working sets lose; the mechanism asks it, and obeys.
class MM_TRIM_POLICY {
public:
    /// How many pages a working set shall lose. It is asked for one working set after the other, the one that was trimmed
    /// longest ago first, and pass by pass, as long as memory is short.
    virtual ULONG PagesToTrim(const MMSUPPORT& workingSet, const MM_MEMORY_STATE& memory, ULONG pass) = 0;

    /// Whether a page may go, in this pass, whose entry has an age of `age` (a page that was used just now: 0).
    virtual bool MayTake(const MMSUPPORT& workingSet, ULONG age, ULONG pass) = 0;

    /// How many entries of a working set shall be looked at in this second.
    virtual ULONG EntriesToAge(const MMSUPPORT& workingSet, const MM_MEMORY_STATE& memory) = 0;

    /// The age of an entry after a look; `used`: since the look before. @returns 0..3.
    virtual ULONG AgeAfterLook(const MMSUPPORT& workingSet, ULONG age, bool used) = 0;

    /// Whether the working set could do without a page of this age: what Claim counts.
    virtual bool IsClaimed(const MMSUPPORT& workingSet, ULONG age) = 0;

protected:
    ~MM_TRIM_POLICY() = default;
};

extern "C" {
/// Installs a policy for the whole system. @param Policy nullptr: the default one. @returns the former one. @irql any
NTKERNELAPI MM_TRIM_POLICY* NTAPI MmSetTrimPolicy(MM_TRIM_POLICY* Policy);
}
