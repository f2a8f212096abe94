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

} // namespace host
