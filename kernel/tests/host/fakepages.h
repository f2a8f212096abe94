// Page tables of an address space as a map, and a model of a process's memory: what is reserved and committed, page by page.
#pragma once

#include "mm/vad/pagestate.h"
#include "mm/vad/services.h"

#include <gtest/gtest.h>
#include <map>
#include <set>

namespace host {

/// Page tables that exist or not, and entries that a test turns into pages (Touch), as a page fault does.
class FakePages final : public MI_PAGE_TABLE {
public:
    MMPTE Read(ULONG vpn) override {
        const auto at = m_entries.find(vpn);
        return at == m_entries.end() ? MI_ZERO_PTE : at->second;
    }
    void Write(ULONG vpn, MMPTE pte) override {
        EXPECT_FALSE(MiHoldsPage(pte)) << "the services make no pages";
        EXPECT_FALSE(MiHoldsPage(Read(vpn))) << "a page is lost";
        Put(vpn, pte);
    }
    bool MakeTable(ULONG vpn) override {
        if (m_tables.count(vpn / PTE_PER_PAGE)) return true;
        if (TablesLeft == 0) return false;
        TablesLeft--;
        m_tables.insert(vpn / PTE_PER_PAGE);
        return true;
    }
    ULONG UsedEntries(ULONG vpn) override {
        const ULONG first = vpn / PTE_PER_PAGE * PTE_PER_PAGE;
        const auto end = m_entries.lower_bound(first + PTE_PER_PAGE);
        return ULONG(std::distance(m_entries.lower_bound(first), end));
    }
    void FreeTables(ULONG first, ULONG last) override {
        for (ULONG table = first / PTE_PER_PAGE; table <= last / PTE_PER_PAGE; table++) {
            if (UsedEntries(table * PTE_PER_PAGE) == 0 && m_tables.erase(table)) TablesLeft++;
        }
    }
    void DeletePage(ULONG vpn, MMPTE after) override {
        EXPECT_TRUE(MiHoldsPage(Read(vpn)));
        EXPECT_EQ(m_pages.erase(vpn), 1u);
        Put(vpn, after);
    }
    ULONG Protection(ULONG vpn) override { return m_pages.at(vpn); }
    void Protect(ULONG vpn, ULONG protection) override { m_pages.at(vpn) = protection; }

    /// A page fault at a committed page: from now on the entry holds a page.
    void Touch(ULONG vpn, ULONG protection) {
        if (MiHoldsPage(Read(vpn))) return;
        if (!MakeTable(vpn)) return;
        m_pages[vpn] = protection;
        Put(vpn, MMPTE{vpn << 12 | (vpn % 2 ? 1u : 1u << 11)}); // valid, or in transition
    }
    [[nodiscard]] ULONG Pages() const { return ULONG(m_pages.size()); }
    [[nodiscard]] ULONG Tables() const { return ULONG(m_tables.size()); }

    ULONG TablesLeft = 1000; ///< so many page tables can still be made

private:
    void Put(ULONG vpn, MMPTE pte) {
        EXPECT_TRUE(m_tables.count(vpn / PTE_PER_PAGE)) << "no page table";
        if (pte.Long == 0)
            m_entries.erase(vpn);
        else
            m_entries[vpn] = pte;
    }

    std::map<ULONG, MMPTE> m_entries;
    std::map<ULONG, ULONG> m_pages; ///< protections of entries that hold pages
    std::set<ULONG> m_tables;
};

// A machine's memory for tests of the page frame number database: pages of the host, and a loader's map of them.
//
//   frame 0        firmware            256..259  the kernel          312  defective
//   1..159         free, low           260..311  free                313  a hole
//   160..255       ROM                                               314..319  free
//
// Frame 260 is taken for page tables: its PTEs are where a test's PTEs live.
#pragma once

#include "ldr.h"
#include "machine.h"
#include "mm/pfn/pageaccess.h"
#include "mm/pfn/pfn.h"

#include <vector>

namespace host {

constexpr PFN_NUMBER Frames = 320, FirstFree = 261, PteFrame = 260, BadFrame = 312, Hole = 313;
constexpr ULONG FreeFrames = 51 + 6;

/// A test on such a machine. Bodies run with MmPfnLock held, but where they say RunUnlocked.
class PageTest : public KernelTest {
protected:
    PageTest();
    void RunLocked(const std::function<void()>& body);
    void RunUnlocked(const std::function<void()>& body, ULONG processors = 1);
    /// The test runs on, and a broken assertion whose expression contains `text` is expected.
    void RunLockedUntilAssertion(const std::string& text, const std::function<void()>& body);

    /// Fills the database anew.
    static void Initialize();
    /// A PTE of the test's own; all are in PteFrame, and demand zero for reading and writing at first.
    static MMPTE* Pte(ULONG index);
    /// A page in use by a private PTE.
    static PFN_NUMBER Use(ULONG pteIndex, bool modified = false);
    /// A page in use by a prototype PTE that `shares` PTEs of processes refer to.
    static PFN_NUMBER UsePrototype(ULONG pteIndex, ULONG shares);
    /// The page leaves the working set of its only process.
    static void Trim(ULONG pteIndex);
    /// The frames of a list, from its front.
    static std::vector<PFN_NUMBER> List(MMLISTS list);
    static MMLISTS State(PFN_NUMBER frame) { return MMLISTS(MiPfnElement(frame)->e1.PageLocation); }
    /// The database is as it must be.
    static void Check();
};

/// The bytes of a page.
UCHAR* PageOf(PFN_NUMBER frame);
/// What was given to MiReleasePageOfPageFile.
extern std::vector<ULONG> ReleasedPageFileSpace;
/// Called by MiZeroPhysicalPage before it writes.
extern std::function<void(PFN_NUMBER)> BeforeZeroing;

} // namespace host
