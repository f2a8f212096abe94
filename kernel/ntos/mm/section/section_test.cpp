// Sections, their segments and views, on page tables of the test's own: what is counted, what is refused, what is left.
// POL-08, POL-09
#include "sectiontest.h"

#include "mm/testbacking.h"
#include "pe_builder.h"

namespace {

constexpr ULONG K64 = 0x10000;

using host::Memory;

class SectionsTest : public host::SectionTest {
protected:
    static ULONG References(const SECTION* section) { return section->Segment->ControlArea->NumberOfSectionReferences; }
    static ULONG Views(const SECTION* section) { return section->Segment->ControlArea->NumberOfMappedViews; }
    /// What NtQueryVirtualMemory tells of an address.
    MEMORY_BASIC_INFORMATION Query(ULONG_PTR at) {
        MEMORY_BASIC_INFORMATION told{};
        EXPECT_EQ(MiQueryVirtualMemory(Space, Table, at, &told), STATUS_SUCCESS);
        return told;
    }
};

/// A file that may grow.
struct GrowingFile {
    explicit GrowingFile(ULONG length) : Bytes(1 << 20) {
        MmInitializeMemoryBacking(&Memory, Bytes.data(), length, FALSE);
        Calls = *Memory.Backing.Calls;
        Calls.Extend = [](MM_BACKING* backing, ULONGLONG size) {
            CONTAINING_RECORD(backing, MM_MEMORY_BACKING, Backing)->Length = ULONG(size);
            return STATUS_SUCCESS;
        };
        Memory.Backing.Calls = &Calls;
    }
    std::vector<UCHAR> Bytes;
    MM_MEMORY_BACKING Memory{};
    MM_BACKING_CALLS Calls{};
};

} // namespace

// POL-08
TEST_F(SectionsTest, PageFileMemoryIsChargedWhenItIsMade) {
    RunSections([&] {
        SECTION* const section = Create(nullptr, 5 * PAGE_SIZE - 1);
        EXPECT_EQ(MmTotalCommittedPages, 5);
        EXPECT_EQ(section->SizeOfSection, 5 * PAGE_SIZE);
        EXPECT_EQ(section->Segment->TotalNumberOfPtes, 5u);
        for (ULONG page = 0; page < 5; page++)
            EXPECT_EQ(MiPteKind(*MiLocatePrototype(section->Segment->ControlArea, page)), MI_PTE_KIND::DemandZero);
        EXPECT_EQ(MiLocatePrototype(section->Segment->ControlArea, 5), nullptr);
        MmCloseSection(section);
        EXPECT_EQ(Create(nullptr, 1001 * PAGE_SIZE), nullptr);
        EXPECT_EQ(Status, STATUS_COMMITMENT_LIMIT);
    });
}

// POL-08
TEST_F(SectionsTest, WhatCannotBeMadeIsRefused) {
    Memory file(3 * PAGE_SIZE), empty(0);
    RunSections([&] {
        const auto refused = [&](MM_BACKING* backing, ULONGLONG size, ULONG protect, ULONG attributes) {
            EXPECT_EQ(Create(backing, size, protect, attributes), nullptr);
            return Status;
        };
        EXPECT_EQ(refused(nullptr, 0, PAGE_READWRITE, SEC_COMMIT), STATUS_INVALID_PARAMETER_4);
        EXPECT_EQ(refused(nullptr, 1, PAGE_READWRITE, 0), STATUS_INVALID_PARAMETER_6);
        EXPECT_EQ(refused(nullptr, 1, PAGE_READWRITE, SEC_COMMIT | 1), STATUS_INVALID_PARAMETER_6);
        EXPECT_EQ(refused(nullptr, 1, PAGE_READWRITE, SEC_COMMIT | SEC_IMAGE), STATUS_INVALID_PARAMETER_6);
        EXPECT_EQ(refused(nullptr, 1, PAGE_READWRITE, SEC_IMAGE), STATUS_INVALID_FILE_FOR_SECTION);
        EXPECT_EQ(refused(nullptr, 1, PAGE_NOACCESS, SEC_COMMIT), STATUS_INVALID_PAGE_PROTECTION);
        EXPECT_EQ(refused(nullptr, 1, PAGE_READWRITE | PAGE_GUARD, SEC_COMMIT), STATUS_INVALID_PAGE_PROTECTION);
        EXPECT_EQ(refused(nullptr, 1ull << 40, PAGE_READWRITE, SEC_COMMIT), STATUS_SECTION_TOO_BIG);
        EXPECT_EQ(refused(&empty.Backing(), 0, PAGE_READONLY, SEC_COMMIT), STATUS_MAPPED_FILE_SIZE_ZERO);
        EXPECT_EQ(refused(&file.Backing(), 4 * PAGE_SIZE, PAGE_READONLY, SEC_COMMIT), STATUS_SECTION_TOO_BIG);
        EXPECT_EQ(refused(&file.Backing(), 4 * PAGE_SIZE, PAGE_READWRITE, SEC_COMMIT), STATUS_SECTION_TOO_BIG);
        EXPECT_EQ(refused(&file.Backing(), 0, PAGE_READONLY, SEC_IMAGE), STATUS_INVALID_IMAGE_NOT_MZ);
        EXPECT_EQ(refused(&empty.Backing(), 0, PAGE_READONLY, SEC_IMAGE), STATUS_INVALID_IMAGE_NOT_MZ);
    });
}

// POL-08
TEST_F(SectionsTest, WithoutMemoryNothingIsLeft) {
    PeBuilder image("test.dll", 0x10000000);
    Memory data(3 * PAGE_SIZE);
    MM_MEMORY_BACKING file;
    MmInitializeMemoryBacking(&file, image.File().data(), ULONG(image.File().size()), TRUE);
    RunSections([&] {
        MM_BACKING* const files[] = {nullptr, &data.Backing(), &file.Backing};
        for (MM_BACKING* const backing : files) {
            const ULONG kind = backing == &file.Backing ? SEC_IMAGE : SEC_COMMIT;
            ULONG failures = 0;
            for (SECTION* section = nullptr; !section; failures++) {
                Pool.FailAfter = failures;
                section = Create(backing, 5000, PAGE_READWRITE, kind);
                if (!section) {
                    EXPECT_EQ(Status, STATUS_INSUFFICIENT_RESOURCES);
                    EXPECT_EQ(Pool.Blocks(), 0u);
                    EXPECT_EQ(MmTotalCommittedPages, 0);
                    continue;
                }
                Pool.FailAfter = ~0u;
                MmCloseSection(section);
            }
            EXPECT_GE(failures, 5u); // each allocation failed once
        }
    });
}

// POL-08
TEST_F(SectionsTest, OneFileHasOneSegment) {
    Memory file(3 * PAGE_SIZE);
    RunSections([&] {
        SECTION* const one = Create(&file.Backing(), 0);
        SECTION* const other = Create(&file.Backing(), PAGE_SIZE, PAGE_READONLY);
        EXPECT_EQ(one->Segment, other->Segment);
        EXPECT_EQ(References(one), 2u);
        EXPECT_EQ(one->SizeOfSection, 3 * PAGE_SIZE);
        EXPECT_EQ(other->SizeOfSection, PAGE_SIZE);
        EXPECT_EQ(file.Backing().ReferenceCount, 2);
        EXPECT_EQ(file.Backing().SectionObjectPointer.DataSectionObject, one->Segment->ControlArea);
        MmCloseSection(one);
        EXPECT_EQ(References(other), 1u);
        MmCloseSection(other);
        EXPECT_EQ(file.Backing().ReferenceCount, 1);
        EXPECT_EQ(file.Backing().SectionObjectPointer.DataSectionObject, nullptr);
    });
}

// POL-08
TEST_F(SectionsTest, AViewOutlivesItsSection) {
    RunSections([&] {
        SECTION* const section = Create(nullptr, 3 * K64);
        ASSERT_EQ(Map(section), STATUS_SUCCESS);
        EXPECT_EQ(Views(section), 1u);
        EXPECT_EQ(Request.Size, 3 * K64);
        const CONTROL_AREA* const area = section->Segment->ControlArea;
        MmCloseSection(section);
        EXPECT_EQ(area->NumberOfSectionReferences, 0u);
        EXPECT_EQ(area->NumberOfMappedViews, 1u);
        EXPECT_EQ(Unmap(Request.Base + K64), STATUS_SUCCESS); // any address in the view will do
        EXPECT_EQ(Unmap(Request.Base), STATUS_NOT_MAPPED_VIEW);
    });
}

// POL-08, TRP-06
TEST_F(SectionsTest, ViewsThatCannotBeMappedAreRefused) {
    RunSections([&] {
        SECTION* const section = Create(nullptr, 4 * K64, PAGE_READONLY);
        const auto refused = [&](auto change, ULONG protect = PAGE_READONLY) {
            Request = {};
            Request.Inherit = ViewUnmap;
            Request.Protect = protect;
            change(Request);
            const NTSTATUS status = MiMapViewOfSection(Space, section, &Request);
            EXPECT_EQ(Views(section), 0u);
            return status;
        };
        const auto nothing = [](MI_VIEW_REQUEST&) {};
        EXPECT_EQ(refused([](auto& r) { r.Base = MM_USER_PROBE_ADDRESS; }), STATUS_INVALID_PARAMETER_3);
        EXPECT_EQ(refused([](auto& r) { r.ZeroBits = 21; }), STATUS_INVALID_PARAMETER_4);
        EXPECT_EQ(refused([](auto& r) { r.Size = 0x80000000; }), STATUS_INVALID_PARAMETER_7);
        EXPECT_EQ(refused([](auto& r) { r.Inherit = SECTION_INHERIT(3); }), STATUS_INVALID_PARAMETER_8);
        EXPECT_EQ(refused([](auto& r) { r.AllocationType = MEM_COMMIT; }), STATUS_INVALID_PARAMETER_9);
        EXPECT_EQ(refused([](auto& r) { r.Protect = 0; }), STATUS_INVALID_PAGE_PROTECTION);
        EXPECT_EQ(refused(nothing, PAGE_READWRITE), STATUS_SECTION_PROTECTION);
        EXPECT_EQ(refused(nothing, PAGE_EXECUTE_READ), STATUS_SECTION_PROTECTION);
        EXPECT_EQ(refused([](auto& r) { r.Offset = PAGE_SIZE; }), STATUS_MAPPED_ALIGNMENT);
        EXPECT_EQ(refused([](auto& r) { r.Offset = 4 * K64; }), STATUS_INVALID_VIEW_SIZE);
        EXPECT_EQ(refused([](auto& r) { r.Size = 4 * K64 + 1; }), STATUS_INVALID_VIEW_SIZE);
        EXPECT_EQ(refused([](auto& r) { r.Offset = 3 * K64, r.Size = K64 + 1; }), STATUS_INVALID_VIEW_SIZE);

        Request = {};
        ASSERT_EQ(Map(section, 0x20000, PAGE_READONLY), STATUS_SUCCESS);
        Request.Base = 0x10000;
        Request.Size = 2 * K64;
        EXPECT_EQ(MiMapViewOfSection(Space, section, &Request), STATUS_CONFLICTING_ADDRESSES);
        EXPECT_EQ(Unmap(0x20000), STATUS_SUCCESS);
        MmCloseSection(section);
    });
}

// POL-08
TEST_F(SectionsTest, AViewMayShowAPart) {
    RunSections([&] {
        SECTION* const section = Create(nullptr, 4 * K64);
        Request.Offset = 2 * K64;
        Request.Size = PAGE_SIZE + 1;
        ASSERT_EQ(Map(section, 0x12345), STATUS_SUCCESS);
        EXPECT_EQ(Request.Base, K64);
        EXPECT_EQ(Request.Size, 2 * PAGE_SIZE);
        const MMPTE* const first = section->Segment->ControlArea->FirstSubsection->SubsectionBase;
        EXPECT_EQ(MiPrototypeOfPage(View(), K64 >> PAGE_SHIFT), first + 32);
        EXPECT_EQ(MiPrototypeOfPage(View(), (K64 >> PAGE_SHIFT) + 1), first + 33);
        const MEMORY_BASIC_INFORMATION told = Query(K64);
        EXPECT_EQ(told.Type, MEM_MAPPED);
        EXPECT_EQ(told.State, MEM_COMMIT);
        EXPECT_EQ(told.Protect, PAGE_READWRITE);
        EXPECT_EQ(told.RegionSize, 2 * PAGE_SIZE);
        EXPECT_EQ(Unmap(K64), STATUS_SUCCESS);
        MmCloseSection(section);
    });
}

// POL-08
TEST_F(SectionsTest, CopiesAreChargedToTheProcessThatMaps) {
    RunSections([&] {
        SECTION* const section = Create(nullptr, K64, PAGE_READONLY);
        ASSERT_EQ(Map(section, 0, PAGE_WRITECOPY), STATUS_SUCCESS);
        EXPECT_EQ(Space.CommitCharge, 16);
        EXPECT_EQ(MmTotalCommittedPages, 32);
        EXPECT_EQ(Unmap(Request.Base), STATUS_SUCCESS);
        Space.CommitChargeLimit = 15;
        EXPECT_EQ(Map(section, 0, PAGE_WRITECOPY), STATUS_PAGEFILE_QUOTA_EXCEEDED);
        MmCloseSection(section);
    });
}

// POL-09
TEST_F(SectionsTest, AnImageLiesAtItsBaseOrElsewhere) {
    PeBuilder image("test.dll", 0x10000000);
    MM_MEMORY_BACKING file;
    MmInitializeMemoryBacking(&file, image.File().data(), ULONG(image.File().size()), TRUE);
    RunSections([&] {
        SECTION* const section = Create(&file.Backing, 0, PAGE_EXECUTE, SEC_IMAGE);
        ASSERT_EQ(Map(section, 0, PAGE_READONLY), STATUS_SUCCESS);
        EXPECT_EQ(Request.Base, 0x10000000u);
        EXPECT_EQ(Request.Size, SIZE_T(PeBuilder::END));
        Request.Size = 0;
        ASSERT_EQ(Map(section, 0, PAGE_READONLY), STATUS_IMAGE_NOT_AT_BASE);
        const ULONG_PTR second = Request.Base;
        EXPECT_NE(second, 0x10000000u);
        EXPECT_EQ(Views(section), 2u);
        EXPECT_EQ(Unmap(0x10000000), STATUS_SUCCESS);
        EXPECT_EQ(Unmap(second), STATUS_SUCCESS);
        EXPECT_EQ(Map(section, 0x30000, PAGE_READONLY), STATUS_IMAGE_NOT_AT_BASE);
        EXPECT_EQ(Request.Base, 0x30000u);
        EXPECT_EQ(Unmap(0x30000), STATUS_SUCCESS);
        SECTION_IMAGE_INFORMATION told;
        EXPECT_EQ(MmQueryImageSection(section, &told), STATUS_SUCCESS);
        EXPECT_EQ(told.Machine, IMAGE_FILE_MACHINE_I386);
        MmCloseSection(section);
        EXPECT_EQ(file.Backing.SectionObjectPointer.ImageSectionObject, nullptr);
    });
}

// POL-09
TEST_F(SectionsTest, EachPageOfAnImageIsUsedAsItsSectionSays) {
    PeBuilder image("test.dll", 0x10000000);
    const auto use = [&](ULONG index, ULONG characteristics) {
        image.Put(PeBuilder::SECTIONS + index * sizeof(IMAGE_SECTION_HEADER) +
                      offsetof(IMAGE_SECTION_HEADER, Characteristics),
                  characteristics);
    };
    use(0, IMAGE_SCN_MEM_READ | IMAGE_SCN_MEM_EXECUTE);
    use(1, IMAGE_SCN_MEM_READ);
    use(2, IMAGE_SCN_MEM_READ | IMAGE_SCN_MEM_WRITE);
    use(3, IMAGE_SCN_MEM_READ);
    MM_MEMORY_BACKING file;
    MmInitializeMemoryBacking(&file, image.File().data(), ULONG(image.File().size()), TRUE);
    RunSections([&] {
        SECTION* const section = Create(&file.Backing, 0, PAGE_EXECUTE, SEC_IMAGE);
        ASSERT_EQ(Map(section, 0, PAGE_READONLY), STATUS_SUCCESS);
        EXPECT_EQ(Space.CommitCharge, 3); // the pages of .data may be copied
        constexpr ULONG none = 0;
        constexpr ULONG protections[] = {PAGE_READONLY,  PAGE_EXECUTE_READ, PAGE_READONLY,  none,
                                         PAGE_WRITECOPY, PAGE_WRITECOPY,    PAGE_WRITECOPY, PAGE_READONLY};
        constexpr ULONG runs[] = {1, 1, 1, 1, 3, 2, 1, 1};
        for (ULONG page = 0; page < 8; page++) {
            const MEMORY_BASIC_INFORMATION told = Query(Request.Base + page * PAGE_SIZE);
            EXPECT_EQ(told.Protect, protections[page]) << page;
            EXPECT_EQ(told.RegionSize, runs[page] * PAGE_SIZE) << page;
            EXPECT_EQ(told.Type, MEM_IMAGE);
        }
        const auto kind = [&](ULONG page) {
            return MiPteKind(*MiPrototypeOfPage(View(), ULONG(Request.Base >> PAGE_SHIFT) + page));
        };
        EXPECT_EQ(kind(0), MI_PTE_KIND::Prototype); // read through its subsection
        EXPECT_EQ(kind(3), MI_PTE_KIND::Zero);      // between two sections
        EXPECT_EQ(kind(4), MI_PTE_KIND::Prototype);
        EXPECT_EQ(kind(5), MI_PTE_KIND::DemandZero); // behind the bytes of the file

        MMPTE* const text = MiPrototypeOfPage(View(), ULONG(Request.Base >> PAGE_SHIFT) + 1);
        const SUBSECTION* const subsection = MiSubsectionOfPte(*text);
        EXPECT_EQ(subsection, MiSubsectionOfPage(View(), ULONG(Request.Base >> PAGE_SHIFT) + 1));
        const MI_PAGE_SOURCE source = MiSourceOfPrototype(subsection, text);
        EXPECT_EQ(source.File, &file.Backing);
        EXPECT_EQ(source.Offset, 0x400u);
        EXPECT_EQ(source.Bytes, 0x200u);
        EXPECT_EQ(Unmap(Request.Base), STATUS_SUCCESS);
        MmCloseSection(section);
    });
}

// POL-08
TEST_F(SectionsTest, AFileGrowsAndViewsStayWhereTheyAre) {
    GrowingFile file(5000);
    RunSections([&] {
        SECTION* const section = Create(&file.Memory.Backing, 0);
        ASSERT_EQ(Map(section), STATUS_SUCCESS);
        const CONTROL_AREA* const area = section->Segment->ControlArea;
        MMPTE* const first = MiLocatePrototype(area, 0);
        EXPECT_EQ(MiSourceOfPrototype(area->FirstSubsection, first + 1).Bytes, 5000u - PAGE_SIZE);

        ULONGLONG size = 19000;
        EXPECT_EQ(MmExtendSection(section, &size), STATUS_SUCCESS);
        EXPECT_EQ(file.Memory.Length, 19000u);
        EXPECT_EQ(MiLocatePrototype(area, 0), first);
        EXPECT_EQ(MiSourceOfPrototype(area->FirstSubsection, first + 1).Bytes, PAGE_SIZE);
        MMPTE* const last = MiLocatePrototype(area, 4);
        const SUBSECTION* const added = MiLocateSubsection(area, 4);
        EXPECT_EQ(MiSourceOfPrototype(added, last).Offset, 4 * PAGE_SIZE);
        EXPECT_EQ(MiSourceOfPrototype(added, last).Bytes, 19000u - 4 * PAGE_SIZE);
        EXPECT_EQ(MiSubsectionOfPte(*last), added);
        EXPECT_EQ(MiLocatePrototype(area, 5), nullptr);

        const ULONG_PTR small = Request.Base;
        Request.Size = 0;
        ASSERT_EQ(Map(section), STATUS_SUCCESS);
        EXPECT_EQ(Request.Size, 5 * PAGE_SIZE);
        EXPECT_EQ(MiPrototypeOfPage(View(), View()->Node.EndingVpn), last);

        size = 100; // a section never becomes shorter
        EXPECT_EQ(MmExtendSection(section, &size), STATUS_SUCCESS);
        EXPECT_EQ(size, 19000u);
        EXPECT_EQ(Unmap(small), STATUS_SUCCESS);
        EXPECT_EQ(Unmap(Request.Base), STATUS_SUCCESS);
        MmCloseSection(section);
    });
}

// POL-08
TEST_F(SectionsTest, PagesThatAreInMemoryGoWithTheSegment) {
    GrowingFile file(3 * PAGE_SIZE);
    RunSections([&] {
        SECTION* const section = Create(&file.Memory.Backing, 0);
        MMPTE* const prototype = section->Segment->ControlArea->FirstSubsection->SubsectionBase;
        for (ULONG page = 0; page < 3; page++) { // as a fault and a trim leave them; the second one was changed
            nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
            const PFN_NUMBER frame = MiRemoveAnyPage();
            std::fill_n(host::PageOf(frame), PAGE_SIZE, UCHAR(0x40 + page));
            MiInitializePfn(frame, &prototype[page], page == 1);
            MiPfnElement(frame)->e1.PrototypePte = 1;
            prototype[page].Long = frame << PAGE_SHIFT | 1;
            section->Segment->ControlArea->NumberOfPfnReferences++;
            MiDecrementShareCount(frame);
        }
        MmCloseSection(section);
        EXPECT_EQ(file.Bytes[0], 0);
        EXPECT_EQ(file.Bytes[PAGE_SIZE], 0x41); // written before it was freed
        EXPECT_EQ(file.Bytes[2 * PAGE_SIZE], 0);
    });
}

// POL-08
TEST_F(SectionsTest, AFileWaitsForTheEndOfItsLastSegment) {
    Memory file(3 * PAGE_SIZE);
    MM_TEST_BACKING slow;
    RunSections([&] {
        MmInitializeTestBacking(&slow, &file.Backing());
        slow.Latency = 500'000;
        SECTION* const section = Create(&slow.Backing, 0);
        MMPTE* const prototype = section->Segment->ControlArea->FirstSubsection->SubsectionBase;
        {
            nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
            const PFN_NUMBER frame = MiRemoveAnyPage();
            MiInitializePfn(frame, prototype, true);
            MiPfnElement(frame)->e1.PrototypePte = 1;
            prototype->Long = frame << PAGE_SHIFT | 1;
            section->Segment->ControlArea->NumberOfPfnReferences++;
            MiDecrementShareCount(frame);
        }
        bool closed = false;
        machine->Spawn(9, [&] {
            MmCloseSection(section); // waits for the write
            closed = true;
        });
        EXPECT_FALSE(closed);
        EXPECT_EQ(slow.Backing.SectionObjectPointer.DataSectionObject->Flags.BeingDeleted, 1u);
        SECTION* const next = Create(&slow.Backing, 0); // waits for that
        EXPECT_TRUE(closed);
        EXPECT_EQ(slow.Writes, 1);
        MmCloseSection(next);
    });
}

// POL-08
TEST_F(SectionsTest, PagesOfAFileInMemoryAreCounted) {
    GrowingFile file(3 * PAGE_SIZE);
    RunSections([&] {
        SECTION* const section = Create(&file.Memory.Backing, 0);
        CONTROL_AREA* const area = section->Segment->ControlArea;
        MMPTE* const prototype = area->FirstSubsection->SubsectionBase;
        const MMPTE inFile = *prototype;
        {
            nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
            const PFN_NUMBER frame = MiRemoveAnyPage();
            MiInitializePfn(frame, prototype, false);
            MiPfnElement(frame)->e1.PrototypePte = 1;
            prototype->Long = frame << PAGE_SHIFT | 1;
            area->NumberOfPfnReferences++;
            MiDecrementShareCount(frame); // on the standby list
            EXPECT_EQ(area->NumberOfPfnReferences, 1u);
            EXPECT_EQ(MiRemovePageFromList(&MmStandbyPageListHead), frame); // taken for another use
            EXPECT_EQ(area->NumberOfPfnReferences, 0u);
            EXPECT_EQ(prototype->Long, inFile.Long);
            MiInsertPageInFreeList(frame);
        }
        MmCloseSection(section);
    });
}
