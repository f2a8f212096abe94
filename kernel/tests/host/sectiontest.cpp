// The machine of tests with sections; see sectiontest.h.
#include "sectiontest.h"

namespace host {

PVOID FrameArena::Allocate(SIZE_T bytes) {
    if (FailAfter == 0) return nullptr;
    if (FailAfter != ~0u) FailAfter--;
    const SIZE_T alignment = bytes >= PAGE_SIZE ? PAGE_SIZE : 8;
    SIZE_T offset = 0;
    for (const auto& [start, length] : m_blocks) {
        if (offset + bytes <= start) break;
        offset = (start + length + alignment - 1) / alignment * alignment;
    }
    if (offset + bytes > Count * PAGE_SIZE) return nullptr;
    m_blocks[offset] = bytes;
    return PageOf(First) + offset;
}

bool FrameArena::Free(PVOID block) { return m_blocks.erase(SIZE_T(static_cast<UCHAR*>(block) - PageOf(First))) == 1; }

SectionTest::SectionTest() {
    MmTotalCommittedPages = 0;
    MmPeakCommitment = 0;
    MmTotalCommitLimit = 1'000;
    MmInitializeAddressSpace(&Space, 0x5000);
}

SectionTest::~SectionTest() { Arena = nullptr; }

void SectionTest::RunSections(const std::function<void()>& body, ULONG processors) {
    RunUnlocked(
        [&] {
            PFN_NUMBER available;
            {
                nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
                for (PFN_NUMBER i = 0; i < FrameArena::Count; i++)
                    MiClaimFreePage(FrameArena::First + i);
                available = MmAvailablePages;
            }
            Arena = &Pool;
            body();
            Arena = nullptr;
            EXPECT_EQ(Pool.Blocks(), 0u) << "a block of the pool was lost";
            EXPECT_EQ(MmTotalCommittedPages, 0) << "a charge was lost";
            EXPECT_EQ(Space.CommitCharge, 0);
            EXPECT_EQ(Space.VirtualSize, 0u);
            EXPECT_EQ(Table.Pages(), 0u);
            EXPECT_EQ(Table.Tables(), 0u);
            EXPECT_EQ(MmAvailablePages, available) << "a page was lost";
            for (PFN_NUMBER i = 0; i < FrameArena::Count; i++) {
                nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
                EXPECT_EQ(MiPfnElement(FrameArena::First + i)->u2.ShareCount, 1u) << "a prototype PTE was lost";
            }
        },
        processors);
}

SECTION* SectionTest::Create(MM_BACKING* file, ULONGLONG size, ULONG protect, ULONG attributes) {
    SECTION* section = nullptr;
    Status = MmCreateBackedSection(&section, file, size, protect, attributes);
    EXPECT_EQ(section != nullptr, NT_SUCCESS(Status));
    return section;
}

NTSTATUS SectionTest::Map(SECTION* section, ULONG_PTR at, ULONG protect) {
    Request.Base = at;
    Request.Inherit = ViewUnmap;
    Request.Protect = protect;
    return MiMapViewOfSection(Space, section, &Request);
}

} // namespace host
