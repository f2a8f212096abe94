// A random walk through the services, against a model that knows each page: its range, and how it may be used.
// POL-06
#include "fakepages.h"
#include "fakepool.h"
#include "machine.h"
#include "mm/charge.h"
#include "mm/protect.h"
#include "mm/virtual.h"

#include <algorithm>
#include <random>
#include <vector>

namespace {

constexpr ULONG FIRST = 0x3C0, PAGES = 0x240; ///< the walk's part of user space: parts of two page tables

/// What the model knows of a page.
struct Page {
    ULONG Range = 0; ///< number of its range; 0: free
    bool Committed = false;
    ULONG Protect = 0;   ///< PAGE_*, while it is committed
    ULONG Allocated = 0; ///< PAGE_*, of its range
    bool operator==(const Page&) const = default;
};

/// The model: all pages, and the services on them.
class Model {
public:
    std::vector<Page> Pages = std::vector<Page>(PAGES);
    ULONG Ranges = 0;

    [[nodiscard]] bool All(ULONG first, ULONG last, bool (*what)(const Page&)) const {
        return std::all_of(&Pages[first], &Pages[last] + 1, what);
    }
    [[nodiscard]] bool OneRange(ULONG first, ULONG last) const {
        return Pages[first].Range != 0 && std::all_of(&Pages[first], &Pages[last] + 1, [&](const Page& page) {
                   return page.Range == Pages[first].Range;
               });
    }
    [[nodiscard]] ULONG Committed() const {
        return ULONG(std::count_if(Pages.begin(), Pages.end(), [](const Page& page) { return page.Committed; }));
    }
    [[nodiscard]] ULONG InUse() const {
        return ULONG(std::count_if(Pages.begin(), Pages.end(), [](const Page& page) { return page.Range != 0; }));
    }
    /// The range that holds a page.
    [[nodiscard]] std::pair<ULONG, ULONG> RangeOf(ULONG page) const {
        ULONG first = page, last = page;
        while (first > 0 && Pages[first - 1].Range == Pages[page].Range)
            first--;
        while (last + 1 < PAGES && Pages[last + 1].Range == Pages[page].Range)
            last++;
        return {first, last};
    }
};

class ServicesWalkTest : public host::KernelTest {
protected:
    ServicesWalkTest() {
        MmTotalCommittedPages = 0;
        MmPeakCommitment = 0;
        MmTotalCommitLimit = 100'000;
        MmInitializeAddressSpace(&space, 0);
    }
    static ULONG_PTR Address(ULONG page) { return ULONG_PTR(FIRST + page) << PAGE_SHIFT; }

    /// One call of a service with random arguments, and the same on the model.
    void Step(std::mt19937& random);
    /// Each page is told as the model has it.
    void CheckWhole();

    MM_ADDRESS_SPACE space{};
    host::FakePages table;
    Model model;
};

void ServicesWalkTest::Step(std::mt19937& random) {
    constexpr ULONG protections[] = {PAGE_READONLY, PAGE_READWRITE, PAGE_EXECUTE_READ, PAGE_NOACCESS,
                                     PAGE_READWRITE | PAGE_GUARD};
    const ULONG protect = protections[random() % 5];
    ULONG first = random() % PAGES, last = std::min<ULONG>(first + random() % (random() % 3 ? 6 : 60), PAGES - 1);
    ULONG_PTR base = Address(first);
    SIZE_T size = (last - first + 1) * PAGE_SIZE;
    table.TablesLeft = random() % 4 ? 9 : 0;
    NTSTATUS status;
    bool shortOfMemory = false; // the service may say so
    switch (random() % 6) {
    case 0: { // reserve, perhaps commit
        const bool commit = random() % 2;
        status =
            MiAllocateVirtualMemory(space, table, &base, 0, &size, MEM_RESERVE | (commit ? MEM_COMMIT : 0), protect);
        first &= ~0xFu; // FIRST is a multiple of 64 KB
        if (!model.All(first, last, [](const Page& page) { return page.Range == 0; })) {
            ASSERT_EQ(status, STATUS_CONFLICTING_ADDRESSES);
            return;
        }
        model.Ranges++;
        for (ULONG page = first; page <= last; page++)
            model.Pages[page] = {model.Ranges, commit, commit ? protect : 0, protect};
        break;
    }
    case 1: // commit
        status = MiAllocateVirtualMemory(space, table, &base, 0, &size, MEM_COMMIT, protect);
        if (!model.OneRange(first, last)) {
            ASSERT_EQ(status, STATUS_CONFLICTING_ADDRESSES);
            return;
        }
        if ((shortOfMemory = status == STATUS_INSUFFICIENT_RESOURCES)) break;
        for (ULONG page = first; page <= last; page++) {
            model.Pages[page].Committed = true;
            model.Pages[page].Protect = protect;
        }
        break;
    case 2:
    case 3: { // decommit, release
        const bool release = random() % 2, whole = random() % 8 == 0;
        if (whole) {
            if (model.Pages[first].Range) std::tie(first, last) = model.RangeOf(first);
            base = Address(first);
            size = 0;
        }
        if (random() % 16 == 0) host::PoolFailures = 1;
        status = MiFreeVirtualMemory(space, table, &base, &size, release ? MEM_RELEASE : MEM_DECOMMIT);
        host::PoolFailures = 0;
        if (!model.Pages[first].Range) {
            ASSERT_EQ(status, STATUS_MEMORY_NOT_ALLOCATED);
            return;
        }
        if (!model.OneRange(first, last)) {
            ASSERT_EQ(status, STATUS_UNABLE_TO_FREE_VM);
            return;
        }
        if ((shortOfMemory = status == STATUS_INSUFFICIENT_RESOURCES)) break;
        const auto [from, to] = model.RangeOf(first);
        if (release && first != from && last != to) { // what lies behind is a range of its own
            model.Ranges++;
            for (ULONG page = last + 1; page <= to; page++)
                model.Pages[page].Range = model.Ranges;
        }
        for (ULONG page = first; page <= last; page++) {
            model.Pages[page].Committed = false;
            model.Pages[page].Protect = 0;
            if (release) model.Pages[page] = {};
        }
        break;
    }
    case 4: { // protect
        ULONG old = 0;
        const ULONG before = model.Pages[first].Protect;
        status = MiProtectVirtualMemory(space, table, &base, &size, protect, &old);
        if (!model.OneRange(first, last)) {
            ASSERT_EQ(status, STATUS_CONFLICTING_ADDRESSES);
            return;
        }
        if (!model.All(first, last, [](const Page& page) { return page.Committed; })) {
            ASSERT_EQ(status, STATUS_NOT_COMMITTED);
            return;
        }
        if ((shortOfMemory = status == STATUS_INSUFFICIENT_RESOURCES)) break;
        ASSERT_EQ(old, before);
        for (ULONG page = first; page <= last; page++)
            model.Pages[page].Protect = protect;
        break;
    }
    default: // page faults
        for (ULONG page = first; page <= last; page++) {
            if (model.Pages[page].Committed) table.Touch(FIRST + page, MiMakeProtectionMask(model.Pages[page].Protect));
        }
        return;
    }
    if (shortOfMemory) return; // nothing may have changed: the check tells
    ASSERT_EQ(status, STATUS_SUCCESS);
    ASSERT_EQ(base, Address(first));
    ASSERT_EQ(size, (last - first + 1) * PAGE_SIZE);
}

void ServicesWalkTest::CheckWhole() {
    ASSERT_STREQ(MiCheckVadTree(&space.VadRoot), nullptr);
    ASSERT_EQ(MmTotalCommittedPages, LONG(model.Committed()));
    ASSERT_EQ(space.CommitCharge, LONG(model.Committed()));
    ASSERT_EQ(space.VirtualSize, SIZE_T(model.InUse()) * PAGE_SIZE);
    for (ULONG page = 0; page < PAGES;) {
        MEMORY_BASIC_INFORMATION told{};
        ASSERT_EQ(MiQueryVirtualMemory(space, table, Address(page), &told), STATUS_SUCCESS);
        const Page& known = model.Pages[page];
        ULONG end = page + 1;
        while (end < PAGES && model.Pages[end] == known)
            end++;
        const ULONG alike = ULONG(told.RegionSize / PAGE_SIZE);
        if (known.Range == 0) {
            ASSERT_EQ(told.State, MEM_FREE);
            ASSERT_GE(alike, end - page); // the last run goes on behind the walk's part
            if (end != PAGES) ASSERT_EQ(alike, end - page);
        } else {
            ASSERT_EQ(alike, end - page) << "page " << page;
            ASSERT_EQ(told.State, known.Committed ? MEM_COMMIT : MEM_RESERVE);
            ASSERT_EQ(told.Protect, known.Protect);
            ASSERT_EQ(told.AllocationProtect, known.Allocated);
            ASSERT_EQ(reinterpret_cast<ULONG_PTR>(told.AllocationBase), Address(model.RangeOf(page).first));
        }
        page = end;
    }
    ULONG charged = 0;
    for (MMADDRESS_NODE* node = MiCheckForConflictingNode(0, MI_HIGHEST_USER_VPN, &space.VadRoot); node;
         node = MiGetNextNode(node))
        charged += MiVadOf(node)->Flags.CommitCharge;
    ASSERT_EQ(charged, model.Committed());
}

} // namespace

// POL-06
TEST_F(ServicesWalkTest, RandomWalkAgreesWithAModelOfPages) {
    Run([&] {
        std::mt19937 random(host::Seed());
        for (ULONG step = 0; step < 10'000 && !HasFatalFailure(); step++) {
            SCOPED_TRACE("step " + std::to_string(step));
            Step(random);
            if (!HasFatalFailure() && step % 4 == 0) CheckWhole();
        }
        MiDeletePrivateRanges(space, table);
    });
    EXPECT_EQ(MmTotalCommittedPages, 0);
    EXPECT_EQ(table.Pages(), 0u);
    EXPECT_EQ(table.Tables(), 0u);
    EXPECT_EQ(space.VirtualSize, 0u);
}
