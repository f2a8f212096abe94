// A working set whose page tables, pages and memory are a test's own. Addresses that are not mapped are poisoned: an access
// ends the test.
#pragma once

#include "mm/ws/wsl.h"

#include <cstdlib>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <sanitizer/asan_interface.h>
#include <set>
#include <utility>
#include <vector>

namespace host {

/// A working set with fakes of all that it asks for.
class FakeSet {
public:
    /// What the fake page table and page frames know of a page.
    struct Page {
        bool Used = false;
        bool Stays = false; ///< RemovePage refuses
        ULONG WsIndex = 0x5A5A5A;
    };

    /// @param entryPages, hashPages how far list and hash table may grow.
    explicit FakeSet(ULONG entryPages = 64, ULONG hashPages = 64) : m_pages(entryPages + hashPages) {
        m_room = static_cast<UCHAR*>(std::aligned_alloc(PAGE_SIZE, SIZE_T(m_pages) * PAGE_SIZE));
        ASAN_POISON_MEMORY_REGION(m_room, SIZE_T(m_pages) * PAGE_SIZE);
        ASAN_UNPOISON_MEMORY_REGION(m_room, PAGE_SIZE);
        MI_WORKING_SET_ROOM room{};
        room.Wsle = reinterpret_cast<MMWSLE*>(m_room + sizeof(MMWSL));
        room.MappedEntries = ULONG((PAGE_SIZE - sizeof(MMWSL)) / sizeof(MMWSLE));
        room.MaximumEntries = ULONG((entryPages * PAGE_SIZE - sizeof(MMWSL)) / sizeof(MMWSLE));
        room.HashTable = reinterpret_cast<MMWSLE_HASH*>(m_room + entryPages * PAGE_SIZE);
        room.MaximumHashTableSize = ULONG(hashPages * PAGE_SIZE / sizeof(MMWSLE_HASH));
        static constexpr MI_WORKING_SET_CALLS calls = {MapPage, UnmapPage, TestAndClearAccessed, RemovePage, SetWsIndex,
                                                       Enter,   Leave};
        Set.Calls = &calls;
        Set.Owner = this;
        MiInitializeWorkingSetList(&Set, reinterpret_cast<MMWSL*>(m_room), room);
    }
    ~FakeSet() {
        ASAN_UNPOISON_MEMORY_REGION(m_room, SIZE_T(m_pages) * PAGE_SIZE);
        std::free(m_room);
    }
    FakeSet(const FakeSet&) = delete;
    FakeSet& operator=(const FakeSet&) = delete;

    /// Gives a page an entry, as a page fault does. @returns its index.
    ULONG Add(ULONG vpn, bool direct = true, ULONG protection = 4) {
        const ULONG index = MiAllocateWsle(&Set, vpn, protection, direct);
        if (index == WSLE_NULL_INDEX) return index;
        Pages[vpn] = {};
        if (direct) Pages[vpn].WsIndex = index;
        return index;
    }
    ULONG Find(ULONG vpn) { return MiLocateWsle(List(), vpn, Pages.count(vpn) ? Pages[vpn].WsIndex : 3); }
    void Remove(ULONG vpn) {
        MiReleaseWsle(&Set, Find(vpn));
        Pages.erase(vpn);
    }
    MMWSL* List() { return Set.VmWorkingSetList; }
    auto& Entry(ULONG vpn) { return List()->Wsle[Find(vpn)].e1; }
    [[nodiscard]] ULONG MappedPages() const { return ULONG(m_mapped.size()); }

    /// The working set, with the way back.
    struct OwnedSet : MMSUPPORT {
        FakeSet* Owner;
    };
    OwnedSet Set{};
    std::map<ULONG, Page> Pages;   ///< by vpn: those in the working set
    bool MemoryIsShort = false;    ///< MapPage fails
    bool Busy = false;             ///< Enter fails
    std::function<void()> Entered; ///< called within Enter

private:
    static FakeSet& Of(MMSUPPORT* workingSet) { return *static_cast<OwnedSet*>(workingSet)->Owner; }
    static bool MapPage(MMSUPPORT* workingSet, PVOID address) {
        FakeSet& set = Of(workingSet);
        if (set.MemoryIsShort) return false;
        EXPECT_EQ(reinterpret_cast<ULONG_PTR>(address) % PAGE_SIZE, 0u);
        EXPECT_LT(SIZE_T(static_cast<UCHAR*>(address) - set.m_room), SIZE_T(set.m_pages) * PAGE_SIZE);
        EXPECT_TRUE(set.m_mapped.insert(address).second) << "mapped twice";
        ASAN_UNPOISON_MEMORY_REGION(address, PAGE_SIZE);
        std::fill_n(static_cast<UCHAR*>(address), PAGE_SIZE, UCHAR(0));
        return true;
    }
    static void UnmapPage(MMSUPPORT* workingSet, PVOID address) {
        EXPECT_EQ(Of(workingSet).m_mapped.erase(address), 1u) << "not mapped";
        ASAN_POISON_MEMORY_REGION(address, PAGE_SIZE);
    }
    static bool TestAndClearAccessed(MMSUPPORT* workingSet, ULONG vpn) {
        return std::exchange(Of(workingSet).Pages.at(vpn).Used, false);
    }
    static bool RemovePage(MMSUPPORT* workingSet, ULONG vpn) {
        auto& pages = Of(workingSet).Pages;
        if (pages.at(vpn).Stays) return false;
        Of(workingSet).Removed.push_back(vpn);
        pages.erase(vpn);
        return true;
    }
    static void SetWsIndex(MMSUPPORT* workingSet, ULONG vpn, ULONG index) {
        Of(workingSet).Pages.at(vpn).WsIndex = index;
    }
    static bool Enter(MMSUPPORT* workingSet) {
        FakeSet& set = Of(workingSet);
        if (set.Busy) return false;
        if (set.Entered) set.Entered();
        EXPECT_FALSE(std::exchange(set.m_inside, true));
        return true;
    }
    static void Leave(MMSUPPORT* workingSet) { EXPECT_TRUE(std::exchange(Of(workingSet).m_inside, false)); }

    const ULONG m_pages;
    UCHAR* m_room;
    std::set<PVOID> m_mapped;
    bool m_inside = false;

public:
    std::vector<ULONG> Removed; ///< by RemovePage, in this order
};

} // namespace host
