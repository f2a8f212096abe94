// Pages leave memory and come back: more work than memory, several processes, a disk that fails.
// machine: memory=16 pagefile=16 option=/DISKLATENCY=0
// machine: memory=16 pagefile=16 option=/DISKLATENCY=0 flavour=checked
#include "mm.h"
#include "mm/faults.h"
#include "mm/i386/pte.h"
#include "mm/mdl.h"
#include "mm/pagefile.h"
#include "mm/testbacking.h"
#include "mm/virtual.h"
#include "mm/writecounters.h"
#include "ps.h"
#include "ldr.h"
#include "rtl/exception.h"
#include "rtl/useraccess.h"

#include "attached.h"
#include "guest_main.h"
#include "together.h"
#include "pageout.h"

namespace {

constexpr ULONG WORDS = PAGE_SIZE / sizeof(ULONG);
constexpr ULONG LARGE = 20 * 1024 * 1024 / PAGE_SIZE; ///< pages: more than the machine has
constexpr ULONG MEMORY = 16 * 1024 * 1024 / PAGE_SIZE;
constexpr ULONG STRIDE = 2003; ///< a prime number: page numbers in another order

/// @returns pages that are committed; nullptr if that was refused
ULONG* Commit(ULONG pages, NTSTATUS expected = STATUS_SUCCESS) {
    PVOID base = nullptr;
    SIZE_T size = SIZE_T(pages) * PAGE_SIZE;
    GUEST_EQUAL(expected,
                ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
    return static_cast<ULONG*>(base);
}

/// What the words of a page are: the first, one in the middle, the last.
constexpr ULONG Places[] = {0, 613, WORDS - 1};
ULONG Pattern(ULONG seed, ULONG page, ULONG place) {
    return (seed ^ page * 2'654'435'761u) + place;
} // the golden ratio

void Write(ULONG* base, ULONG seed, ULONG page) {
    for (ULONG place : Places)
        base[page * WORDS + place] = Pattern(seed, page, place);
}
bool Holds(const ULONG* base, ULONG seed, ULONG page) {
    for (ULONG place : Places)
        if (base[page * WORDS + place] != Pattern(seed, page, place)) return false;
    return true;
}

/// How many pages are wrong, looked at in another order than they were written in.
ULONG CountWrong(const ULONG* base, ULONG seed, ULONG pages) {
    ULONG wrong = 0;
    for (ULONG i = 0; i < pages; i++)
        wrong += !Holds(base, seed, ULONG(ULONGLONG(i) * STRIDE % pages));
    return wrong;
}

/// Until no write runs and no page waits for one that could be written.
void LetWritersEnd() {
    LARGE_INTEGER time = {.QuadPart = -2'000'000}; // 0.2 s
    for (LONG before = -1; before != MmWriteCounters.DirtyWriteIoCount;) {
        before = MmWriteCounters.DirtyWriteIoCount;
        (void)KeDelayExecutionThread(KernelMode, FALSE, &time);
    }
}

} // namespace

// PFN-04..PFN-06, PFN-14..PFN-16, SYS-11
GUEST_TEST(MoreThanMemoryIsWrittenAndReadBackInAnotherOrder) {
    GuestSettleSystemPages();
    const PFN_NUMBER space = MmTotalFreePageFileSpace;
    if (!GUEST_TRUE(space != 0)) return;
    {
        ATTACHED_PROCESS process;
        ULONG* const base = Commit(LARGE);
        const LONG written = MmWriteCounters.DirtyPagesWriteCount, transfers = MmWriteCounters.DirtyWriteIoCount;
        const LONG read = MmInfoCounters.PageReadCount;
        for (ULONG page = 0; page < LARGE; page++)
            Write(base, 1, page);
        GUEST_TRUE(process.WorkingSetSize() < MEMORY);
        GUEST_EQUAL(0, CountWrong(base, 1, LARGE));
        LetWritersEnd();
        const LONG wrote = MmWriteCounters.DirtyPagesWriteCount - written;
        GUEST_TRUE(wrote >= LONG(LARGE - MEMORY));
        GUEST_TRUE(wrote <= LONG(LARGE)); // nobody has changed a page after its write
        GUEST_TRUE((MmWriteCounters.DirtyWriteIoCount - transfers) * 8 < wrote); // clusters
        GUEST_TRUE(MmInfoCounters.PageReadCount - read >= LONG(LARGE - MEMORY));
        GUEST_EQUAL(0, CountWrong(base, 1, LARGE)); // clean pages: they go without a write
        GUEST_TRUE(MmWriteCounters.DirtyPagesWriteCount - written <= LONG(LARGE));
        GUEST_TRUE(MmCheckPageFrames() == nullptr);
    }
    LetWritersEnd();
    GUEST_EQUAL(space, MmTotalFreePageFileSpace); // no place is lost
    GUEST_EQUAL(0, MmWriteCounters.FailureCount);
}

namespace {

/// What several processes found.
/// shared: interlocked
struct MANY {
    volatile LONG Wrong;
    ULONG Pages;
};

void UseOwnProcess(ULONG index, PVOID context) {
    auto& many = *static_cast<MANY*>(context);
    EPROCESS* process;
    if (!NT_SUCCESS(PspCreateProcess("Several", &process))) {
        InterlockedIncrement(&many.Wrong);
        return;
    }
    KAPC_STATE saved;
    KeStackAttachProcess(&process->Pcb, &saved);
    PVOID base = nullptr;
    SIZE_T size = SIZE_T(many.Pages) * PAGE_SIZE;
    if (NT_SUCCESS(
            ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE))) {
        auto* const words = static_cast<ULONG*>(base);
        for (ULONG round = 1; round <= 2; round++) {
            for (ULONG page = 0; page < many.Pages; page++)
                Write(words, round * 10 + index, page);
            InterlockedExchangeAdd(&many.Wrong, LONG(CountWrong(words, round * 10 + index, many.Pages)));
        }
    } else {
        InterlockedIncrement(&many.Wrong);
    }
    KeUnstackDetachProcess(&saved);
    PspDeleteProcess(process);
}

/// What several threads of one process do to the same pages.
struct SAME {
    EPROCESS* Process;
    ULONG* Base;
    ULONG Pages;
    volatile LONG Wrong;
};

void ReadTheSame(ULONG, PVOID context) {
    auto& same = *static_cast<SAME*>(context);
    KAPC_STATE saved;
    KeStackAttachProcess(&same.Process->Pcb, &saved);
    for (ULONG page = 0; page < same.Pages; page++)
        if (!Holds(same.Base, 5, page)) InterlockedIncrement(&same.Wrong);
    KeUnstackDetachProcess(&saved);
}

} // namespace

// PFN-14..PFN-16
GUEST_TEST(SeveralProcessesShareTooLittleMemory) {
    MANY many = {0, 5 * 1024 * 1024 / PAGE_SIZE};
    GuestSettleSystemPages();
    const PFN_NUMBER space = MmTotalFreePageFileSpace;
    GUEST_TRUE(GuestTogether(UseOwnProcess, &many) >= 2);
    GUEST_EQUAL(0, many.Wrong);
    LetWritersEnd();
    GUEST_EQUAL(space, MmTotalFreePageFileSpace);
    GUEST_TRUE(MmCheckPageFrames() == nullptr);
}

// PFN-04: collided faults
GUEST_TEST(ThreadsThatNeedTheSamePagesShareTheReads) {
    EPROCESS* process;
    GUEST_EQUAL(STATUS_SUCCESS, PspCreateProcess("Collided", &process));
    KAPC_STATE saved;
    KeStackAttachProcess(&process->Pcb, &saved);
    constexpr ULONG pages = 6 * 1024 * 1024 / PAGE_SIZE;
    SAME same = {process, Commit(pages), pages, 0};
    for (ULONG page = 0; page < pages; page++)
        Write(same.Base, 5, page);
    constexpr ULONG more = 14 * 1024 * 1024 / PAGE_SIZE;
    ULONG* const other = Commit(more); // pushes them out
    for (ULONG page = 0; page < more; page++)
        Write(other, 6, page);
    LetWritersEnd();
    const LONG read = MmInfoCounters.PageReadCount;
    GUEST_TRUE(GuestTogether(ReadTheSame, &same) >= 2);
    GUEST_EQUAL(0, same.Wrong);
    GUEST_TRUE(MmInfoCounters.PageReadCount > read);
    GUEST_TRUE(MmCheckWorkingSet() == nullptr);
    KeUnstackDetachProcess(&saved);
    PspDeleteProcess(process);
    GUEST_TRUE(MmCheckPageFrames() == nullptr);
}

namespace {

NTSTATUS SeenCode;
ULONG_PTR SeenReason;

int Note(const EXCEPTION_POINTERS* pointers) {
    SeenCode = pointers->ExceptionRecord->ExceptionCode;
    SeenReason =
        pointers->ExceptionRecord->NumberParameters > 2 ? pointers->ExceptionRecord->ExceptionInformation[2] : 0;
    return EXCEPTION_EXECUTE_HANDLER;
}

NTSTATUS TryToRead(const volatile ULONG* at) {
    SeenCode = STATUS_SUCCESS;
    SeenReason = 0;
    __try {
        (void)ReadULongFromUser(at);
    } __except (Note(GetExceptionInformation())) {}
    return SeenCode;
}

bool HasOption(PCSTR name) { return RtlFindOption(KeLoaderBlock->LoadOptions, name, nullptr, 0); }

} // namespace

// ERR-10, PFN-15
GUEST_TEST(PageThatCannotBeReadIsAnInPageError) {
    if (HasOption("IDE")) return; // an IDE disk does as it likes
    auto& disk = *CONTAINING_RECORD(MmQueryPagingFile(0), MM_TEST_BACKING, Backing);
    ATTACHED_PROCESS process;
    ULONG* const base = Commit(LARGE);
    for (ULONG page = 0; page < LARGE; page++)
        Write(base, 3, page);
    LetWritersEnd();
    ULONG page = 0;
    while (page < LARGE && MiPteKind(*MiGetPteAddress(base + page * WORDS)) != MI_PTE_KIND::PageFile)
        page++;
    if (!GUEST_TRUE(page < LARGE)) return;
    disk.FailingStatus = STATUS_DEVICE_DATA_ERROR;
    disk.FailingPage = MiGetPteAddress(base + page * WORDS)->Soft.PageFileHigh;
    for (ULONG round = 0; round < 2; round++) {
        GUEST_EQUAL(STATUS_IN_PAGE_ERROR, TryToRead(base + page * WORDS));
        GUEST_EQUAL(ULONG(STATUS_DEVICE_DATA_ERROR), SeenReason);
    }
    disk.FailingPage = MM_NO_FAILING_PAGE;
    GUEST_EQUAL(STATUS_SUCCESS, TryToRead(base + page * WORDS));
    GUEST_EQUAL(0, CountWrong(base, 3, LARGE));
}

// POL-06, PFN-15: what is promised can be kept
GUEST_TEST(PromisesEndBeforeMemoryAndPageFilesDo) {
    constexpr ULONG piece = 256;
    ATTACHED_PROCESS process;
    static ULONG* bases[512];
    ULONG pieces = 0;
    for (; pieces < 512; pieces++) {
        PVOID base = nullptr;
        SIZE_T size = SIZE_T(piece) * PAGE_SIZE;
        const NTSTATUS status =
            ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
        if (!NT_SUCCESS(status)) {
            GUEST_EQUAL(STATUS_COMMITMENT_LIMIT, status);
            break;
        }
        bases[pieces] = static_cast<ULONG*>(base);
    }
    GUEST_TRUE(pieces > MmTotalPageFileSpace / piece && pieces < 512);
    for (ULONG i = 0; i < pieces; i++) // all of it can be used
        for (ULONG page = 0; page < piece; page++)
            Write(bases[i], i, page);
    ULONG wrong = 0;
    for (ULONG i = 0; i < pieces; i++)
        wrong += CountWrong(bases[i], i, piece);
    GUEST_EQUAL(0, wrong);
}

namespace {

constexpr ULONG LEFT_BY_FAULTS = 8; ///< MiMemoryThresholds.Minimum

/// All pages that can be given out but for fewer than `left`, until the end of the scope.
class ALL_PAGES {
public:
    explicit ALL_PAGES(ULONG left = LEFT_BY_FAULTS) {
        for (PMDL& mdl : m_mdls) {
            if (MmQueryFreePages() < left) return;
            mdl = MmAllocatePagesForMdl({.QuadPart = 0}, {.QuadPart = 0xFFFFFFFF}, {.QuadPart = 0},
                                        SIZE_T(MmQueryFreePages() - left + 1) * PAGE_SIZE);
        }
    }
    ~ALL_PAGES() {
        for (PMDL const mdl : m_mdls) {
            if (!mdl) continue;
            MmFreePagesFromMdl(mdl);
            ExFreePool(mdl);
        }
    }
    ALL_PAGES(const ALL_PAGES&) = delete;
    ALL_PAGES& operator=(const ALL_PAGES&) = delete;

private:
    PMDL m_mdls[16] = {};
};

} // namespace

// POL-06, MEM-04: a page table needs a page, which comes as soon as another one has left memory
GUEST_TEST(CommitAndProtectWaitForThePageOfAPageTable) {
    constexpr ULONG pages = 6 * 1024 * 1024 / PAGE_SIZE, span = 4 * 1024 * 1024; // of a page table
    constexpr ULONG_PTR far = 0x40000000, further = 0x50000000, places[] = {far, further};
    ATTACHED_PROCESS process;
    ULONG* const base = Commit(pages);
    for (ULONG page = 0; page < pages; page++)
        Write(base, 7, page);
    for (ULONG_PTR place : places) {
        PVOID at = reinterpret_cast<PVOID>(place);
        SIZE_T size = span;
        const ULONG type = place == far ? MEM_RESERVE : MEM_RESERVE | MEM_COMMIT;
        GUEST_EQUAL(STATUS_SUCCESS, ZwAllocateVirtualMemory(NtCurrentProcess(), &at, 0, &size, type, PAGE_READWRITE));
    }
    const KPRIORITY before =
        KeSetPriorityThread(KeGetCurrentThread(), HIGH_PRIORITY); // the trimmer runs when this thread waits
    for (ULONG_PTR place : places) {
        const ALL_PAGES held;
        PVOID at = reinterpret_cast<PVOID>(place);
        SIZE_T size = PAGE_SIZE;
        ULONG old;
        GUEST_EQUAL(STATUS_SUCCESS,
                    place == far
                        ? ZwAllocateVirtualMemory(NtCurrentProcess(), &at, 0, &size, MEM_COMMIT, PAGE_READWRITE)
                        : ZwProtectVirtualMemory(NtCurrentProcess(), &at, &size, PAGE_READONLY, &old));
    }
    (void)KeSetPriorityThread(KeGetCurrentThread(), before);
    GUEST_EQUAL(0, CountWrong(base, 7, pages));
}

namespace {

void NTAPI DoNothing(PVOID) {}

} // namespace

// MEM-02, KPR-03
GUEST_TEST(ANewThreadWaitsForThePagesOfItsStack) {
    constexpr ULONG pages = 6 * 1024 * 1024 / PAGE_SIZE;
    ATTACHED_PROCESS process;
    ULONG* const base = Commit(pages);
    for (ULONG page = 0; page < pages; page++)
        Write(base, 8, page);
    const KPRIORITY before = KeSetPriorityThread(KeGetCurrentThread(), HIGH_PRIORITY);
    PETHREAD thread = nullptr;
    {
        const ALL_PAGES held(1);
        GUEST_EQUAL(STATUS_SUCCESS, PsStartSystemThread(&thread, "New", 8, DoNothing, nullptr));
    }
    (void)KeSetPriorityThread(KeGetCurrentThread(), before);
    if (!thread) return;
    (void)KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    PsDereferenceThread(thread);
    GUEST_EQUAL(0, CountWrong(base, 8, pages));
}

// POL-06, ERR-10
GUEST_TEST(CommitFailsWhereNoPageComes) {
    constexpr ULONG_PTR far = 0x40000000;
    ATTACHED_PROCESS process;
    PVOID at = reinterpret_cast<PVOID>(far);
    SIZE_T size = 2 * PAGE_SIZE;
    GUEST_EQUAL(STATUS_SUCCESS,
                ZwAllocateVirtualMemory(NtCurrentProcess(), &at, 0, &size, MEM_RESERVE, PAGE_READWRITE));
    GuestSettleSystemPages();
    const ALL_PAGES held; // and no working set has more than its minimum
    size = PAGE_SIZE;
    GUEST_EQUAL(STATUS_INSUFFICIENT_RESOURCES,
                ZwAllocateVirtualMemory(NtCurrentProcess(), &at, 0, &size, MEM_COMMIT, PAGE_READWRITE));
}
