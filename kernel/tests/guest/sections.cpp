// Sections on the whole kernel: processes that share pages, copies, files and images in memory, reads that fail; and nothing is
// left when the views are gone. Layouts, counts and refusals: the host tests (mm/section/*_test.cpp).
// machine: memory=16
// machine: memory=16 flavour=checked option=/SPECIALPOOL
#include "ex.h"
#include "mm.h"
#include "mm/faults.h"
#include "mm/memorybacking.h"
#include "mm/section.h"
#include "mm/testbacking.h"
#include "ntimage.h"
#include "ps.h"
#include "rtl/exception.h"
#include "rtl/useraccess.h"

#include "guest_main.h"
#include "imagefile.h"
#include "together.h"

namespace {

constexpr ULONG WORDS = PAGE_SIZE / sizeof(ULONG);
constexpr ULONG TestTag = EX_TAG("Test");
constexpr ULONG K64 = 0x10000;

/// A process. Work is done in it by In(). At the end it is deleted, and all its pages are free again.
class PROCESS {
public:
    PROCESS() { GUEST_EQUAL(STATUS_SUCCESS, PspCreateProcess("Sections", &m_process)); }
    ~PROCESS() {
        PspDeleteProcess(m_process);
        GUEST_TRUE(MmCheckPageFrames() == nullptr);
    }
    PROCESS(const PROCESS&) = delete;
    PROCESS& operator=(const PROCESS&) = delete;

    /// Runs `work` attached to the process.
    template <typename WORK> void In(WORK work) {
        KAPC_STATE saved;
        KeStackAttachProcess(&m_process->Pcb, &saved);
        work();
        GUEST_TRUE(MmCheckWorkingSet() == nullptr);
        KeUnstackDetachProcess(&saved);
    }
    volatile ULONG* Map(SECTION* section, ULONG protect = PAGE_READWRITE, ULONG_PTR at = 0) {
        PVOID base = reinterpret_cast<PVOID>(at);
        SIZE_T size = 0;
        Status = MmMapViewOfSection(section, m_process, &base, 0, 0, nullptr, &size, ViewUnmap, 0, protect);
        GUEST_TRUE(NT_SUCCESS(Status));
        return static_cast<volatile ULONG*>(base);
    }
    void Unmap(const volatile ULONG* base) {
        GUEST_EQUAL(STATUS_SUCCESS, MmUnmapViewOfSection(m_process, const_cast<ULONG*>(base)));
    }
    EPROCESS* Get() { return m_process; }
    NTSTATUS Status = STATUS_SUCCESS; ///< of the last Map

private:
    EPROCESS* m_process = nullptr;
};

SECTION* Create(MM_BACKING* file, ULONG size, ULONG protect = PAGE_READWRITE, ULONG attributes = SEC_COMMIT) {
    SECTION* section = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, MmCreateBackedSection(&section, file, size, protect, attributes));
    return section;
}

/// A file in memory. Word i of page p holds p * 0x10000 + i at first.
class FILE_IN_MEMORY {
public:
    explicit FILE_IN_MEMORY(ULONG length) {
        m_data = static_cast<ULONG*>(ExAllocatePoolWithTag(NonPagedPool, length, TestTag));
        GUEST_TRUE(m_data != nullptr);
        for (ULONG i = 0; i < length / sizeof(ULONG); i++)
            m_data[i] = i / WORDS * 0x10000 + i % WORDS;
        MmInitializeMemoryBacking(&m_memory, m_data, length, FALSE);
    }
    ~FILE_IN_MEMORY() {
        GUEST_EQUAL(1, m_memory.Backing.ReferenceCount);
        ExFreePoolWithTag(m_data, TestTag);
    }
    FILE_IN_MEMORY(const FILE_IN_MEMORY&) = delete;
    FILE_IN_MEMORY& operator=(const FILE_IN_MEMORY&) = delete;
    MM_BACKING* Backing() { return &m_memory.Backing; }
    volatile ULONG& Word(ULONG page, ULONG word = 0) { return m_data[page * WORDS + word]; }

private:
    ULONG* m_data;
    MM_MEMORY_BACKING m_memory{};
};

NTSTATUS Seen; ///< what the filter saw

int Note(const EXCEPTION_POINTERS* pointers) {
    Seen = pointers->ExceptionRecord->ExceptionCode;
    return EXCEPTION_EXECUTE_HANDLER;
}

NTSTATUS Read(const volatile ULONG* at) {
    Seen = STATUS_SUCCESS;
    __try {
        (void)ReadULongFromUser(at);
    } __except (Note(GetExceptionInformation())) {}
    return Seen;
}

NTSTATUS Write(volatile ULONG* at, ULONG value) {
    Seen = STATUS_SUCCESS;
    __try {
        WriteULongToUser(at, value);
    } __except (Note(GetExceptionInformation())) {}
    return Seen;
}

/// The frame behind an address of the current process.
ULONG FrameOf(const volatile ULONG* at) { return MmGetPhysicalAddress(const_cast<ULONG*>(at)).LowPart / PAGE_SIZE; }

} // namespace

// POL-08, MEM-05
GUEST_TEST(ProcessesSeeEachOthersWrites) {
    constexpr ULONG pages = 20;
    SECTION* const section = Create(nullptr, pages * PAGE_SIZE);
    PROCESS a, b;
    volatile ULONG* const inA = a.Map(section);
    volatile ULONG* const inB = b.Map(section, PAGE_READWRITE, 0x500000);
    MmCloseSection(section); // the views keep it
    a.In([&] {
        for (ULONG page = 0; page < pages; page++) {
            GUEST_EQUAL(0, inA[page * WORDS + 5]);
            inA[page * WORDS] = 100 + page;
        }
    });
    b.In([&] {
        for (ULONG page = 0; page < pages; page++) {
            GUEST_EQUAL(100 + page, inB[page * WORDS]);
            inB[page * WORDS + 1] = 200 + page;
        }
        MmEmptyWorkingSet();
        GUEST_EQUAL(0, b.Get()->AddressSpace.Vm.WorkingSetSize);
    });
    a.In([&] {
        for (ULONG page = 0; page < pages; page++)
            GUEST_EQUAL(200 + page, inA[page * WORDS + 1]);
        MmEmptyWorkingSet(); // no process has the pages now
    });
    GUEST_TRUE(MmCheckPageFrames() == nullptr);
    b.In([&] {
        for (ULONG page = 0; page < pages; page++)
            GUEST_EQUAL(100 + page, inB[page * WORDS]);
    });
    a.Unmap(inA);
    b.In([&] { GUEST_EQUAL(203, inB[3 * WORDS + 1]); });
    b.Unmap(inB);
}

// POL-08, MEM-05
GUEST_TEST(CopyOnWriteIsolates) {
    constexpr ULONG pages = 4;
    SECTION* const section = Create(nullptr, pages * PAGE_SIZE);
    PROCESS a, b;
    volatile ULONG* const inA = a.Map(section);
    volatile ULONG* const inB = b.Map(section, PAGE_WRITECOPY);
    a.In([&] {
        for (ULONG page = 0; page < pages; page++)
            inA[page * WORDS] = 1;
    });
    const LONG copies = MmInfoCounters.CopyOnWriteCount;
    b.In([&] {
        GUEST_EQUAL(1, inB[0]); // mapped first, then written
        inB[0] = 2;
        inB[WORDS + 1] = 2; // written at once
        GUEST_EQUAL(1, inB[WORDS]);
    });
    GUEST_EQUAL(copies + 2, MmInfoCounters.CopyOnWriteCount);
    a.In([&] {
        GUEST_EQUAL(1, inA[0]);
        GUEST_EQUAL(0, inA[WORDS + 1]);
        for (ULONG page = 0; page < pages; page++)
            inA[page * WORDS] = 3;
    });
    b.In([&] {
        GUEST_EQUAL(2, inB[0]);
        GUEST_EQUAL(1, inB[WORDS]);
        GUEST_EQUAL(3, inB[2 * WORDS]); // not copied: it shows what others write
        MmEmptyWorkingSet();
        GUEST_EQUAL(2, inB[0]); // the copy comes back as a page of the process's own
        GUEST_EQUAL(3, inB[2 * WORDS]);
        inB[2 * WORDS] = 4;
        GUEST_EQUAL(copies + 3, MmInfoCounters.CopyOnWriteCount);
    });
    a.In([&] { GUEST_EQUAL(3, inA[2 * WORDS]); });
    b.Unmap(inB);
    a.Unmap(inA);
    MmCloseSection(section);
}

// POL-08
GUEST_TEST(FileIsReadOnceAndWrittenBack) {
    constexpr ULONG pages = 6;
    FILE_IN_MEMORY file(pages * PAGE_SIZE - 100);
    SECTION* const section = Create(file.Backing(), 0);
    PROCESS a, b;
    volatile ULONG* const inA = a.Map(section);
    volatile ULONG* const inB = b.Map(section, PAGE_READONLY);
    MmCloseSection(section);
    const LONG reads = MmInfoCounters.PageReadCount;
    a.In([&] {
        for (ULONG page = 0; page < pages; page++)
            GUEST_EQUAL(page * 0x10000 + 7, inA[page * WORDS + 7]);
        GUEST_EQUAL(0, inA[pages * WORDS - 1]); // behind the file's end
        inA[2 * WORDS + 1] = 77;
        inA[pages * WORDS - 1] = 78; // goes nowhere
    });
    b.In([&] {
        for (ULONG page = 0; page < pages; page++)
            GUEST_EQUAL(page * 0x10000 + 7, inB[page * WORDS + 7]);
        GUEST_EQUAL(77, inB[2 * WORDS + 1]);
        GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Write(const_cast<ULONG*>(inB), 1));
    });
    GUEST_EQUAL(reads + LONG(pages), MmInfoCounters.PageReadCount); // B found them in memory
    GUEST_EQUAL(0x20001, file.Word(2, 1));

    PVOID base = const_cast<ULONG*>(inA);
    SIZE_T size = 0;
    GUEST_EQUAL(STATUS_SUCCESS, MmFlushVirtualMemory(a.Get(), &base, &size));
    GUEST_EQUAL(pages * PAGE_SIZE, size);
    GUEST_EQUAL(77, file.Word(2, 1));
    a.In([&] { inA[3 * WORDS] = 79; });
    a.Unmap(inA);
    GUEST_EQUAL(0x30000, file.Word(3));
    b.Unmap(inB); // the last user: what was changed is written
    GUEST_EQUAL(79, file.Word(3));
}

// POL-09, POL-07
GUEST_TEST(ImagesShareCodeAndNotData) {
    IMAGE_FILE image;
    SECTION* const section = Create(image.Backing(), 0, PAGE_EXECUTE, SEC_IMAGE);
    PROCESS a, b;
    volatile ULONG* const inA = a.Map(section, PAGE_READONLY);
    volatile ULONG* const inB = b.Map(section, PAGE_READONLY);
    GUEST_EQUAL(STATUS_SUCCESS, a.Status);
    GUEST_EQUAL(IMAGE_FILE::Base, reinterpret_cast<ULONG_PTR>(inA));
    constexpr ULONG text = IMAGE_FILE::Text / 4, data = IMAGE_FILE::Data / 4;
    ULONG textFrame = 0, dataFrame = 0;
    a.In([&] {
        GUEST_EQUAL(0x7E7E7E7E, inA[text]);
        GUEST_EQUAL(0, inA[text + 0x200 / 4]); // behind the file's bytes
        GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Write(const_cast<ULONG*>(inA) + text, 1));
        GUEST_EQUAL(0xDADADADA, inA[data]);
        inA[data] = 5;
        GUEST_EQUAL(0, inA[data + WORDS]);
        inA[data + WORDS] = 6;
        textFrame = FrameOf(&inA[text]);
        dataFrame = FrameOf(&inA[data]);
    });
    b.In([&] {
        GUEST_EQUAL(0x7E7E7E7E, inB[text]);
        GUEST_EQUAL(0xDADADADA, inB[data]);
        GUEST_EQUAL(0, inB[data + WORDS]);
        GUEST_EQUAL(textFrame, FrameOf(&inB[text]));
        GUEST_TRUE(dataFrame != FrameOf(&inB[data]));
    });
    volatile ULONG* const again = a.Map(section, PAGE_READONLY);
    GUEST_EQUAL(STATUS_IMAGE_NOT_AT_BASE, a.Status);
    a.In([&] {
        GUEST_EQUAL(0x7E7E7E7E, again[text]);
        GUEST_EQUAL(0xDADADADA, again[data]);
        GUEST_EQUAL(5, inA[data]);
    });
    a.Unmap(again);
    MmCloseSection(section);
    a.Unmap(inA);
    b.Unmap(inB);
    GUEST_TRUE(image.Backing()->SectionObjectPointer.ImageSectionObject == nullptr);
}

// ERR-10, POL-08
GUEST_TEST(ReadThatFailsIsAnException) {
    FILE_IN_MEMORY file(4 * PAGE_SIZE);
    MM_TEST_BACKING disk;
    MmInitializeTestBacking(&disk, file.Backing());
    disk.FailingPage = 2;
    disk.FailingStatus = STATUS_DEVICE_DATA_ERROR;
    SECTION* const section = Create(&disk.Backing, 0);
    PROCESS a;
    volatile ULONG* const view = a.Map(section);
    a.In([&] {
        GUEST_EQUAL(STATUS_SUCCESS, Read(view + WORDS));
        GUEST_EQUAL(STATUS_IN_PAGE_ERROR, Read(view + 2 * WORDS));
        GUEST_TRUE(MmCheckPageFrames() == nullptr);
        GUEST_EQUAL(STATUS_IN_PAGE_ERROR, Read(view + 2 * WORDS));
        disk.FailingPage = MM_NO_FAILING_PAGE;
        GUEST_EQUAL(STATUS_SUCCESS, Read(view + 2 * WORDS));
        GUEST_EQUAL(0x20000, view[2 * WORDS]);
    });
    a.Unmap(view);
    MmCloseSection(section);
}

namespace {

/// What threads share that use one page at once, each in a process of its own.
struct COLLISION {
    SECTION* Section;
    MM_TEST_BACKING Disk;
    volatile LONG Wrong;
};

void UseAtOnce(ULONG, PVOID context) {
    auto& collision = *static_cast<COLLISION*>(context);
    PROCESS own;
    volatile ULONG* const view = own.Map(collision.Section);
    own.In([&] {
        for (ULONG page = 0; page < 8; page++) {
            if (view[page * WORDS + 1] != page * 0x10000 + 1) InterlockedIncrement(&collision.Wrong);
            (void)InterlockedIncrement(reinterpret_cast<volatile LONG*>(const_cast<ULONG*>(view)) + page * WORDS + 9);
        }
    });
    own.Unmap(view);
}

COLLISION Collision;

} // namespace

// MEM-05, POL-08
GUEST_TEST(ThreadsThatNeedOnePageWaitForOneRead) {
    FILE_IN_MEMORY file(8 * PAGE_SIZE);
    MmInitializeTestBacking(&Collision.Disk, file.Backing());
    Collision.Disk.Latency = 200'000;
    Collision.Section = Create(&Collision.Disk.Backing, 0);
    const LONG reads = Collision.Disk.Reads;
    const ULONG threads = GuestTogether(UseAtOnce, &Collision);
    GUEST_EQUAL(0, Collision.Wrong);
    GUEST_EQUAL(reads + 8, Collision.Disk.Reads);
    Collision.Disk.Latency = 0;
    MmCloseSection(Collision.Section);
    for (ULONG page = 0; page < 8; page++)
        GUEST_EQUAL(page * 0x10000 + 9 + threads, file.Word(page, 9));
}

namespace {

void MapUseUnmap(SECTION* section, ULONG protect) {
    PROCESS a;
    volatile ULONG* const view = a.Map(section, protect);
    a.In([&] {
        for (ULONG page = 0; page < 16; page++)
            view[page * WORDS] = page;
    });
    a.Unmap(view);
    GUEST_EQUAL(0, a.Get()->AddressSpace.CommitCharge);
    a.Map(section, protect); // goes with its process
}

} // namespace

// POL-08
GUEST_TEST(NothingIsLeft) {
    ULONG free = 0;
    for (ULONG round = 0; round < 3; round++) { // the first round makes the pool as large as it needs to be
        if (round == 1) free = MmQueryFreePages();
        SECTION* const section = Create(nullptr, K64);
        MapUseUnmap(section, PAGE_READWRITE);
        MapUseUnmap(section, PAGE_WRITECOPY);
        MmCloseSection(section);
    }
    GUEST_EQUAL(free, MmQueryFreePages());
}

namespace {

NTSTATUS Protect(const volatile ULONG* at, ULONG protect) {
    PVOID base = const_cast<ULONG*>(at);
    SIZE_T size = 1;
    ULONG old = 0;
    return ZwProtectVirtualMemory(NtCurrentProcess(), &base, &size, protect, &old);
}

} // namespace

// POL-06, POL-09
GUEST_TEST(CodeThatIsMadeWritableBecomesTheProcesssOwn) {
    IMAGE_FILE image;
    SECTION* const section = Create(image.Backing(), 0, PAGE_EXECUTE, SEC_IMAGE);
    PROCESS a, b;
    volatile ULONG* const inA = a.Map(section, PAGE_READONLY);
    volatile ULONG* const inB = b.Map(section, PAGE_READONLY);
    constexpr ULONG text = IMAGE_FILE::Text / 4, data = IMAGE_FILE::Data / 4;
    const LONG charge = a.Get()->AddressSpace.CommitCharge;
    a.In([&] {
        GUEST_EQUAL(0x7E7E7E7E, inA[text]);
        GUEST_EQUAL(STATUS_SUCCESS, Protect(inA + text, PAGE_EXECUTE_READWRITE));
        GUEST_EQUAL(charge + 1, a.Get()->AddressSpace.CommitCharge);
        GUEST_EQUAL(STATUS_SUCCESS, Write(const_cast<ULONG*>(inA) + text, 1)); // as a relocation does
        GUEST_EQUAL(STATUS_SUCCESS, Protect(inA + text, PAGE_EXECUTE_READ));
        GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Write(const_cast<ULONG*>(inA) + text, 2));
        GUEST_EQUAL(STATUS_SUCCESS, Protect(inA + data, PAGE_NOACCESS)); // one that was not used yet
        GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Read(inA + data));
        GUEST_EQUAL(STATUS_SUCCESS, Protect(inA + data, PAGE_READONLY));
        GUEST_EQUAL(STATUS_SUCCESS, Read(inA + data));
        GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Write(const_cast<ULONG*>(inA) + data, 2));
        MmEmptyWorkingSet();
        GUEST_EQUAL(1, inA[text]);
        GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Write(const_cast<ULONG*>(inA) + data, 2));
    });
    b.In([&] { GUEST_EQUAL(0x7E7E7E7E, inB[text]); });
    a.Unmap(inA);
    b.Unmap(inB);
    MmCloseSection(section);
}

// POL-06, POL-08
GUEST_TEST(ViewIsUsedAtMostAsItWasMapped) {
    SECTION* const section = Create(nullptr, K64);
    PROCESS a;
    volatile ULONG* const view = a.Map(section);
    volatile ULONG* const readOnly = a.Map(section, PAGE_READONLY);
    a.In([&] {
        view[0] = 5;
        GUEST_EQUAL(STATUS_SUCCESS, Protect(view, PAGE_READONLY));
        GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Write(const_cast<ULONG*>(view), 6));
        GUEST_EQUAL(STATUS_SUCCESS, Protect(view, PAGE_READWRITE));
        view[0] = 7;
        GUEST_EQUAL(STATUS_SECTION_PROTECTION, Protect(readOnly, PAGE_READWRITE));
        GUEST_EQUAL(STATUS_SUCCESS, Protect(readOnly, PAGE_WRITECOPY));
        GUEST_EQUAL(STATUS_SUCCESS, Write(const_cast<ULONG*>(readOnly), 8));
        GUEST_EQUAL(7, view[0]);
        GUEST_EQUAL(8, readOnly[0]);
    });
    a.Unmap(view);
    a.Unmap(readOnly);
    MmCloseSection(section);
}
