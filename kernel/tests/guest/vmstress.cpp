// Virtual memory under stress: processes carry out operations that the host makes up, all at once, and tell what they saw. The
// host's model (kernel/tests/python/vmmodel.py) knows what each had to see.
//
// The host writes operations into VmStressOperations, one row a process, and calls VmStressRun; each operation's result takes its
// place. Processes share nothing but memory, so a row's results do not depend on the others'.
// machine: memory=16
#include "ex.h"
#include "mm.h"
#include "mm/faults.h"
#include "mm/mdl.h"
#include "mm/pagefile.h"
#include "mm/virtual.h"
#include "mm/writecounters.h"
#include "ps.h"
#include "rtl/exception.h"

#include "guest_main.h"
#include "pageout.h"

namespace {

constexpr ULONG PROCESSES = 8;
constexpr ULONG ROW = 512;
constexpr ULONG WORDS = PAGE_SIZE / sizeof(ULONG);
constexpr ULONG STEP = 0x9E3779B9; ///< a page of value v holds v, v + STEP, v + 2 STEP ...
constexpr NTSTATUS DAMAGED = NTSTATUS(0xE0000001);

enum class VM_CODE : ULONG { None, Allocate, Free, Protect, Query, Write, Read, Trim };

/// An operation; afterwards what it told.
struct VM_OPERATION {
    union {
        VM_CODE Code;
        NTSTATUS Status;
    };
    ULONG Address;
    ULONG Size;     ///< in bytes; told: what there is at the address. Write, Read: in pages; told: those that were used
    ULONG Argument; ///< type and protection, or the first page's value; told by Read: the digest of all values
};
static_assert(sizeof(VM_OPERATION) == 16);

EPROCESS* Processes[PROCESSES];
ULONG FreeBefore;
PFN_NUMBER PlacesBefore; ///< pages of page files that were free

PVOID At(ULONG address) { return reinterpret_cast<PVOID>(ULONG_PTR(address)); }
ULONG AddressOf(const void* pointer) { return ULONG(reinterpret_cast<ULONG_PTR>(pointer)); }

[[gnu::noinline]] void Fill(volatile ULONG* page, ULONG value) {
    for (ULONG i = 0; i < WORDS; i++)
        page[i] = value + i * STEP;
}

/// @returns the page's value, 0 of a page of zeros. @param[out] wrong the first word that does not belong to it, or WORDS
[[gnu::noinline]] ULONG Look(const volatile ULONG* page, ULONG* wrong) {
    const ULONG value = page[0];
    const ULONG step = value == 0 && page[1] == 0 ? 0 : STEP;
    for (*wrong = 0; *wrong < WORDS; ++*wrong) {
        if (page[*wrong] != value + *wrong * step) break;
    }
    return value;
}

NTSTATUS WritePage(ULONG address, ULONG value) {
    __try {
        Fill(static_cast<volatile ULONG*>(At(address)), value);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

NTSTATUS ReadPage(ULONG address, ULONG* value) {
    ULONG wrong = WORDS;
    __try {
        *value = Look(static_cast<const volatile ULONG*>(At(address)), &wrong);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return wrong == WORDS ? STATUS_SUCCESS : DAMAGED;
}

/// Pages in a row, up to the first that refuses.
void Write(VM_OPERATION& operation) {
    const ULONG address = operation.Address, pages = operation.Size, value = operation.Argument;
    NTSTATUS status = STATUS_SUCCESS;
    ULONG done = 0;
    while (done < pages && NT_SUCCESS(status = WritePage(address + done * PAGE_SIZE, value + done)))
        done++;
    operation.Status = status;
    operation.Size = done;
}

void Read(VM_OPERATION& operation) {
    constexpr ULONG factor = 3; // so that the order of the values counts
    const ULONG address = operation.Address, pages = operation.Size;
    NTSTATUS status = STATUS_SUCCESS;
    ULONG done = 0, digest = 0, value;
    while (done < pages && NT_SUCCESS(status = ReadPage(address + done * PAGE_SIZE, &value))) {
        digest = digest * factor + value;
        done++;
    }
    operation.Status = status;
    operation.Size = done;
    operation.Argument = digest;
}

void Query(VM_OPERATION& operation) {
    MEMORY_BASIC_INFORMATION seen{};
    operation.Status =
        ZwQueryVirtualMemory(NtCurrentProcess(), At(operation.Address),
                             MEMORY_INFORMATION_CLASS::MemoryBasicInformation, &seen, sizeof(seen), nullptr);
    operation.Address = AddressOf(seen.AllocationBase);
    operation.Size = ULONG(seen.RegionSize);
    operation.Argument = seen.State | seen.Protect;
}

/// Allocate, Free and Protect: a range in, and what became of it out.
void Change(VM_OPERATION& operation) {
    constexpr ULONG protections = 0xFFF;
    PVOID base = At(operation.Address);
    SIZE_T size = operation.Size;
    ULONG told = 0;
    switch (operation.Code) {
    case VM_CODE::Allocate:
        operation.Status = ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size,
                                                   operation.Argument & ~protections, operation.Argument & protections);
        break;
    case VM_CODE::Free:
        operation.Status = ZwFreeVirtualMemory(NtCurrentProcess(), &base, &size, operation.Argument);
        break;
    default: operation.Status = ZwProtectVirtualMemory(NtCurrentProcess(), &base, &size, operation.Argument, &told);
    }
    operation.Address = AddressOf(base);
    operation.Size = ULONG(size);
    operation.Argument = told;
}

void CarryOut(VM_OPERATION& operation) {
    switch (operation.Code) {
    case VM_CODE::None: return;
    case VM_CODE::Query: return Query(operation);
    case VM_CODE::Write: return Write(operation);
    case VM_CODE::Read: return Read(operation);
    case VM_CODE::Trim: operation.Status = STATUS_SUCCESS; return MmEmptyWorkingSet();
    default: return Change(operation);
    }
}

/// Takes most of the pages that can be given out, writes into each, and gives them back: a process that gets one without zeros sees it.
void PoisonFreePages() {
    constexpr ULONG most = 8000; // pages that one MDL describes
    const ULONG free = MmQueryFreePages() * 9 / 10;
    PMDL const mdl = MmAllocatePagesForMdl({.QuadPart = 0}, {.QuadPart = 0xFFFFFFFF}, {.QuadPart = 0},
                                           SIZE_T(free < most ? free : most) * PAGE_SIZE);
    if (!mdl) return;
    PVOID const pages = MmGetSystemAddressForMdlSafe(mdl, MM_PAGE_PRIORITY::NormalPagePriority);
    if (pages) memset(pages, 0x5A, MmGetMdlByteCount(mdl));
    MmFreePagesFromMdl(mdl);
    ExFreePool(mdl);
}

/// What a thread is given, and what it found broken.
struct WORK {
    EPROCESS* Process;
    VM_OPERATION* Row;
    PCSTR Broken;
};

void NTAPI Work(PVOID context) {
    auto& work = *static_cast<WORK*>(context);
    KAPC_STATE saved;
    KeStackAttachProcess(&work.Process->Pcb, &saved);
    for (ULONG i = 0; i < ROW; i++)
        CarryOut(work.Row[i]);
    work.Broken = MmCheckWorkingSet();
    KeUnstackDetachProcess(&saved);
}

} // namespace

extern "C" {
NTEXPORT VM_OPERATION VmStressOperations[PROCESSES][ROW];
NTEXPORT PCSTR VmStressBroken;     ///< the first invariant that did not hold; nullptr: all do
NTEXPORT ULONG VmStressLostPlaces; ///< pages of page files that did not come back
NTEXPORT ULONG VmStressPaged[2];   ///< pages that were written to page files and read from anywhere since boot

/// Makes the processes. @returns whether there are all.
NTEXPORT ULONG NTAPI VmStressBegin() {
    GuestSettleSystemPages();
    FreeBefore = MmQueryFreePages();
    PlacesBefore = MmTotalFreePageFileSpace;
    for (EPROCESS*& process : Processes) {
        if (!NT_SUCCESS(PspCreateProcess("Stress", &process))) return FALSE;
    }
    return TRUE;
}

/// Carries out all rows, each in its process, at once. @returns whether all invariants hold afterwards.
NTEXPORT ULONG NTAPI VmStressRun() {
    WORK work[PROCESSES];
    PETHREAD threads[PROCESSES];
    PoisonFreePages();
    VmStressBroken = nullptr;
    ULONG started = 0;
    for (; started < PROCESSES; started++) {
        work[started] = {Processes[started], VmStressOperations[started], nullptr};
        if (NT_SUCCESS(PsStartSystemThread(&threads[started], "Stress", 8, Work, &work[started]))) continue;
        VmStressBroken = "a thread could not be started";
        break;
    }
    for (ULONG i = 0; i < started; i++) {
        (void)KeWaitForSingleObject(threads[i], KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        PsDereferenceThread(threads[i]);
        if (work[i].Broken) VmStressBroken = work[i].Broken;
    }
    if (PCSTR const broken = MmCheckPageFrames()) VmStressBroken = broken;
    VmStressPaged[0] = ULONG(MmWriteCounters.DirtyPagesWriteCount);
    VmStressPaged[1] = ULONG(MmInfoCounters.PageReadCount);
    return VmStressBroken == nullptr;
}

/// Ends the processes. @returns pages that did not come back within a second: the stacks of ended threads go later, when the
/// thread that frees them comes to it, and pages that are being written go when that has ended.
NTEXPORT ULONG NTAPI VmStressEnd() {
    constexpr ULONG tries = 100;
    for (EPROCESS* process : Processes)
        PspDeleteProcess(process);
    (void)MmEmptySystemWorkingSet(); // the services' code came back
    const auto isBack = [] { return MmQueryFreePages() >= FreeBefore && MmTotalFreePageFileSpace == PlacesBefore; };
    for (ULONG i = 0; i < tries && !isBack(); i++) {
        LARGE_INTEGER tenMilliseconds{.QuadPart = -100'000};
        (void)KeDelayExecutionThread(KernelMode, FALSE, &tenMilliseconds);
    }
    VmStressLostPlaces = PlacesBefore - MmTotalFreePageFileSpace;
    return MmQueryFreePages() < FreeBefore ? FreeBefore - MmQueryFreePages() : 0;
}
}

// MEM-05, POL-06: without the host: each process writes pages and finds its own bytes again
GUEST_TEST(EachProcessFindsItsOwnBytes) {
    constexpr ULONG base = 0x100000, pages = 60;
    GUEST_TRUE(VmStressBegin());
    for (ULONG p = 0; p < PROCESSES; p++) {
        VM_OPERATION* next = VmStressOperations[p];
        for (ULONG i = 0; i < ROW; i++)
            next[i] = {{VM_CODE::None}, 0, 0, 0};
        *next++ = {{VM_CODE::Allocate}, base, pages * PAGE_SIZE, MEM_RESERVE | MEM_COMMIT | PAGE_READWRITE};
        for (ULONG i = 0; i < pages; i++)
            *next++ = {{VM_CODE::Write}, base + i * PAGE_SIZE, 1, p * 1000 + i + 1};
        *next++ = {{VM_CODE::Trim}, 0, 0, 0};
        for (ULONG i = 0; i < pages; i++)
            *next++ = {{VM_CODE::Read}, base + (pages - 1 - i) * PAGE_SIZE, 1, 0};
    }
    GUEST_TRUE(VmStressRun());
    ULONG wrong = 0;
    for (ULONG p = 0; p < PROCESSES; p++) {
        for (ULONG i = 0; i < pages; i++) {
            const VM_OPERATION& read = VmStressOperations[p][2 + pages + i];
            wrong += read.Status != STATUS_SUCCESS || read.Argument != p * 1000 + pages - i;
        }
    }
    GUEST_EQUAL(0, wrong);
    GUEST_EQUAL(0, VmStressEnd());
    GUEST_TRUE(MmCheckPageFrames() == nullptr);
}
