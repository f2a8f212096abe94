// A pool over pages of the host's heap, for the tests of this folder.
#pragma once

#include "ex/inject.h"
#include "ex/pool/expool.h"
#include "machine.h"

#include <cstdlib>
#include <map>

namespace hostpool {

constexpr ULONG Tag = 0x74736554;

/// Pages by address: which pool's, and how many.
inline std::map<UCHAR*, std::pair<POOL_TYPE, ULONG>> Pages;
inline ULONG PagesGiven;
inline ULONG PagesFreed;
inline bool OutOfPages;
inline ULONG PagesLeft = 1000;           ///< as the page source says
inline std::function<void()> AfterAPage; ///< what comes as soon as the pool's lock is free again

inline PVOID NTAPI GivePages(POOL_TYPE type, ULONG pages) {
    if (OutOfPages || pages > 10'000) return nullptr;
    PagesGiven += pages;
    if (AfterAPage) {
        static KDPC dpc;
        KeInitializeDpc(
            &dpc, [](KDPC*, PVOID, PVOID, PVOID) { std::exchange(AfterAPage, nullptr)(); }, nullptr);
        KeGetPcr()->Irql = DISPATCH_LEVEL;
        (void)KeInsertQueueDpc(&dpc, nullptr, nullptr);
        KeGetPcr()->Irql = PASSIVE_LEVEL; // past the IRQL contract: the DPC comes when the IRQL falls next
    }
    auto* const address = static_cast<UCHAR*>(std::aligned_alloc(PAGE_SIZE, pages * PAGE_SIZE));
    Pages[address] = {type, pages};
    return address;
}
inline ULONG NTAPI FreePages(PVOID address) {
    const auto found = Pages.find(static_cast<UCHAR*>(address));
    if (found == Pages.end()) return 0;
    const ULONG pages = found->second.second;
    PagesFreed += pages;
    Pages.erase(found);
    std::free(address);
    return pages;
}
inline BOOLEAN NTAPI TypeOf(const volatile void* address, POOL_TYPE* type) {
    auto found = Pages.upper_bound(static_cast<UCHAR*>(const_cast<void*>(address)));
    if (found == Pages.begin()) return FALSE;
    --found;
    *type = found->second.first;
    return static_cast<const volatile UCHAR*>(address) < found->first + found->second.second * PAGE_SIZE;
}
inline ULONG NTAPI Available(POOL_TYPE) { return OutOfPages ? 0 : PagesLeft; }

/// A pool that is as it is at boot; it keeps no freed blocks.
class PoolTest : public host::KernelTest {
protected:
    PoolTest() {
        static constexpr EX_PAGE_SOURCE source = {GivePages, FreePages, TypeOf, Available};
        PagesGiven = PagesFreed = 0;
        AfterAPage = nullptr;
        OutOfPages = false;
        PagesLeft = 1000;
        ExpInjection.FailAfter = 0;
        memset(PoolTrackTable, 0, sizeof PoolTrackTable);
        EXPECT_TRUE(ExInitSystem(&source));
    }
    ~PoolTest() override {
        for (const auto& [address, page] : std::exchange(Pages, {}))
            std::free(address);
    }
    /// A machine that stops with BAD_POOL_CALLER, and this first parameter.
    void RunUntilBadCaller(ULONG what, std::function<void()> body) {
        RunUntilBugCheck(BAD_POOL_CALLER, std::move(body));
        EXPECT_EQ(machine->Stopped().Parameter[0], what);
    }
};

/// The counts of the test's tag.
inline POOL_TRACKER_TABLE Tracked(ULONG tag = Tag) {
    POOL_TRACKER_TABLE row;
    ExQueryPoolTag(tag, &row);
    return row;
}

} // namespace hostpool
