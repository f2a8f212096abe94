// Page tables that exist only for a test (2.5): entries of the first 32 MB of an address space, which the host reads and writes.
//
// An entry that "holds a page" has the transition form, with a number that the host chose. The host stops where a routine that changes
// something begins, and where a rule of mm/vad/pagetable.h is broken: what lies here a student's code could write (rangetables.py).
// IRQL, locks: as there.
#include "mm/vad/pagetable.h"
#include "mm/vad/pagestate.h"
#include "ntstatus.h"

namespace {

constexpr ULONG TABLES = 8;

/// What the host sees of the page tables.
struct LAB_TABLES {
    ULONG TablesLeft; ///< so many can still be made
    ULONG Exists[TABLES];
    MMPTE Entries[TABLES * PTE_PER_PAGE];
};

/// Rules; rangebench.py has the words.
enum BROKEN : ULONG { NoSuchPage = 1, NoTable, PageLost, PageMade, NoPage, AfterHoldsPage };

} // namespace

extern "C" NTEXPORT LAB_TABLES LabTables = {};

/// A rule is broken: the host stops here.
extern "C" NTEXPORT __attribute__((noinline)) void NTAPI LabRuleBroken(BROKEN rule, ULONG vpn) {
    __asm__ volatile("" : : "r"(rule), "r"(vpn));
}

namespace {

/// The page tables as the services use them.
class LAB_PAGES final : public MI_PAGE_TABLE {
public:
    MMPTE Read(ULONG vpn) override { return IsOne(vpn) ? LabTables.Entries[vpn] : MMPTE{0}; }

    void Write(ULONG vpn, MMPTE pte) override {
        if (!HasTable(vpn)) return;
        if (Holds(LabTables.Entries[vpn])) return LabRuleBroken(PageLost, vpn);
        if (Holds(pte)) return LabRuleBroken(PageMade, vpn);
        LabTables.Entries[vpn] = pte;
    }

    bool MakeTable(ULONG vpn) override {
        if (!IsOne(vpn)) return false;
        ULONG& exists = LabTables.Exists[vpn / PTE_PER_PAGE];
        if (exists) return true;
        if (LabTables.TablesLeft == 0) return false;
        LabTables.TablesLeft--;
        exists = 1;
        return true;
    }

    ULONG UsedEntries(ULONG vpn) override {
        if (!IsOne(vpn)) return 0;
        ULONG used = 0;
        const MMPTE* const entries = &LabTables.Entries[vpn / PTE_PER_PAGE * PTE_PER_PAGE];
        for (ULONG i = 0; i < PTE_PER_PAGE; i++)
            used += entries[i].Long != 0;
        return used;
    }

    void FreeTables(ULONG first, ULONG last) override {
        for (ULONG table = first / PTE_PER_PAGE; table <= last / PTE_PER_PAGE && table < TABLES; table++) {
            if (!LabTables.Exists[table] || UsedEntries(table * PTE_PER_PAGE) != 0) continue;
            LabTables.Exists[table] = 0;
            LabTables.TablesLeft++;
        }
    }

    void DeletePage(ULONG vpn, MMPTE after) override {
        if (!HasTable(vpn)) return;
        MMPTE& entry = LabTables.Entries[vpn];
        if (!Holds(entry)) return LabRuleBroken(NoPage, vpn);
        if (Holds(after)) return LabRuleBroken(AfterHoldsPage, vpn);
        entry = after;
    }

    ULONG Protection(ULONG vpn) override {
        if (HasTable(vpn) && Holds(LabTables.Entries[vpn])) return LabTables.Entries[vpn].Trans.Protection;
        LabRuleBroken(NoPage, vpn);
        return 0;
    }

    void Protect(ULONG vpn, ULONG protection) override {
        if (!HasTable(vpn)) return;
        if (!Holds(LabTables.Entries[vpn])) return LabRuleBroken(NoPage, vpn);
        LabTables.Entries[vpn].Trans.Protection = protection;
    }

private:
    static bool Holds(MMPTE pte) { return MiPteKind(pte) == MI_PTE_KIND::Transition; }

    static bool IsOne(ULONG vpn) {
        if (vpn < TABLES * PTE_PER_PAGE) return true;
        LabRuleBroken(NoSuchPage, vpn);
        return false;
    }

    static bool HasTable(ULONG vpn) {
        if (!IsOne(vpn)) return false;
        if (LabTables.Exists[vpn / PTE_PER_PAGE]) return true;
        LabRuleBroken(NoTable, vpn);
        return false;
    }
};

} // namespace

extern "C" NTEXPORT LAB_PAGES LabPages;
constinit LAB_PAGES LabPages;
