// Pageable sections of a driver and of the kernel: they leave memory and run again, locked ones stay, a whole driver is pageable.
// machine: memory=16 pagefile=24 option=/DISKLATENCY=0
// machine: memory=16 pagefile=24 option=/DISKLATENCY=0 flavour=checked
#include "ldr.h"
#include "mm/pageable.h"
#include "mm/virtual.h"

#include "guest_main.h"
#include "pageout.h"
#include "together.h"

namespace {

constexpr ULONG PAGES = 4;

__attribute__((section("PAGEDATA"), aligned(PAGE_SIZE))) ULONG PagedWords[PAGES * GUEST_WORDS] = {1};
__attribute__((aligned(PAGE_SIZE))) const volatile ULONG Constants[GUEST_WORDS] = {17};

} // namespace

#pragma code_seg("PAGE")
[[gnu::noinline]] static ULONG Twice(volatile ULONG* number) {
    PAGED_CODE();
    return 2 * *number;
}
#pragma code_seg()

namespace {

ULONG* PageOf(const void* address) {
    return reinterpret_cast<ULONG*>(reinterpret_cast<ULONG_PTR>(address) & ~ULONG_PTR(PAGE_SIZE - 1));
}
ULONG* CodePage() { return PageOf(reinterpret_cast<const void*>(Twice)); }

/// Calls the pageable routine. @returns whether it did what it does.
bool Runs(ULONG number = 21) {
    volatile ULONG given = number;
    return Twice(&given) == 2 * number;
}

bool IsIn(const ULONG* page) { return MmIsAddressValid(page); }

} // namespace

// PFN-12
GUEST_TEST(PageableCodeLeavesMemoryAndRunsAgain) {
    GUEST_TRUE(Runs());
    GuestPushOut(CodePage());
    GUEST_TRUE(!IsIn(CodePage()));
    GUEST_TRUE(Runs(4711));
    GUEST_TRUE(IsIn(CodePage()));
    GuestPushOut(CodePage()); // clean by now: it goes without a write
    GUEST_TRUE(Runs());
    GuestCheckSystemPages();
}

// PFN-12
GUEST_TEST(PageableDataKeepsWhatWasWritten) {
    for (ULONG round = 1; round <= 2; round++) {
        for (ULONG page = 0; page < PAGES; page++)
            PagedWords[page * GUEST_WORDS + page] = round + page;
        for (ULONG page = 0; page < PAGES; page++)
            GuestPushOut(&PagedWords[page * GUEST_WORDS]);
        for (ULONG page = 0; page < PAGES; page++)
            GUEST_EQUAL(round + page, PagedWords[page * GUEST_WORDS + page]);
    }
    GuestCheckSystemPages();
}

// PFN-12, ARC-06: the executive is code like any other, which waits for its own pages; the Zw stub is resident, the service behind it is not
GUEST_TEST(ServicesOfVirtualMemoryRunAfterTheyWereOut) {
    ULONG* const page = PageOf(reinterpret_cast<const void*>(NtFreeVirtualMemory));
    PVOID base = nullptr;
    SIZE_T size = PAGE_SIZE;
    GUEST_EQUAL(STATUS_SUCCESS,
                ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
    GuestPushOut(page);
    size = 0;
    GUEST_EQUAL(STATUS_SUCCESS, ZwFreeVirtualMemory(NtCurrentProcess(), &base, &size, MEM_RELEASE));
    GUEST_TRUE(IsIn(page));
    GuestCheckSystemPages();
}

// PFN-12
GUEST_TEST(LockedCodeDoesNotLeave) {
    GuestPushOut(CodePage());
    PVOID const handle = MmLockPagableCodeSection(Twice); // brings it in
    GUEST_TRUE(IsIn(CodePage()));
    MmLockPagableSectionByHandle(handle);
    GUEST_EQUAL(handle, MmLockPagableDataSection(CodePage()));
    for (ULONG locks = 3; locks != 0; locks--) {
        (void)MmEmptySystemWorkingSet();
        GuestMakeMemoryShort();
        GUEST_TRUE(IsIn(CodePage()));
        GuestCheckSystemPages();
        MmUnlockPagableImageSection(handle);
    }
    (void)MmEmptySystemWorkingSet();
    GUEST_TRUE(!IsIn(CodePage()));
    GUEST_TRUE(Runs());
    GuestCheckSystemPages();
}

// PFN-12: locked data may be used at DISPATCH_LEVEL
GUEST_TEST(LockedDataIsUsedAtDispatchLevel) {
    PVOID const handle = MmLockPagableDataSection(PagedWords);
    (void)MmEmptySystemWorkingSet();
    {
        const nt::DispatchLevelGuard irql;
        for (ULONG page = 0; page < PAGES; page++)
            const_cast<volatile ULONG&>(PagedWords[page * GUEST_WORDS]) = page;
    }
    MmUnlockPagableImageSection(handle);
    GuestCheckSystemPages();
}

// PFN-12
GUEST_TEST(AWholeDriverIsPageableAndIsNotAgain) {
    ULONG* const constants = PageOf(const_cast<const ULONG*>(Constants));
    (void)MmEmptySystemWorkingSet();
    GUEST_TRUE(IsIn(constants));
    const auto* const driver =
        CONTAINING_RECORD(PsLoadedModuleList.Blink, const LDR_DATA_TABLE_ENTRY, InLoadOrderLinks);
    GUEST_EQUAL(driver->DllBase, MmPageEntireDriver(constants));
    GUEST_TRUE(MmPageEntireDriver(PageOf(reinterpret_cast<const void*>(MmIsAddressValid))) ==
               nullptr); // the kernel is none
    GUEST_TRUE(MmPageEntireDriver(&MmSystemCacheWs.PeakWorkingSetSize + 0x400000) == nullptr);
    for (ULONG round = 0; round < 2; round++) {
        GuestPushOut(constants);
        GUEST_EQUAL(17, Constants[0]);
        PVOID const handle = MmLockPagableDataSection(constants);
        MmResetDriverPaging(constants);
        MmUnlockPagableImageSection(handle);
        (void)MmEmptySystemWorkingSet();
        GUEST_TRUE(IsIn(constants));
        GUEST_TRUE(!IsIn(CodePage())); // as its section says
        GUEST_TRUE(MmPageEntireDriver(constants) != nullptr);
    }
    MmResetDriverPaging(constants);
    GuestCheckSystemPages();
}

namespace {

/// What several threads do to the same section.
/// shared: interlocked
struct LOCKERS {
    volatile LONG Wrong;
};

void LockAndUnlock(ULONG index, PVOID context) {
    auto& lockers = *static_cast<LOCKERS*>(context);
    for (ULONG turn = 0; turn < 60; turn++) {
        if (index == 0) (void)MmEmptySystemWorkingSet();
        PVOID const handle = MmLockPagableCodeSection(Twice);
        if (!IsIn(CodePage()) || !Runs(turn)) InterlockedIncrement(&lockers.Wrong);
        MmUnlockPagableImageSection(handle);
    }
}

} // namespace

// PFN-12
GUEST_TEST(ThreadsLockAndTrimTheSameSection) {
    LOCKERS lockers = {0};
    GUEST_TRUE(GuestTogether(LockAndUnlock, &lockers) >= 2);
    GUEST_EQUAL(0, lockers.Wrong);
    (void)MmEmptySystemWorkingSet();
    GUEST_TRUE(!IsIn(CodePage()));
    GuestCheckSystemPages();
}

// PFN-12, TRP-02
GUEST_TEST_BUGCHECK(PageableCodeThatIsOutAtDispatchLevelStops, IRQL_NOT_LESS_OR_EQUAL) {
    volatile ULONG given = 1;
    (void)MmEmptySystemWorkingSet();
    const nt::DispatchLevelGuard irql;
    (void)Twice(&given);
}

GUEST_TEST_BUGCHECK(ASectionWithoutALockIsNotUnlocked, MEMORY_MANAGEMENT) {
    PVOID const handle = MmLockPagableCodeSection(Twice);
    MmUnlockPagableImageSection(handle);
    MmUnlockPagableImageSection(handle);
}

GUEST_TEST_BUGCHECK(WhatIsNoSectionIsNotLocked, MEMORY_MANAGEMENT) {
    ULONG local;
    (void)MmLockPagableDataSection(&local);
}

GUEST_TEST_BUGCHECK(CodeIsNotWritten, ATTEMPTED_WRITE_TO_READONLY_MEMORY) {
    (void)MmEmptySystemWorkingSet();
    *const_cast<volatile ULONG*>(CodePage()) = 0;
}
