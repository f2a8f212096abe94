// Memory of a section that is committed page by page, seen by two processes.
#include "attached.h"
#include "ex.h"
#include "mm/section.h"
#include "rtl/exception.h"
#include "rtl/useraccess.h"

#include "guest_main.h"

namespace {

NTSTATUS Read(const UCHAR* at) {
    ULONG word;
    __try {
        CopyFromUser(&word, at, sizeof(word));
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

UCHAR* Map(SECTION* section, EPROCESS* process) {
    PVOID base = nullptr;
    SIZE_T size = 0;
    GUEST_EQUAL(STATUS_SUCCESS,
                MmMapViewOfSection(section, process, &base, 0, 0, nullptr, &size, ViewUnmap, 0, PAGE_READWRITE));
    return static_cast<UCHAR*>(base);
}

void Commit(UCHAR* base, SIZE_T size) {
    PVOID at = base;
    GUEST_EQUAL(STATUS_SUCCESS, ZwAllocateVirtualMemory(NtCurrentProcess(), &at, 0, &size, MEM_COMMIT, PAGE_READWRITE));
}

} // namespace

// POL-06, POL-08, MEM-05
GUEST_TEST(CommittedPageIsThereInAllViews) {
    ATTACHED_PROCESS process;
    EPROCESS* other = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, PspCreateProcess("Other", &other));
    SECTION* section = nullptr;
    constexpr ULONG pages = 3000; // of a machine of 64 MB
    GUEST_EQUAL(STATUS_SUCCESS,
                MmCreateBackedSection(&section, nullptr, pages * PAGE_SIZE, PAGE_READWRITE, SEC_RESERVE));
    UCHAR* const here = Map(section, process.Get());
    UCHAR* const there = Map(section, other);
    MmCloseSection(section);
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Read(here));
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Read(here + (pages - 1) * PAGE_SIZE));

    KAPC_STATE saved;
    KeStackAttachProcess(&other->Pcb, &saved);
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Read(there + PAGE_SIZE));
    Commit(there + PAGE_SIZE, 2 * PAGE_SIZE);
    *Word(there, 1) = 77;
    GUEST_EQUAL(0, *Word(there, 2));
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Read(there + 3 * PAGE_SIZE));
    GUEST_TRUE(MmCheckWorkingSet() == nullptr);
    KeUnstackDetachProcess(&saved);

    GUEST_EQUAL(77, *Word(here, 1));
    *Word(here, 2) = 78;
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Read(here));
    PspDeleteProcess(other);
    MmEmptyWorkingSet();
    GUEST_EQUAL(77, *Word(here, 1)); // the process that committed it is gone; the section is not
    GUEST_EQUAL(78, *Word(here, 2));
    GUEST_EQUAL(STATUS_SUCCESS, MmUnmapViewOfSection(process.Get(), here));
}
