// What page faults and ranges cost: a fresh page, zeroed before or by the fault; a page that is still in memory; processors that
// fault at once, each in a process of its own; a range allocated and freed.
//
// The host calls the routine that prepares first, which is not measured: each time another process and its range.
#include "crowd.h"
#include "mm.h"
#include "mm/faults.h"
#include "mm/virtual.h"
#include "rtl/useraccess.h"

namespace {

/// A process, and a committed range of it.
struct RANGE {
    EPROCESS* Process;
    UCHAR* Base;
};
RANGE Ranges[BenchMaximumProcessors]; ///< the first one, or one for each processor

bool Make(RANGE& range, ULONG pages) {
    if (!NT_SUCCESS(PspCreateProcess("Bench", &range.Process))) return false;
    KAPC_STATE saved;
    KeStackAttachProcess(&range.Process->Pcb, &saved);
    PVOID base = nullptr;
    SIZE_T size = SIZE_T(pages) * PAGE_SIZE;
    const NTSTATUS status =
        ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    range.Base = static_cast<UCHAR*>(base);
    KeUnstackDetachProcess(&saved);
    return NT_SUCCESS(status);
}

/// Uses each page of the range once.
void Touch(const RANGE& range, ULONG pages) {
    KAPC_STATE saved;
    KeStackAttachProcess(&range.Process->Pcb, &saved);
    for (ULONG page = 0; page < pages; page++)
        *reinterpret_cast<volatile ULONG*>(range.Base + SIZE_T(page) * PAGE_SIZE) = page;
    KeUnstackDetachProcess(&saved);
}

void TouchOwn(ULONG pages, PVOID) { Touch(Ranges[KeGetCurrentProcessorNumber()], pages); }

} // namespace

extern "C" {

/// A range without pages. No page of memory is zeroed yet.
NTEXPORT ULONG NTAPI PrepareFreePages(ULONG Iterations) { return Make(Ranges[0], Iterations) ? Iterations : 0; }

/// A range without pages, and zeroed pages.
NTEXPORT ULONG NTAPI PrepareFreshPages(ULONG Iterations) {
    if (!Make(Ranges[0], Iterations)) return 0;
    MiZeroFreePages();
    return Iterations;
}

/// The first use of a page of user space.
NTEXPORT ULONG NTAPI BenchFreshPage(ULONG Iterations) {
    Touch(Ranges[0], Iterations);
    return Iterations;
}

/// The same for each processor, and zeroed pages.
NTEXPORT ULONG NTAPI PrepareFreshPagesCrowd(ULONG Iterations) {
    const ULONG count = ULONG(KeNumberProcessors);
    for (ULONG i = 0; i < count; i++)
        if (!Make(Ranges[i], Iterations / count)) return 0;
    MiZeroFreePages();
    return Iterations;
}

/// Each processor uses the fresh pages of its own process.
NTEXPORT ULONG NTAPI BenchFreshPageCrowd(ULONG Iterations) {
    return BenchOnAllProcessors(TouchOwn, nullptr, Iterations);
}

/// A range whose pages have all left the working set.
NTEXPORT ULONG NTAPI PrepareTrimmedPages(ULONG Iterations) {
    if (!Make(Ranges[0], Iterations)) return 0;
    Touch(Ranges[0], Iterations);
    KAPC_STATE saved;
    KeStackAttachProcess(&Ranges[0].Process->Pcb, &saved);
    MmEmptyWorkingSet();
    KeUnstackDetachProcess(&saved);
    return Iterations;
}

/// The next use of a page that is on the modified list.
NTEXPORT ULONG NTAPI BenchSoftFault(ULONG Iterations) {
    Touch(Ranges[0], Iterations);
    return Iterations;
}

/// A process.
NTEXPORT ULONG NTAPI PrepareProcess(ULONG Iterations) {
    return NT_SUCCESS(PspCreateProcess("Bench", &Ranges[0].Process)) ? Iterations : 0;
}

/// 64 KB, reserved, committed and released by a thread of the process.
NTEXPORT ULONG NTAPI BenchAllocate(ULONG Iterations) {
    KAPC_STATE saved;
    KeStackAttachProcess(&Ranges[0].Process->Pcb, &saved);
    ULONG done = 0;
    for (; done < Iterations; done++) {
        PVOID base = nullptr;
        SIZE_T size = 0x10000, all = 0;
        if (!NT_SUCCESS(ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT,
                                                PAGE_READWRITE)) ||
            !NT_SUCCESS(ZwFreeVirtualMemory(NtCurrentProcess(), &base, &all, MEM_RELEASE)))
            break;
    }
    KeUnstackDetachProcess(&saved);
    return done;
}
}
