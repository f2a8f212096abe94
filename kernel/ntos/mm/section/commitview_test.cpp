// Sections of reserved memory: what is charged, told and refused, before and after pages are committed.
// POL-06, POL-08
#include "sectiontest.h"

namespace {

class CommitViewTest : public host::SectionTest {
protected:
    /// NtAllocateVirtualMemory with MEM_COMMIT.
    NTSTATUS Commit(ULONG_PTR base, SIZE_T size, ULONG protect = PAGE_READWRITE) {
        return MiAllocateVirtualMemory(Space, Table, &base, 0, &size, MEM_COMMIT, protect);
    }
    /// State and size of the run of pages that begins at an address.
    MEMORY_BASIC_INFORMATION Query(ULONG_PTR at) {
        MEMORY_BASIC_INFORMATION told{};
        EXPECT_EQ(MiQueryVirtualMemory(Space, Table, at, &told), STATUS_SUCCESS);
        return told;
    }
    SECTION* Reserve(ULONG pages, ULONG protect = PAGE_READWRITE) {
        SECTION* const section = Create(nullptr, ULONGLONG(pages) * PAGE_SIZE, protect, SEC_RESERVE);
        EXPECT_NE(section, nullptr);
        return section;
    }
    static MI_PTE_KIND Kind(const SECTION* section, ULONG page) {
        return MiPteKind(*MiLocatePrototype(section->Segment->ControlArea, page));
    }
};

} // namespace

// POL-08: more than all memory and page files may be reserved
TEST_F(CommitViewTest, ReservingChargesNothing) {
    RunSections([&] {
        SECTION* const section = Reserve(2000);
        EXPECT_EQ(MmTotalCommittedPages, 0);
        EXPECT_EQ(Kind(section, 0), MI_PTE_KIND::Decommitted);
        EXPECT_EQ(Kind(section, 1999), MI_PTE_KIND::Decommitted);
        ASSERT_EQ(Map(section), STATUS_SUCCESS);
        EXPECT_EQ(Query(Request.Base).State, MEM_RESERVE);
        EXPECT_EQ(Query(Request.Base).Protect, 0u);
        EXPECT_EQ(Query(Request.Base).RegionSize, SIZE_T(2000) * PAGE_SIZE);
        EXPECT_EQ(Commit(Request.Base, SIZE_T(2000) * PAGE_SIZE), STATUS_COMMITMENT_LIMIT);
        EXPECT_EQ(Kind(section, 0), MI_PTE_KIND::Decommitted) << "nothing has changed";
        EXPECT_EQ(Unmap(Request.Base), STATUS_SUCCESS);
        MmCloseSection(section);
    });
}

// POL-06, POL-08
TEST_F(CommitViewTest, CommittedPagesAreThoseOfAllViews) {
    RunSections([&] {
        SECTION* const section = Reserve(10);
        ASSERT_EQ(Map(section), STATUS_SUCCESS);
        const ULONG_PTR one = Request.Base;
        Request = {};
        ASSERT_EQ(Map(section), STATUS_SUCCESS);
        const ULONG_PTR other = Request.Base;
        ASSERT_EQ(Commit(one + 2 * PAGE_SIZE + 5, 2 * PAGE_SIZE), STATUS_SUCCESS); // touches three pages
        EXPECT_EQ(MmTotalCommittedPages, 3);
        EXPECT_EQ(section->Segment->NumberOfCommittedPages, 3u);
        for (const ULONG_PTR base : {one, other}) {
            EXPECT_EQ(Query(base).State, MEM_RESERVE);
            EXPECT_EQ(Query(base).RegionSize, 2 * PAGE_SIZE);
            EXPECT_EQ(Query(base + 2 * PAGE_SIZE).State, MEM_COMMIT);
            EXPECT_EQ(Query(base + 2 * PAGE_SIZE).Protect, PAGE_READWRITE);
            EXPECT_EQ(Query(base + 2 * PAGE_SIZE).RegionSize, 3 * PAGE_SIZE);
            EXPECT_EQ(Query(base + 5 * PAGE_SIZE).State, MEM_RESERVE);
        }
        ASSERT_EQ(Commit(other, 10 * PAGE_SIZE), STATUS_SUCCESS);
        EXPECT_EQ(MmTotalCommittedPages, 10) << "each page once";
        EXPECT_EQ(Query(one).RegionSize, 10 * PAGE_SIZE);
        EXPECT_EQ(Unmap(one), STATUS_SUCCESS);
        EXPECT_EQ(Unmap(other), STATUS_SUCCESS);
        EXPECT_EQ(MmTotalCommittedPages, 10) << "until the section goes";
        MmCloseSection(section);
        EXPECT_EQ(MmTotalCommittedPages, 0);
    });
}

// POL-06: the protection is this view's
TEST_F(CommitViewTest, ProtectionIsTheOneThatWasAskedFor) {
    RunSections([&] {
        SECTION* const section = Reserve(4);
        ASSERT_EQ(Map(section), STATUS_SUCCESS);
        const ULONG_PTR base = Request.Base;
        ASSERT_EQ(Commit(base, PAGE_SIZE, PAGE_READONLY), STATUS_SUCCESS);
        EXPECT_EQ(Query(base).Protect, PAGE_READONLY);
        EXPECT_EQ(Kind(section, 0), MI_PTE_KIND::DemandZero);
        ASSERT_EQ(Commit(base, 2 * PAGE_SIZE), STATUS_SUCCESS); // again, otherwise
        EXPECT_EQ(Query(base).Protect, PAGE_READWRITE);
        EXPECT_EQ(Query(base).RegionSize, 2 * PAGE_SIZE);
        EXPECT_EQ(Commit(base, PAGE_SIZE, PAGE_EXECUTE_READ), STATUS_SECTION_PROTECTION);
        EXPECT_EQ(Unmap(base), STATUS_SUCCESS);
        Request = {};
        ASSERT_EQ(Map(section, 0, PAGE_READONLY), STATUS_SUCCESS);
        EXPECT_EQ(Commit(Request.Base + 3 * PAGE_SIZE, 1), STATUS_SECTION_PROTECTION);
        EXPECT_EQ(Kind(section, 3), MI_PTE_KIND::Decommitted);
        EXPECT_EQ(Unmap(Request.Base), STATUS_SUCCESS);
        MmCloseSection(section);
    });
}

// POL-06, POL-08: memory of other sections is committed already
TEST_F(CommitViewTest, OtherViewsAreNoReservedMemory) {
    host::Memory file(3 * PAGE_SIZE);
    RunSections([&] {
        MM_BACKING* const backings[] = {nullptr, &file.Backing()};
        for (MM_BACKING* const backing : backings) {
            // Of a file, SEC_RESERVE is the same as SEC_COMMIT.
            SECTION* const section = Create(backing, 3 * PAGE_SIZE, PAGE_READWRITE, backing ? SEC_RESERVE : SEC_COMMIT);
            ASSERT_EQ(Map(section), STATUS_SUCCESS);
            EXPECT_EQ(Query(Request.Base).State, MEM_COMMIT);
            EXPECT_EQ(Commit(Request.Base, PAGE_SIZE), STATUS_CONFLICTING_ADDRESSES);
            EXPECT_EQ(Unmap(Request.Base), STATUS_SUCCESS);
            MmCloseSection(section);
            Request = {};
        }
    });
}

// POL-06: without memory for page tables nothing has changed
TEST_F(CommitViewTest, CommitThatFailsChangesNothing) {
    RunSections([&] {
        SECTION* const section = Reserve(600);
        ASSERT_EQ(Map(section), STATUS_SUCCESS);
        const auto tables = Table.TablesLeft;
        Table.TablesLeft = 0;
        EXPECT_EQ(Commit(Request.Base, PAGE_SIZE, PAGE_READONLY), STATUS_INSUFFICIENT_RESOURCES);
        EXPECT_EQ(MmTotalCommittedPages, 0);
        EXPECT_EQ(Query(Request.Base).State, MEM_RESERVE);
        EXPECT_EQ(Commit(Request.Base, PAGE_SIZE), STATUS_SUCCESS) << "needs no page table";
        Table.TablesLeft = tables;
        EXPECT_EQ(Unmap(Request.Base), STATUS_SUCCESS);
        MmCloseSection(section);
    });
}
