// Paged pool leaves memory and comes back: more of it than memory, freed wherever it is, used by several processors.
// machine: memory=16 pagefile=24 option=/DISKLATENCY=0
// machine: memory=16 pagefile=24 option=/DISKLATENCY=0 flavour=checked
#include "ex.h"
#include "hal.h"
#include "ldr.h"
#include "mm.h"
#include "mm/faults.h"
#include "mm/i386/pte.h"
#include "mm/mdl.h"
#include "mm/pagefile.h"
#include "mm/pfn.h"
#include "mm/systemset.h"
#include "mm/testbacking.h"
#include "mm/writecounters.h"
#include "ps.h"

#include "guest_main.h"
#include "together.h"

namespace {

constexpr ULONG TestTag = EX_TAG("Test"), WORDS = PAGE_SIZE / sizeof(ULONG);
constexpr ULONG MEMORY = 16 * 1024 * 1024 / PAGE_SIZE, LARGE = 20 * 1024 * 1024 / PAGE_SIZE;

ULONG* Take(ULONG pages) {
    return static_cast<ULONG*>(ExAllocatePoolWithTag(PagedPool, SIZE_T(pages) * PAGE_SIZE, TestTag));
}
void Give(PVOID block) { ExFreePoolWithTag(block, TestTag); }

ULONG Pattern(ULONG seed, ULONG word) { return (seed + word) * 2'654'435'761u; } // the golden ratio

void Fill(ULONG* base, ULONG pages, ULONG seed) {
    for (ULONG word = 0; word < pages * WORDS; word++)
        base[word] = Pattern(seed, word);
}
/// How many words are wrong, from the last to the first.
ULONG CountWrong(const ULONG* base, ULONG pages, ULONG seed) {
    ULONG wrong = 0;
    for (ULONG word = pages * WORDS; word-- > 0;)
        wrong += base[word] != Pattern(seed, word);
    return wrong;
}

MI_PTE_KIND KindOf(const ULONG* page) { return MiPteKind(*MiGetPteAddress(page)); }

/// How many pages are in memory and in use.
ULONG CountValid(const ULONG* base, ULONG pages) {
    ULONG valid = 0;
    for (ULONG page = 0; page < pages; page++)
        valid += MmIsAddressValid(base + page * WORDS);
    return valid;
}

void CheckAll() {
    GUEST_TRUE(MmCheckSystemWorkingSet() == nullptr);
    GUEST_TRUE(MmCheckPageFrames() == nullptr);
    GUEST_TRUE(MmCheckPools() && ExCheckPools());
}

void Sleep(ULONG milliseconds) {
    LARGE_INTEGER time = {.QuadPart = -LONGLONG(milliseconds) * 10'000};
    (void)KeDelayExecutionThread(KernelMode, FALSE, &time);
}

/// Until no write runs and no page waits for one.
void LetWritersEnd() {
    for (LONG before = -1; before != MmWriteCounters.DirtyWriteIoCount;) {
        before = MmWriteCounters.DirtyWriteIoCount;
        Sleep(40);
    }
}

/// Uses all pages that can be given out for a moment. So modified pages are written, and what is on the standby list is taken for
/// another use.
void MakeMemoryShort() {
    constexpr ULONG left = 16;
    static PVOID stacks[MEMORY / 3]; // of three pages each
    ULONG count = 0;
    for (ULONG turn = 0; turn < 3; turn++) {
        while (count < MEMORY / 3 && MmQueryFreePages() > left)
            if (PVOID const stack = MmCreateKernelStack(FALSE)) stacks[count++] = stack;
        Sleep(20);
    }
    while (count != 0)
        MmDeleteKernelStack(stacks[--count], FALSE);
}

/// Sees to it that a page is on the page file and nowhere else: others come to the standby list after it.
void PushOut(const ULONG* page) {
    constexpr ULONG pages = 64;
    for (ULONG turn = 0; turn < 4 && KindOf(page) != MI_PTE_KIND::PageFile; turn++) {
        (void)MmEmptySystemWorkingSet();
        ULONG* const others = Take(pages);
        Fill(others, pages, 99);
        (void)MmEmptySystemWorkingSet();
        MakeMemoryShort();
        Give(others);
    }
    GUEST_TRUE(KindOf(page) == MI_PTE_KIND::PageFile);
}

} // namespace

// POL-02, PFN-12, PFN-14..PFN-16
GUEST_TEST(MorePagedPoolThanMemoryLosesNoByte) {
    const PFN_NUMBER space = MmTotalFreePageFileSpace;
    const LONG read = MmInfoCounters.PageReadCount;
    ULONG* const base = Take(LARGE);
    if (!GUEST_TRUE(base != nullptr)) return;
    GUEST_EQUAL(0, CountValid(base, LARGE)); // promised, not there
    Fill(base, LARGE, 1);
    GUEST_TRUE(MmSystemCacheWs.WorkingSetSize < MEMORY);
    GUEST_TRUE(CountValid(base, LARGE) < MEMORY);
    GUEST_EQUAL(0, CountWrong(base, LARGE, 1));
    GUEST_TRUE(MmInfoCounters.PageReadCount - read >= LONG(LARGE - MEMORY));
    CheckAll();
    Give(base);
    LetWritersEnd();
    GUEST_EQUAL(space, MmTotalFreePageFileSpace); // no place is lost
    CheckAll();
}

// POL-02: the promise ends before memory and page files do
GUEST_TEST(PagedPoolIsPromised) {
    static ULONG* blocks[64];
    constexpr ULONG pages = 256;
    ULONG count = 0;
    while (count < 64 && (blocks[count] = Take(pages)) != nullptr)
        count++;
    GUEST_TRUE(count < 48); // the range has room for 48 MB
    GUEST_TRUE(count > MmTotalPageFileSpace / pages);
    for (ULONG i = 0; i < count; i++)
        Give(blocks[i]);
    CheckAll();
}

// POL-02, PFN-04..PFN-08: what is freed is given back from wherever it is
GUEST_TEST(PoolIsFreedWhereverItIs) {
    constexpr ULONG pages = 64;
    const PFN_NUMBER space = MmTotalFreePageFileSpace;
    ULONG* const modified = Take(pages);
    Fill(modified, pages, 2);
    (void)MmEmptySystemWorkingSet();
    GUEST_EQUAL(0, CountValid(modified, pages));
    GUEST_TRUE(KindOf(modified) == MI_PTE_KIND::Transition);
    Give(modified); // on the modified list, or in a write
    CheckAll();
    ULONG* const out = Take(pages);
    Fill(out, pages, 3);
    PushOut(out);
    GUEST_EQUAL(Pattern(3, WORDS), out[WORDS]); // a read that brings its neighbours
    Give(out);                                  // on the page file, on the standby list, one valid
    LetWritersEnd();
    GUEST_EQUAL(space, MmTotalFreePageFileSpace);
    CheckAll();
}

namespace {

/// What several threads do to paged pool, each with its own blocks, while one empties the working set.
/// shared: interlocked
struct MANY {
    volatile LONG Wrong;
    volatile LONG Working;
};

void Churn(ULONG index, MANY& many) {
    constexpr ULONG blocks = 20, rounds = 6;
    ULONG* held[blocks] = {};
    ULONG pagesOf[blocks] = {};
    for (ULONG turn = 0; turn < blocks * rounds; turn++) {
        const ULONG slot = turn * 7 % blocks;
        if (held[slot]) {
            InterlockedExchangeAdd(&many.Wrong, LONG(CountWrong(held[slot], pagesOf[slot], index * blocks + slot)));
            Give(held[slot]);
        }
        pagesOf[slot] = 1 + turn % 9;
        held[slot] = Take(pagesOf[slot]);
        if (held[slot]) Fill(held[slot], pagesOf[slot], index * blocks + slot);
    }
    for (ULONG slot = 0; slot < blocks; slot++) {
        if (!held[slot]) continue;
        InterlockedExchangeAdd(&many.Wrong, LONG(CountWrong(held[slot], pagesOf[slot], index * blocks + slot)));
        Give(held[slot]);
    }
}

void ChurnOrEmpty(ULONG index, PVOID context) {
    auto& many = *static_cast<MANY*>(context);
    if (index != 0) {
        Churn(index, many);
        InterlockedDecrement(&many.Working);
        return;
    }
    while (many.Working > 0) {
        (void)MmEmptySystemWorkingSet();
        KeStallExecutionProcessor(200);
        (void)KeYieldExecution();
    }
}

} // namespace

// POL-02, PFN-12
GUEST_TEST(PoolIsUsedAndFreedWhileItIsTrimmed) {
    ULONG threads = ULONG(KeNumberProcessors);
    if (threads < 2) threads = 2;
    MANY many = {0, LONG(threads - 1)};
    GUEST_EQUAL(threads, GuestTogether(ChurnOrEmpty, &many));
    GUEST_EQUAL(0, many.Wrong);
    CheckAll();
}

// PFN-04: a page that an MDL holds does not leave; it goes when the lock does
GUEST_TEST(LockedPagesOfPoolStay) {
    ULONG* const block = Take(4);
    Fill(block, 4, 5);
    PushOut(block);
    PMDL const mdl = IoAllocateMdl(block, 4 * PAGE_SIZE, FALSE, FALSE, nullptr);
    MmProbeAndLockPages(mdl, KernelMode, IoWriteAccess);
    const PFN_NUMBER frame = MmGetMdlPfnArray(mdl)[0];
    (void)MmEmptySystemWorkingSet();
    MakeMemoryShort();
    GUEST_TRUE(KindOf(block) == MI_PTE_KIND::Transition);
    GUEST_EQUAL(frame, MiGetPteAddress(block)->Trans.PageFrameNumber);
    auto* const other = static_cast<ULONG*>(MmGetSystemAddressForMdlSafe(mdl, MM_PAGE_PRIORITY::NormalPagePriority));
    GUEST_EQUAL(Pattern(5, 0), other[0]);
    other[0] = 77;
    MmUnlockPages(mdl);
    IoFreeMdl(mdl);
    PushOut(block);
    GUEST_EQUAL(77, block[0]);
    Give(block);
    CheckAll();
}

// POL-02, TRP-02: at DISPATCH_LEVEL nothing can be brought in
GUEST_TEST_BUGCHECK(PagedOutMemoryAtDispatchLevelStops, IRQL_NOT_LESS_OR_EQUAL) {
    auto* const volatile block = static_cast<volatile ULONG*>(Take(1));
    *block = 1;
    (void)MmEmptySystemWorkingSet();
    const nt::DispatchLevelGuard irql;
    (void)*block;
}

GUEST_TEST_BUGCHECK(PagedOutMemoryWithInterruptsOffStops, IRQL_NOT_LESS_OR_EQUAL) {
    auto* const volatile block = static_cast<volatile ULONG*>(Take(1));
    *block = 1;
    (void)MmEmptySystemWorkingSet();
    __asm__ volatile("cli");
    (void)*block;
}

GUEST_TEST_BUGCHECK(FreedPagedPoolFaults, PAGE_FAULT_IN_NONPAGED_AREA) {
    auto* const volatile block = static_cast<volatile ULONG*>(Take(2));
    *block = 1;
    Give(const_cast<ULONG*>(block));
    (void)*block;
}

// ERR-10: the system's own memory that cannot be read
GUEST_TEST_BUGCHECK(PoolThatCannotBeReadStops, KERNEL_DATA_INPAGE_ERROR) {
    auto& disk = *CONTAINING_RECORD(MmQueryPagingFile(0), MM_TEST_BACKING, Backing);
    ULONG* const block = Take(1);
    Fill(block, 1, 6);
    PushOut(block);
    disk.FailingStatus = STATUS_DEVICE_DATA_ERROR;
    disk.FailingPage = MiGetPteAddress(block)->Soft.PageFileHigh;
    (void)*const_cast<volatile ULONG*>(block);
}
