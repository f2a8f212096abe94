// What a page fault is: every kind of entry, in every kind of range, read and written. MEM-05, ERR-10
#include "mm/fault/fault.h"
#include "mm/vad/pagestate.h"

#include <gtest/gtest.h>

namespace {

constexpr ULONG EVERY_BASIC[] = {MM_READONLY,  MM_EXECUTE,           MM_EXECUTE_READ,     MM_READWRITE,
                                 MM_WRITECOPY, MM_EXECUTE_READWRITE, MM_EXECUTE_WRITECOPY};
constexpr PFN_NUMBER FRAME = 77;

MMVAD PrivateRange(ULONG protection, bool committed) {
    MMVAD vad = {};
    vad.Flags.PrivateMemory = 1;
    vad.Flags.MemCommit = committed;
    vad.Flags.Protection = protection;
    return vad;
}

MMVAD View(ULONG protection) {
    MMVAD vad = PrivateRange(protection, false);
    vad.Flags.PrivateMemory = 0;
    return vad;
}

MMPTE ValidPte(bool write, bool copyOnWrite) {
    MMPTE pte = {};
    pte.Hard = {.Valid = 1, .Write = write, .Owner = 1, .CopyOnWrite = copyOnWrite, .PageFrameNumber = FRAME};
    return pte;
}

MMPTE PageFilePte(ULONG protection) {
    MMPTE pte = {};
    pte.Soft = {.Protection = protection, .PageFileHigh = 9};
    return pte;
}

/// An entry that leads to a prototype PTE, and one whose prototype PTE the range knows.
MMPTE PrototypePte() {
    MMPTE pte = {};
    pte.Proto = {.ProtoAddressLow = 0x55, .Prototype = 1, .ProtoAddressHigh = 0x1234};
    return pte;
}
MMPTE LookupPte(ULONG protection) {
    MMPTE pte = {};
    pte.Soft = {.Protection = protection, .Prototype = 1, .PageFileHigh = MI_PTE_LOOKUP_NEEDED};
    return pte;
}

MI_FAULT_KIND Decide(const MMVAD* vad, MMPTE pte, bool write) { return MiDecideFault(vad, pte, write).Kind; }

bool Writable(ULONG basic) { return basic >= MM_READWRITE; }

/// The forms of an entry that tell the protection of a private page, and what a fault on each is.
struct Form {
    MI_FAULT_KIND Kind;
    MMPTE (*Make)(ULONG protection);
} const FORMS[] = {
    {MI_FAULT_KIND::DemandZero, MiDemandZeroPte},
    {MI_FAULT_KIND::PageFile, PageFilePte},
    {MI_FAULT_KIND::Transition, [](ULONG protection) { return MiMakeTransitionPte(FRAME, protection); }},
    {MI_FAULT_KIND::Prototype, LookupPte},
};

} // namespace

TEST(DecideFault, ValidEntryThatAllowsTheAccessNeedsNothing) {
    const MMVAD vad = PrivateRange(MM_READWRITE, true);
    EXPECT_EQ(MI_FAULT_KIND::Resolved, Decide(&vad, ValidPte(true, false), true));
    EXPECT_EQ(MI_FAULT_KIND::Resolved, Decide(&vad, ValidPte(false, false), false));
    EXPECT_EQ(MI_FAULT_KIND::Resolved, Decide(&vad, ValidPte(false, true), false));
}

TEST(DecideFault, WriteToAValidReadOnlyPageIsAViolationUnlessItMakesACopy) {
    const MMVAD vad = PrivateRange(MM_READWRITE, true); // the entry speaks, not the range
    EXPECT_EQ(MI_FAULT_KIND::AccessViolation, Decide(&vad, ValidPte(false, false), true));
    EXPECT_EQ(MI_FAULT_KIND::CopyOnWrite, Decide(&vad, ValidPte(false, true), true));
}

TEST(DecideFault, NothingIsAtAnAddressWithoutARange) {
    EXPECT_EQ(MI_FAULT_KIND::AccessViolation, Decide(nullptr, MI_ZERO_PTE, false));
    EXPECT_EQ(MI_FAULT_KIND::AccessViolation, Decide(nullptr, MI_ZERO_PTE, true));
}

TEST(DecideFault, UnusedPageOfAPrivateRangeIsZerosWhereTheRangeIsCommitted) {
    const MMVAD committed = PrivateRange(MM_READONLY, true), reserved = PrivateRange(MM_READWRITE, false);
    EXPECT_EQ(MI_FAULT_KIND::DemandZero, Decide(&committed, MI_ZERO_PTE, false));
    EXPECT_EQ(ULONG(MM_READONLY), MiDecideFault(&committed, MI_ZERO_PTE, false).Protection);
    EXPECT_EQ(MI_FAULT_KIND::AccessViolation, Decide(&committed, MI_ZERO_PTE, true));
    EXPECT_EQ(MI_FAULT_KIND::AccessViolation, Decide(&reserved, MI_ZERO_PTE, false));
}

TEST(DecideFault, DecommittedPageIsAViolationWhateverTheRangeSays) {
    const MMVAD vad = PrivateRange(MM_READWRITE, true);
    EXPECT_EQ(MI_FAULT_KIND::AccessViolation, Decide(&vad, MI_DECOMMITTED_PTE, false));
}

TEST(DecideFault, EntrySpeaksForItsPageAndNotTheRange) {
    const MMVAD noAccess = PrivateRange(MM_NOACCESS, false);
    for (const Form& form : FORMS) {
        for (const ULONG basic : EVERY_BASIC) {
            const MMPTE pte = form.Make(basic);
            EXPECT_EQ(form.Kind, Decide(&noAccess, pte, false)) << basic;
            EXPECT_EQ(basic, MiDecideFault(&noAccess, pte, false).Protection);
            EXPECT_EQ(Writable(basic) ? form.Kind : MI_FAULT_KIND::AccessViolation, Decide(&noAccess, pte, true))
                << basic;
            EXPECT_EQ(form.Kind, Decide(&noAccess, form.Make(basic | MM_NOCACHE), false)) << basic;
        }
    }
}

TEST(DecideFault, GuardPageIsOneForEveryAccessThatItsProtectionAllows) {
    const MMVAD vad = PrivateRange(MM_READWRITE, true);
    for (const Form& form : FORMS) {
        for (const ULONG basic : EVERY_BASIC) {
            const MMPTE pte = form.Make(basic | MM_GUARD_PAGE);
            EXPECT_EQ(MI_FAULT_KIND::GuardPage, Decide(&vad, pte, false)) << basic;
            EXPECT_EQ(Writable(basic) ? MI_FAULT_KIND::GuardPage : MI_FAULT_KIND::AccessViolation,
                      Decide(&vad, pte, true))
                << basic;
        }
    }
    const MMVAD guarded = PrivateRange(MM_READWRITE | MM_GUARD_PAGE, true);
    EXPECT_EQ(MI_FAULT_KIND::GuardPage, Decide(&guarded, MI_ZERO_PTE, true));
}

TEST(DecideFault, NoAccessIsAViolationInEveryForm) {
    const MMVAD vad = PrivateRange(MM_READWRITE, true);
    for (const Form& form : FORMS) {
        EXPECT_EQ(MI_FAULT_KIND::AccessViolation, Decide(&vad, form.Make(MM_NOACCESS), false));
        EXPECT_EQ(MI_FAULT_KIND::AccessViolation, Decide(&vad, form.Make(MM_NOACCESS), true));
    }
}

TEST(DecideFault, PageOfAViewIsItsPrototypesWithTheRangesProtection) {
    const MMVAD readOnly = View(MM_READONLY), copied = View(MM_WRITECOPY);
    for (const MMPTE pte : {MI_ZERO_PTE, PrototypePte()}) {
        EXPECT_EQ(MI_FAULT_KIND::Prototype, Decide(&readOnly, pte, false));
        EXPECT_EQ(ULONG(MM_READONLY), MiDecideFault(&readOnly, pte, false).Protection);
        EXPECT_EQ(MI_FAULT_KIND::AccessViolation, Decide(&readOnly, pte, true));
        EXPECT_EQ(MI_FAULT_KIND::Prototype, Decide(&copied, pte, true)); // shared at first, then the write copies
    }
}
