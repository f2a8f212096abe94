// Page files for tests of pages that leave memory and come back: memory of the host, with a disk's time and failures in front of it.
#pragma once

#include "backings.h"
#include "ex/pool.h"
#include "mm/testbacking.h"
#include "mm/writer/pagefile.h"
#include "pagetest.h"

namespace host {

/// A page file, and the disk that it lies on.
class Disk {
public:
    /// @param pages its length, page 0 included
    explicit Disk(ULONG pages) : m_memory(pages * PAGE_SIZE) {
        MmInitializeTestBacking(&Rules, &m_memory.Backing());
        EXPECT_EQ(MmCreatePagingFile(&Rules.Backing, pages, pages, nullptr), STATUS_SUCCESS);
    }
    UCHAR* Page(PFN_NUMBER page) { return m_memory.Page(page); }

    MM_TEST_BACKING Rules;

private:
    Memory m_memory;
};

/// Between two tests there are no page files.
inline void ForgetPagingFiles() NO_THREAD_SAFETY_ANALYSIS { // nobody else is there then
    for (ULONG i = 0; i < MmNumberOfPagingFiles; i++)
        ExFreePoolWithTag(MmPagingFile[i], 0);
    MmNumberOfPagingFiles = 0;
    MmTotalPageFileSpace = 0;
    MmTotalFreePageFileSpace = 0;
}

/// A test with page files. A page's contents are one value, repeated.
class PageFilesTest : public PageTest {
protected:
    PageFilesTest() { ForgetPagingFiles(); }
    ~PageFilesTest() override { ForgetPagingFiles(); }

    static void Fill(PFN_NUMBER frame, UCHAR value) { Frame(frame).fill(value); }
    static bool Holds(PFN_NUMBER frame, UCHAR value) {
        return std::all_of(Frame(frame).begin(), Frame(frame).end(), [value](UCHAR byte) { return byte == value; });
    }
    static ULONG FreeSpace() { return MmTotalFreePageFileSpace; }
};

} // namespace host
