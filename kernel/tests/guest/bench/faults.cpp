// What page faults cost: a fresh page with a zeroed one at hand, and a page that is still in memory.
//
// The host calls the routine that prepares first, which is not measured: each time another process and its range.
#include "crowd.h"
#include "mm.h"
#include "mm/faults.h"
#include "mm/virtual.h"
#include "rtl/useraccess.h"

namespace {

EPROCESS* Process;
UCHAR* Base;

/// Uses each page of the range once.
void Touch(ULONG pages) {
    KAPC_STATE saved;
    KeStackAttachProcess(&Process->Pcb, &saved);
    for (ULONG page = 0; page < pages; page++)
        *reinterpret_cast<volatile ULONG*>(Base + SIZE_T(page) * PAGE_SIZE) = page;
    KeUnstackDetachProcess(&saved);
}

bool MakeRange(ULONG pages) {
    if (!NT_SUCCESS(PspCreateProcess("Bench", &Process))) return false;
    KAPC_STATE saved;
    KeStackAttachProcess(&Process->Pcb, &saved);
    PVOID base = nullptr;
    SIZE_T size = SIZE_T(pages) * PAGE_SIZE;
    const NTSTATUS status =
        ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    Base = static_cast<UCHAR*>(base);
    KeUnstackDetachProcess(&saved);
    return NT_SUCCESS(status);
}

} // namespace

extern "C" {

/// A range without pages, and zeroed pages.
NTEXPORT ULONG NTAPI PrepareFreshPages(ULONG Iterations) {
    if (!MakeRange(Iterations)) return 0;
    MiZeroFreePages();
    return Iterations;
}

/// The first use of a page of user space.
NTEXPORT ULONG NTAPI BenchFreshPage(ULONG Iterations) {
    Touch(Iterations);
    return Iterations;
}

/// A range whose pages have all left the working set.
NTEXPORT ULONG NTAPI PrepareTrimmedPages(ULONG Iterations) {
    if (!MakeRange(Iterations)) return 0;
    Touch(Iterations);
    KAPC_STATE saved;
    KeStackAttachProcess(&Process->Pcb, &saved);
    MmEmptyWorkingSet();
    KeUnstackDetachProcess(&saved);
    return Iterations;
}

/// The next use of a page that is on the modified list.
NTEXPORT ULONG NTAPI BenchSoftFault(ULONG Iterations) {
    Touch(Iterations);
    return Iterations;
}
}
