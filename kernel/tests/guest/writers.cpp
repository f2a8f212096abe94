// Modified pages on their way out of memory: a page file's disk that fails and recovers, files that are written by a writer of their own.
// machine: memory=16 pagefile=16 option=/DISKLATENCY=0
// machine: memory=16 pagefile=16 option=/DISKLATENCY=0 flavour=checked
#include "mm.h"
#include "mm/faults.h"
#include "mm/memorybacking.h"
#include "mm/pagefile.h"
#include "mm/section.h"
#include "mm/testbacking.h"
#include "mm/virtual.h"
#include "mm/writecounters.h"
#include "ps.h"

#include "attached.h"
#include "guest_main.h"
#include "pageout.h"

namespace {

constexpr ULONG WORDS = PAGE_SIZE / sizeof(ULONG);
constexpr ULONG MEMORY = 16 * 1024 * 1024 / PAGE_SIZE; ///< pages
constexpr LONGLONG SECOND = 10'000'000;

void Sleep(LONGLONG time) {
    LARGE_INTEGER wait = {.QuadPart = -time};
    (void)KeDelayExecutionThread(KernelMode, FALSE, &wait);
}

/// Waits until a condition holds. @returns false: it has not come about in 20 seconds.
template <typename CONDITION> bool Eventually(CONDITION condition) {
    constexpr LONGLONG step = SECOND / 20;
    for (LONGLONG waited = 0; waited < 20 * SECOND; waited += step) {
        if (condition()) return true;
        Sleep(step);
    }
    return condition();
}

/// Pages of a view or of memory of the process's own, with contents that follow from a seed.
struct PAGES {
    UCHAR* Base;
    ULONG First, End;

    static ULONG Value(ULONG page, ULONG seed) { return page * 2'654'435'761u + seed; } // the golden ratio
    void Write(ULONG seed) const {
        for (ULONG page = First; page < End; page++) {
            *Word(Base, page) = Value(page, seed);
            *Word(Base, page, WORDS - 1) = ~Value(page, seed);
        }
    }
    [[nodiscard]] ULONG CountWrong(ULONG seed) const {
        ULONG wrong = 0;
        for (ULONG page = First; page < End; page++)
            wrong += *Word(Base, page) != Value(page, seed) || *Word(Base, page, WORDS - 1) != ~Value(page, seed);
        return wrong;
    }
};

MM_TEST_BACKING& PageFileDisk() { return *CONTAINING_RECORD(MmQueryPagingFile(0), MM_TEST_BACKING, Backing); }

} // namespace

// ERR-10, PFN-06, PFN-16: pages that could not be written stay modified; they are written when the disk works again
GUEST_TEST(PagesThatCannotBeWrittenStayModifiedUntilTheDiskRecovers) {
    constexpr ULONG pages = 4 * 1024 * 1024 / PAGE_SIZE;
    GuestSettleSystemPages();
    const PFN_NUMBER space = MmTotalFreePageFileSpace;
    {
        ATTACHED_PROCESS process;
        UCHAR* const base = Allocate(pages);
        const PAGES all = {base, 0, pages}, changed = {base, 0, pages / 4}, others = {base, pages / 4, pages};
        all.Write(1);
        const LONG failures = MmWriteCounters.FailureCount, written = MmWriteCounters.DirtyPagesWriteCount;
        MM_TEST_BACKING& disk = PageFileDisk();
        disk.FailingStatus = STATUS_DEVICE_DATA_ERROR;
        disk.FailsWrites = TRUE;
        MmEmptyWorkingSet(); // more modified pages than the writer leaves alone
        GUEST_TRUE(Eventually([&] { return MmWriteCounters.FailureCount >= failures + 2; }));
        GUEST_EQUAL(written, MmWriteCounters.DirtyPagesWriteCount);
        GUEST_EQUAL(space, MmTotalFreePageFileSpace); // no place is kept for them
        GUEST_TRUE(MmCheckPageFrames() == nullptr);
        GUEST_EQUAL(0, all.CountWrong(1)); // all of them are in memory
        changed.Write(2);
        MmEmptyWorkingSet();
        disk.FailsWrites = FALSE;
        GUEST_TRUE(Eventually([&] { return MmWriteCounters.DirtyPagesWriteCount >= written + LONG(pages) / 2; }));
        const PAGES more = {Allocate(MEMORY), 0, MEMORY}; // takes the pages that have been written
        more.Write(3);
        GUEST_EQUAL(0, changed.CountWrong(2));
        GUEST_EQUAL(0, others.CountWrong(1));
        GUEST_EQUAL(0, more.CountWrong(3));
    }
    GUEST_TRUE(Eventually([&] { return MmTotalFreePageFileSpace == space; }));
}

namespace {

constexpr ULONG FILE_PAGES = 400;
constexpr ULONG FEW = MEMORY / 32; ///< modified pages that the writers leave alone while there is memory

/// A file in memory behind a disk, and a view of it in the current process.
class MAPPED_FILE {
public:
    explicit MAPPED_FILE(EPROCESS* process) : m_process(process) {
        m_data = static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPool, FILE_PAGES * PAGE_SIZE, TestTag));
        GUEST_TRUE(m_data != nullptr);
        RtlZeroMemory(m_data, FILE_PAGES * PAGE_SIZE);
        MmInitializeMemoryBacking(&m_memory, m_data, FILE_PAGES * PAGE_SIZE, FALSE);
        MmInitializeTestBacking(&Disk, &m_memory.Backing);
        GUEST_EQUAL(STATUS_SUCCESS, MmCreateBackedSection(&m_section, &Disk.Backing, 0, PAGE_READWRITE, SEC_COMMIT));
        PVOID base = nullptr;
        SIZE_T size = 0;
        GUEST_EQUAL(STATUS_SUCCESS,
                    MmMapViewOfSection(m_section, process, &base, 0, 0, nullptr, &size, ViewUnmap, 0, PAGE_READWRITE));
        View = {static_cast<UCHAR*>(base), 0, FILE_PAGES};
    }
    ~MAPPED_FILE() {
        GUEST_EQUAL(STATUS_SUCCESS, MmUnmapViewOfSection(m_process, View.Base));
        MmCloseSection(
            m_section); // what is modified still is written, by this thread or by the writer, if that is at it
        GUEST_TRUE(Eventually([&] { return Disk.Backing.SectionObjectPointer.DataSectionObject == nullptr; }));
        ExFreePoolWithTag(m_data, TestTag);
    }
    MAPPED_FILE(const MAPPED_FILE&) = delete;
    MAPPED_FILE& operator=(const MAPPED_FILE&) = delete;
    /// What the file holds.
    [[nodiscard]] PAGES Contents() const { return {m_data, 0, FILE_PAGES}; }

    MM_TEST_BACKING Disk;
    PAGES View{};

private:
    static constexpr ULONG TestTag = EX_TAG("Test");
    EPROCESS* const m_process;
    SECTION* m_section = nullptr;
    UCHAR* m_data;
    MM_MEMORY_BACKING m_memory{};
};

} // namespace

// POL-08, PFN-16, SYS-11
GUEST_TEST(PagesOfFilesAreWrittenInClustersWhileTheyAreMapped) {
    ATTACHED_PROCESS process;
    MAPPED_FILE file(process.Get());
    const LONG written = MmWriteCounters.MappedPagesWriteCount, transfers = MmWriteCounters.MappedWriteIoCount;
    GuestSettleSystemPages();
    const PFN_NUMBER space = MmTotalFreePageFileSpace;
    file.View.Write(5);
    GUEST_EQUAL(FILE_PAGES, file.Contents().CountWrong(5));
    MmEmptyWorkingSet();
    GUEST_TRUE(Eventually([&] { return file.Contents().CountWrong(5) <= FEW; }));
    const LONG wrote = MmWriteCounters.MappedPagesWriteCount - written;
    GUEST_TRUE(wrote >= LONG(FILE_PAGES - FEW) && wrote <= LONG(FILE_PAGES));
    GUEST_TRUE((MmWriteCounters.MappedWriteIoCount - transfers) * 8 <= wrote);
    GUEST_EQUAL(space, MmTotalFreePageFileSpace);
    GUEST_EQUAL(0, file.View.CountWrong(5));
}

// POL-08, PFN-16, ERR-10
GUEST_TEST(AFileThatCannotBeWrittenIsTriedAgain) {
    ATTACHED_PROCESS process;
    MAPPED_FILE bad(process.Get()), good(process.Get());
    const LONG failures = MmWriteCounters.MappedFailureCount;
    bad.Disk.FailingStatus = STATUS_DEVICE_DATA_ERROR;
    bad.Disk.FailsWrites = TRUE;
    bad.View.Write(6);
    MmEmptyWorkingSet(); // its pages are the first on the list
    GUEST_TRUE(Eventually([&] { return MmWriteCounters.MappedFailureCount >= failures + 2; }));
    good.View.Write(7);
    MmEmptyWorkingSet();
    GUEST_TRUE(Eventually([&] { return good.Contents().CountWrong(7) <= FEW; }));
    GUEST_EQUAL(FILE_PAGES, bad.Contents().CountWrong(6));
    GUEST_EQUAL(0, bad.View.CountWrong(6));
    MmEmptyWorkingSet();
    bad.Disk.FailsWrites = FALSE;
    GUEST_TRUE(Eventually([&] { return bad.Contents().CountWrong(6) <= FEW; }));
}

// PFN-16, SYS-11: a file that does not answer keeps no page from a page file
GUEST_TEST(PageFileWritesDoNotWaitForAFile) {
    ATTACHED_PROCESS process;
    MAPPED_FILE file(process.Get());
    file.View.Write(8);
    file.Disk.Latency = ULONG(10 * SECOND);
    const LONG transfers = file.Disk.Writes;
    MmEmptyWorkingSet();
    Sleep(SECOND);                          // the mapped page writer waits for its first transfer
    constexpr ULONG pages = MEMORY * 3 / 4; // with what the kernel and the file take, more than there is
    const LONG written = MmWriteCounters.DirtyPagesWriteCount;
    const PAGES more = {Allocate(pages), 0, pages};
    more.Write(9);
    GUEST_EQUAL(0, more.CountWrong(9));
    GUEST_EQUAL(transfers, file.Disk.Writes);
    GUEST_TRUE(MmWriteCounters.DirtyPagesWriteCount > written);
    GUEST_TRUE(file.Disk.Current != nullptr && file.Disk.Current->Write);
    file.Disk.Latency = 0;
}
