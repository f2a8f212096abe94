// Tests of sections: PageTest's machine, whose pool lies in page frames, files in memory, and a process.
#pragma once

#include "backings.h"
#include "fakepages.h"
#include "fakepool.h"
#include "mm/charge.h"
#include "mm/section/views.h"
#include "pagetest.h"

#include <map>

namespace host {

/// The pool in frames of PageTest's machine: the page frame database knows the pages that hold prototype PTEs.
class FrameArena final : public PoolArena {
public:
    static constexpr PFN_NUMBER First = 262, Count = 20;
    PVOID Allocate(SIZE_T bytes) override;
    bool Free(PVOID block) override;
    [[nodiscard]] SIZE_T Blocks() const { return m_blocks.size(); }

    ULONG FailAfter = ~0u; ///< so many allocations come about, the next ones fail

private:
    std::map<SIZE_T, SIZE_T> m_blocks; ///< offset and length of the blocks in use
};

/// Tests with sections. Nothing may be left at the end: no block of the pool, no charge, no page.
class SectionTest : public PageTest {
protected:
    SectionTest();
    ~SectionTest() override;
    /// Runs the body with the database filled; checks afterwards that all is as before.
    void RunSections(const std::function<void()>& body, ULONG processors = 1);

    /// @returns nullptr if that fails; Status tells why.
    SECTION* Create(MM_BACKING* file, ULONGLONG size, ULONG protect = PAGE_READWRITE, ULONG attributes = SEC_COMMIT);
    /// Maps all of a section, or from Request.Offset on.
    NTSTATUS Map(SECTION* section, ULONG_PTR at = 0, ULONG protect = PAGE_READWRITE);
    NTSTATUS Unmap(ULONG_PTR address) { return MiUnmapViewOfSection(Space, Table, address); }
    /// The view that was mapped last.
    MMVAD* View() { return MiLocateVad(Space, ULONG(Request.Base >> PAGE_SHIFT)); }

    MM_ADDRESS_SPACE Space{};
    FakePages Table;
    MI_VIEW_REQUEST Request{};
    NTSTATUS Status = STATUS_SUCCESS;
    FrameArena Pool;
};

} // namespace host
