// Sections mapped in system space: what is seen in all processes, what goes to the file, what is a mistake.
// machine: memory=16
#include "attached.h"
#include "ex.h"
#include "mm/memorybacking.h"
#include "mm/section.h"
#include "mm/testbacking.h"
#include "rtl/exception.h"
#include "rtl/string.h"

#include "guest_main.h"

namespace {

constexpr ULONG TestTag = EX_TAG("Test");
constexpr ULONG WORDS = PAGE_SIZE / sizeof(ULONG);

SECTION* Create(MM_BACKING* file, ULONG pages, ULONG protect = PAGE_READWRITE, ULONG attributes = SEC_COMMIT) {
    SECTION* section = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS,
                MmCreateBackedSection(&section, file, ULONGLONG(pages) * PAGE_SIZE, protect, attributes));
    return section;
}

volatile ULONG* Map(SECTION* section, SIZE_T size = 0) {
    PVOID base = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, MmMapViewInSystemSpace(section, &base, &size));
    GUEST_TRUE(reinterpret_cast<ULONG_PTR>(base) >= MM_SYSTEM_VIEW_START);
    GUEST_TRUE(reinterpret_cast<ULONG_PTR>(base) + size <= MM_PTE_BASE);
    return static_cast<volatile ULONG*>(base);
}

void Unmap(volatile ULONG* base) { GUEST_EQUAL(STATUS_SUCCESS, MmUnmapViewInSystemSpace(const_cast<ULONG*>(base))); }

/// Out of line: the compiler protects calls in a __try.
[[gnu::noinline]] void Use(const volatile ULONG* at) { (void)*at; }

NTSTATUS Read(const volatile ULONG* at) {
    __try {
        Use(at);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

} // namespace

// POL-08, MEM-08, MEM-05
GUEST_TEST(SystemViewAndProcessSeeTheSamePages) {
    constexpr ULONG pages = 40;
    const ULONG before = MmQueryFreePages();
    {
        ATTACHED_PROCESS process;
        SECTION* const section = Create(nullptr, pages);
        volatile ULONG* const view = Map(section);
        PVOID base = nullptr;
        SIZE_T size = 0;
        GUEST_EQUAL(STATUS_SUCCESS, MmMapViewOfSection(section, process.Get(), &base, 0, 0, nullptr, &size, ViewUnmap,
                                                       0, PAGE_READWRITE));
        auto* const own = static_cast<volatile ULONG*>(base);
        MmCloseSection(section); // the views keep it
        GUEST_TRUE(!MmIsAddressValid(view));
        for (ULONG page = 0; page < pages; page++) {
            GUEST_EQUAL(0, view[page * WORDS]);
            view[page * WORDS] = page + 1;
            own[page * WORDS + 1] = page + 2;
        }
        ULONG wrong = 0;
        for (ULONG page = 0; page < pages; page++)
            wrong += own[page * WORDS] != page + 1 || view[page * WORDS + 1] != page + 2;
        GUEST_EQUAL(0, wrong);
        MmEmptyWorkingSet();
        GUEST_TRUE(MmIsAddressValid(view)); // the view has a share of its own
        GUEST_EQUAL(STATUS_SUCCESS, MmUnmapViewOfSection(process.Get(), base));
        GUEST_EQUAL(40, view[39 * WORDS]);
        Unmap(view);
        GUEST_TRUE(!MmIsAddressValid(view));
        ATTACHED_PROCESS::CheckAll();
    }
    SECTION* const small = Create(nullptr, 1);
    volatile ULONG* const again = Map(small); // pages are zeros, whatever was there before
    GUEST_EQUAL(0, again[0]);
    Unmap(again);
    MmCloseSection(small);
    const ULONG after = MmQueryFreePages();
    GUEST_TRUE(before - after <= 24); // page tables of the region stay, and what the pool has taken
}

// MEM-06, POL-08: a process that is made before and one that is made after the view
GUEST_TEST(EveryProcessHasTheView) {
    EPROCESS *early = nullptr, *late = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, PspCreateProcess("Early", &early));
    SECTION* const section = Create(nullptr, 1100);
    volatile ULONG* const view = Map(section);
    GUEST_EQUAL(STATUS_SUCCESS, PspCreateProcess("Late", &late));
    constexpr ULONG far = 1099 * WORDS; // in another page table than the first page
    EPROCESS* const processes[] = {early, late};
    for (EPROCESS* process : processes) {
        KAPC_STATE saved;
        KeStackAttachProcess(&process->Pcb, &saved);
        view[far] = view[far] + 1;
        view[0] = view[0] + 10;
        KeUnstackDetachProcess(&saved);
    }
    GUEST_EQUAL(2, view[far]);
    GUEST_EQUAL(20, view[0]);
    KAPC_STATE saved;
    KeStackAttachProcess(&early->Pcb, &saved);
    Unmap(view); // in any process
    KeUnstackDetachProcess(&saved);
    MmCloseSection(section);
    PspDeleteProcess(early);
    PspDeleteProcess(late);
    GUEST_TRUE(MmCheckPageFrames() == nullptr);
}

// POL-08: a file's data, and what is changed of it
GUEST_TEST(ChangesOfAViewGoToTheFile) {
    constexpr ULONG pages = 5, length = pages * PAGE_SIZE - 100;
    auto* const data = static_cast<ULONG*>(ExAllocatePoolWithTag(NonPagedPool, length, TestTag));
    for (ULONG i = 0; i < length / sizeof(ULONG); i++)
        data[i] = i;
    MM_MEMORY_BACKING memory{};
    MmInitializeMemoryBacking(&memory, data, length, FALSE);
    SECTION* section = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, MmCreateBackedSection(&section, &memory.Backing, 0, PAGE_READWRITE, SEC_COMMIT));
    volatile ULONG* const view = Map(section);
    ULONG wrong = 0;
    for (ULONG i = 0; i < length / sizeof(ULONG); i += 97)
        wrong += view[i] != i;
    GUEST_EQUAL(0, wrong);
    GUEST_EQUAL(0, view[pages * WORDS - 1]); // behind the file's end
    view[3 * WORDS] = 0xABCD;
    Unmap(view);
    MmCloseSection(section);
    GUEST_EQUAL(0xABCD, data[3 * WORDS]);
    GUEST_EQUAL(2 * WORDS, data[2 * WORDS]);
    GUEST_EQUAL(1, memory.Backing.ReferenceCount);
    ExFreePoolWithTag(data, TestTag);
    GUEST_TRUE(MmCheckPageFrames() == nullptr);
}

// POL-08: what is refused leaves nothing behind
GUEST_TEST(RequestsAreChecked) {
    SECTION* const section = Create(nullptr, 4);
    PVOID base = nullptr;
    SIZE_T size = 5 * PAGE_SIZE;
    GUEST_EQUAL(STATUS_INVALID_VIEW_SIZE, MmMapViewInSystemSpace(section, &base, &size));
    size = 2 * PAGE_SIZE + 1; // a part of it, rounded up
    GUEST_EQUAL(STATUS_SUCCESS, MmMapViewInSystemSpace(section, &base, &size));
    GUEST_EQUAL(3 * PAGE_SIZE, size);
    GUEST_EQUAL(STATUS_NOT_MAPPED_VIEW, MmUnmapViewInSystemSpace(static_cast<UCHAR*>(base) + PAGE_SIZE));
    GUEST_EQUAL(STATUS_NOT_MAPPED_VIEW, MmUnmapViewInSystemSpace(reinterpret_cast<PVOID>(0x10000)));
    GUEST_EQUAL(STATUS_NOT_MAPPED_VIEW, MmUnmapViewInSystemSpace(reinterpret_cast<PVOID>(MM_PTE_BASE)));
    GUEST_EQUAL(STATUS_SUCCESS, MmUnmapViewInSystemSpace(base));
    GUEST_EQUAL(STATUS_NOT_MAPPED_VIEW, MmUnmapViewInSystemSpace(base));
    MmCloseSection(section);
    SECTION* const reserved = Create(nullptr, 4, PAGE_READWRITE, SEC_RESERVE);
    volatile ULONG* const view = Map(reserved);
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Read(view)); // not committed
    Unmap(view);
    MmCloseSection(reserved);
}

// MEM-05: a read that fails is an exception of the thread that needs the page
GUEST_TEST(ReadThatFailsIsAnException) {
    auto* const data = static_cast<ULONG*>(ExAllocatePoolWithTag(NonPagedPool, 2 * PAGE_SIZE, TestTag));
    MM_MEMORY_BACKING memory{};
    MmInitializeMemoryBacking(&memory, data, 2 * PAGE_SIZE, FALSE);
    static MM_BACKING_CALLS calls;
    calls = *memory.Backing.Calls;
    calls.Start = [](MM_BACKING*, MM_TRANSFER* transfer) {
        transfer->Status = STATUS_NO_SUCH_DEVICE;
        transfer->Information = 0;
        transfer->Completion(transfer);
    };
    memory.Backing.Calls = &calls;
    SECTION* section = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, MmCreateBackedSection(&section, &memory.Backing, 0, PAGE_READONLY, SEC_COMMIT));
    volatile ULONG* const view = Map(section);
    GUEST_EQUAL(STATUS_IN_PAGE_ERROR, Read(view));
    GUEST_EQUAL(STATUS_IN_PAGE_ERROR, Read(view + WORDS));
    Unmap(view);
    MmCloseSection(section);
    ExFreePoolWithTag(data, TestTag);
    GUEST_TRUE(MmCheckPageFrames() == nullptr);
}

// MEM-05, MEM-08
GUEST_TEST_BUGCHECK(ViewThatIsGoneIsNoMemory, PAGE_FAULT_IN_NONPAGED_AREA) {
    SECTION* const section = Create(nullptr, 1);
    volatile ULONG* const view = Map(section);
    view[0] = 1;
    Unmap(view);
    view[0] = 2;
}

// MEM-05: pages of a view may not be there
GUEST_TEST_BUGCHECK(PageThatIsNotThereStopsAtDispatchLevel, IRQL_NOT_LESS_OR_EQUAL) {
    SECTION* const section = Create(nullptr, 1);
    volatile ULONG* const view = Map(section);
    (void)KfRaiseIrql(DISPATCH_LEVEL);
    view[0] = 1;
}

// MEM-05, POL-08
GUEST_TEST_BUGCHECK(ReadOnlyViewIsNotWritten, ATTEMPTED_WRITE_TO_READONLY_MEMORY) {
    SECTION* const section = Create(nullptr, 1, PAGE_READONLY);
    volatile ULONG* const view = Map(section);
    GUEST_EQUAL(0, view[0]);
    view[0] = 1;
}
