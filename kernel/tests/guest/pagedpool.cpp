// Paged pool leaves memory and comes back: more of it than memory, freed wherever it is, used by several processors.
// machine: memory=16 pagefile=24 option=/DISKLATENCY=0
// machine: memory=16 pagefile=24 option=/DISKLATENCY=0 flavour=checked
#include "ex.h"
#include "hal.h"
#include "mm.h"
#include "mm/faults.h"
#include "mm/i386/pte.h"
#include "mm/mdl.h"
#include "mm/pagefile.h"
#include "mm/systemset.h"
#include "mm/testbacking.h"

#include "guest_main.h"
#include "pageout.h"
#include "together.h"

namespace {

constexpr ULONG LARGE = 20 * 1024 * 1024 / PAGE_SIZE;

ULONG* Take(ULONG pages) { return GuestTakePool(pages); }
void Give(PVOID block) { GuestGivePool(block); }

/// How many words are wrong, from the last to the first.
ULONG CountWrong(const ULONG* base, ULONG pages, ULONG seed) {
    ULONG wrong = 0;
    for (ULONG word = pages * GUEST_WORDS; word-- > 0;)
        wrong += base[word] != GuestPattern(seed, word);
    return wrong;
}

/// How many pages are in memory and in use.
ULONG CountValid(const ULONG* base, ULONG pages) {
    ULONG valid = 0;
    for (ULONG page = 0; page < pages; page++)
        valid += MmIsAddressValid(base + page * GUEST_WORDS);
    return valid;
}

} // namespace

// POL-02, PFN-12, PFN-14..PFN-16
GUEST_TEST(MorePagedPoolThanMemoryLosesNoByte) {
    GuestSettleSystemPages();
    const PFN_NUMBER space = MmTotalFreePageFileSpace;
    const LONG read = MmInfoCounters.PageReadCount;
    ULONG* const base = Take(LARGE);
    if (!GUEST_TRUE(base != nullptr)) return;
    GUEST_EQUAL(0, CountValid(base, LARGE)); // promised, not there
    GuestFillPool(base, LARGE, 1);
    GUEST_TRUE(MmSystemCacheWs.WorkingSetSize < GUEST_MEMORY);
    GUEST_TRUE(CountValid(base, LARGE) < GUEST_MEMORY);
    GUEST_EQUAL(0, CountWrong(base, LARGE, 1));
    GUEST_TRUE(MmInfoCounters.PageReadCount - read >= LONG(LARGE - GUEST_MEMORY));
    GuestCheckSystemPages();
    Give(base);
    GuestLetWritersEnd();
    GUEST_EQUAL(space, MmTotalFreePageFileSpace); // no place is lost
    GuestCheckSystemPages();
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
    GuestCheckSystemPages();
}

// POL-02, PFN-04..PFN-08: what is freed is given back from wherever it is
GUEST_TEST(PoolIsFreedWhereverItIs) {
    constexpr ULONG pages = 64;
    GuestSettleSystemPages();
    const PFN_NUMBER space = MmTotalFreePageFileSpace;
    ULONG* const modified = Take(pages);
    GuestFillPool(modified, pages, 2);
    (void)MmEmptySystemWorkingSet();
    GUEST_EQUAL(0, CountValid(modified, pages));
    GUEST_TRUE(GuestKindOf(modified) == MI_PTE_KIND::Transition);
    Give(modified); // on the modified list, or in a write
    GuestCheckSystemPages();
    ULONG* const out = Take(pages);
    GuestFillPool(out, pages, 3);
    GuestPushOut(out);
    GUEST_EQUAL(GuestPattern(3, GUEST_WORDS), out[GUEST_WORDS]); // a read that brings its neighbours
    Give(out);                                                   // on the page file, on the standby list, one valid
    GuestLetWritersEnd();
    GUEST_EQUAL(space, MmTotalFreePageFileSpace);
    GuestCheckSystemPages();
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
        if (held[slot]) GuestFillPool(held[slot], pagesOf[slot], index * blocks + slot);
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
    GuestCheckSystemPages();
}

// PFN-04: a page that an MDL holds does not leave; it goes when the lock does
GUEST_TEST(LockedPagesOfPoolStay) {
    ULONG* const block = Take(4);
    GuestFillPool(block, 4, 5);
    GuestPushOut(block);
    PMDL const mdl = IoAllocateMdl(block, 4 * PAGE_SIZE, FALSE, FALSE, nullptr);
    MmProbeAndLockPages(mdl, KernelMode, IoWriteAccess);
    const PFN_NUMBER frame = MmGetMdlPfnArray(mdl)[0];
    (void)MmEmptySystemWorkingSet();
    GuestMakeMemoryShort();
    GUEST_TRUE(GuestKindOf(block) == MI_PTE_KIND::Transition);
    GUEST_EQUAL(frame, MiGetPteAddress(block)->Trans.PageFrameNumber);
    auto* const other = static_cast<ULONG*>(MmGetSystemAddressForMdlSafe(mdl, MM_PAGE_PRIORITY::NormalPagePriority));
    GUEST_EQUAL(GuestPattern(5, 0), other[0]);
    other[0] = 77;
    MmUnlockPages(mdl);
    IoFreeMdl(mdl);
    GuestPushOut(block);
    GUEST_EQUAL(77, block[0]);
    Give(block);
    GuestCheckSystemPages();
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
    GuestFillPool(block, 1, 6);
    GuestPushOut(block);
    disk.FailingStatus = STATUS_DEVICE_DATA_ERROR;
    disk.FailingPage = MiGetPteAddress(block)->Soft.PageFileHigh;
    (void)*const_cast<volatile ULONG*>(block);
}
