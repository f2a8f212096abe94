// Page faults of one thread: fresh pages, soft faults, guard pages and stacks, what may not be done; and nothing is lost when
// the process is gone. What a fault is in which case, the host tests say (mm/fault/decide_test.cpp).
// machine: memory=16
#include "etw.h"
#include "i386/cpu.h"
#include "mm/faults.h"
#include "rtl/exception.h"
#include "rtl/useraccess.h"

#include "attached.h"
#include "mm/layout.h"
#include "guest_main.h"

namespace {

constexpr ULONG PTE_PER_PAGE = 1024;
constexpr ULONG WORDS = PAGE_SIZE / sizeof(ULONG);

/// What a use of user memory ended with.
struct OUTCOME {
    NTSTATUS Status;
    ULONG_PTR Write, Address;
};

OUTCOME Seen; ///< what the filter saw

int Note(const EXCEPTION_POINTERS* pointers) {
    const EXCEPTION_RECORD& record = *pointers->ExceptionRecord;
    Seen = {record.ExceptionCode, record.ExceptionInformation[0], record.ExceptionInformation[1]};
    return EXCEPTION_EXECUTE_HANDLER;
}

void TryToRead(const volatile ULONG* at) {
    __try {
        (void)ReadULongFromUser(at);
    } __except (Note(GetExceptionInformation())) {}
}

void TryToWrite(volatile ULONG* at, ULONG value) {
    __try {
        WriteULongToUser(at, value);
    } __except (Note(GetExceptionInformation())) {}
}

/// An access that no routine has checked before. (In a function of its own: the compiler catches what calls raise.)
__attribute__((noinline)) void AccessUnchecked(volatile ULONG* at, bool write) {
    if (write)
        *at = 1;
    else
        (void)*at;
}

OUTCOME Access(volatile ULONG* at, bool write) {
    Seen = {STATUS_SUCCESS, 0, 0};
    __try {
        AccessUnchecked(at, write);
    } __except (Note(GetExceptionInformation())) {}
    return Seen;
}

OUTCOME Read(const volatile ULONG* at) {
    Seen = {STATUS_SUCCESS, 0, 0};
    TryToRead(at);
    return Seen;
}

OUTCOME Write(volatile ULONG* at, ULONG value) {
    Seen = {STATUS_SUCCESS, 0, 0};
    TryToWrite(at, value);
    return Seen;
}

bool IsViolation(const OUTCOME& outcome, bool write, const volatile void* at) {
    return outcome.Status == STATUS_ACCESS_VIOLATION && outcome.Write == ULONG_PTR(write) &&
           outcome.Address == reinterpret_cast<ULONG_PTR>(at);
}

/// How many words of the pages are not 0.
ULONG CountNonZero(UCHAR* base, ULONG pages) {
    ULONG found = 0;
    for (ULONG i = 0; i < pages * WORDS; i++)
        found += *Word(base, 0, i) != 0;
    return found;
}

void Fill(UCHAR* base, ULONG pages, ULONG seed) {
    for (ULONG i = 0; i < pages * WORDS; i++)
        *Word(base, 0, i) = seed + i;
}

ULONG CountWrong(UCHAR* base, ULONG pages, ULONG seed) {
    ULONG found = 0;
    for (ULONG i = 0; i < pages * WORDS; i++)
        found += *Word(base, 0, i) != seed + i;
    return found;
}

} // namespace

// MEM-05, MEM-07, PFN-03, PFN-18
GUEST_TEST(FirstUseOfAPageGivesZeros) {
    constexpr ULONG pages = 300;
    ATTACHED_PROCESS process;
    const LONG before = MmInfoCounters.DemandZeroCount;
    UCHAR* const base = Allocate(pages);
    GUEST_EQUAL(before, MmInfoCounters.DemandZeroCount);
    GUEST_EQUAL(0, CountNonZero(base, pages));
    GUEST_EQUAL(before + LONG(pages), MmInfoCounters.DemandZeroCount);
    GUEST_EQUAL(pages, process.WorkingSetSize());
    Fill(base, pages, 7);
    GUEST_EQUAL(0, CountWrong(base, pages, 7));
    ATTACHED_PROCESS::CheckAll();
    Free(base);
    GUEST_EQUAL(0, process.WorkingSetSize());
}

// PFN-18, PFN-08
GUEST_TEST(WhatAnotherUseLeftInAPageNeverShows) {
    constexpr ULONG pages = 500;
    ATTACHED_PROCESS process;
    UCHAR* const base = Allocate(pages);
    // Pages are taken from one end of the lists and come back at the other: after twice all of them each has had another use.
    for (ULONG left = 2 * MmQueryFreePages(); left > pages; left -= pages) {
        GUEST_EQUAL(0, CountNonZero(base, pages));
        memset(base, 0xCC, pages * PAGE_SIZE);
        PVOID at = base;
        SIZE_T size = pages * PAGE_SIZE;
        GUEST_EQUAL(STATUS_SUCCESS, ZwFreeVirtualMemory(NtCurrentProcess(), &at, &size, MEM_DECOMMIT));
        GUEST_EQUAL(STATUS_SUCCESS,
                    ZwAllocateVirtualMemory(NtCurrentProcess(), &at, 0, &size, MEM_COMMIT, PAGE_READWRITE));
    }
}

// PFN-05, PFN-06, ERR-10
GUEST_TEST(PageThatWasTrimmedComesBackWithItsBytes) {
    constexpr ULONG pages = 200;
    ATTACHED_PROCESS process;
    UCHAR* const base = Allocate(pages);
    Fill(base, pages, 99);
    for (ULONG round = 0; round < 3; round++) {
        MmEmptyWorkingSet();
        GUEST_EQUAL(0, process.WorkingSetSize());
        ATTACHED_PROCESS::CheckAll();
        const LONG soft = MmInfoCounters.TransitionCount, zero = MmInfoCounters.DemandZeroCount;
        GUEST_EQUAL(0, CountWrong(base, pages, 99 + round));
        GUEST_EQUAL(soft + LONG(pages), MmInfoCounters.TransitionCount);
        GUEST_EQUAL(zero, MmInfoCounters.DemandZeroCount);
        GUEST_EQUAL(pages, process.WorkingSetSize());
        Fill(base, pages, 100 + round);
    }
    MmEmptyWorkingSet();
    Free(base); // of pages that are on the modified list
    ATTACHED_PROCESS::CheckAll();
}

// POL-06
GUEST_TEST(GuardPageTellsOnce) {
    ATTACHED_PROCESS process;
    UCHAR* const base = Allocate(2, PAGE_READWRITE | PAGE_GUARD);
    const OUTCOME first = Write(Word(base, 1), 5);
    GUEST_EQUAL(STATUS_GUARD_PAGE_VIOLATION, first.Status);
    GUEST_EQUAL(1, first.Write);
    GUEST_EQUAL(reinterpret_cast<ULONG_PTR>(Word(base, 1)), first.Address);
    GUEST_EQUAL(STATUS_SUCCESS, Write(Word(base, 1), 6).Status);
    GUEST_EQUAL(6, *Word(base, 1));
    GUEST_EQUAL(STATUS_GUARD_PAGE_VIOLATION, Read(Word(base, 0)).Status); // the other page has its own
    GUEST_EQUAL(STATUS_SUCCESS, Read(Word(base, 0)).Status);
    Protect(base, 2, PAGE_READWRITE | PAGE_GUARD); // of pages that are there
    GUEST_EQUAL(STATUS_GUARD_PAGE_VIOLATION, Read(Word(base, 1)).Status);
    GUEST_EQUAL(STATUS_SUCCESS, Read(Word(base, 1)).Status);
    GUEST_EQUAL(6, *Word(base, 1));
}

// POL-06
GUEST_TEST(StackGrowsToItsLastPageButOne) {
    constexpr ULONG pages = 16;
    ATTACHED_PROCESS process;
    PVOID top = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, MmCreateUserStack(pages * PAGE_SIZE, 2 * PAGE_SIZE, &top));
    UCHAR* const base = static_cast<UCHAR*>(top) - pages * PAGE_SIZE;
    const LONG charge = process.Get()->AddressSpace.CommitCharge;
    GUEST_EQUAL(3, charge);
    GUEST_TRUE(IsViolation(Write(Word(base, 5), 1), true, Word(base, 5))); // beyond the guard page
    for (ULONG page = pages - 1; page >= 2; page--) // page 2 is the guard page's last place but one
        GUEST_EQUAL(STATUS_SUCCESS, Write(Word(base, page), page).Status);
    GUEST_EQUAL(pages - 1, process.Get()->AddressSpace.CommitCharge);
    GUEST_EQUAL(STATUS_STACK_OVERFLOW, Write(Word(base, 1), 1).Status);
    GUEST_EQUAL(STATUS_SUCCESS, Write(Word(base, 1), 1).Status); // for the exception's handler
    GUEST_TRUE(IsViolation(Write(Word(base, 0), 1), true, Word(base, 0)));
    for (ULONG page = 1; page < pages; page++)
        GUEST_EQUAL(page, *Word(base, page));
    Free(base);
    GUEST_EQUAL(0, process.Get()->AddressSpace.CommitCharge);
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, MmCreateUserStack(3 * PAGE_SIZE, 2 * PAGE_SIZE, &top));
}

// MEM-03: 64 KB below the system's half
GUEST_TEST(NoAccessZoneIsOutOfReach) {
    ATTACHED_PROCESS process;
    for (ULONG_PTR address = MM_HIGHEST_USER_ADDRESS + 1; address < MM_SYSTEM_RANGE_START; address += PAGE_SIZE) {
        auto* const word = reinterpret_cast<ULONG*>(address);
        GUEST_TRUE(IsViolation(Access(word, false), false, word));
        GUEST_TRUE(IsViolation(Access(word, true), true, word));
        GUEST_EQUAL(STATUS_ACCESS_VIOLATION, Read(word).Status); // the probe refuses it, before any access
    }
}

// TRP-02, POL-06
GUEST_TEST(WhatIsNotAllowedIsAnAccessViolation) {
    ATTACHED_PROCESS process;
    UCHAR* const base = Allocate(4);
    *Word(base, 0) = 1;
    *Word(base, 1) = 2;
    Protect(base, 2, PAGE_READONLY);
    GUEST_TRUE(IsViolation(Write(Word(base, 0, 3), 9), true, Word(base, 0, 3)));
    GUEST_EQUAL(1, *Word(base, 0));
    MmEmptyWorkingSet(); // pages keep their protection while they are away
    GUEST_TRUE(IsViolation(Write(Word(base, 0, 3), 9), true, Word(base, 0, 3)));
    GUEST_EQUAL(1, *Word(base, 0));
    GUEST_TRUE(IsViolation(Write(Word(base, 0, 3), 9), true, Word(base, 0, 3)));
    Protect(base, 1, PAGE_NOACCESS);
    GUEST_TRUE(IsViolation(Read(Word(base, 0)), false, Word(base, 0)));
    Protect(base, 1, PAGE_READWRITE);
    GUEST_EQUAL(1, *Word(base, 0)); // it was out of reach, not gone
    *Word(base, 0) = 3;
    GUEST_TRUE(IsViolation(Write(Word(base, 1), 9), true, Word(base, 1)));
    PVOID third = base + 2 * PAGE_SIZE;
    SIZE_T size = PAGE_SIZE;
    GUEST_EQUAL(STATUS_SUCCESS, ZwFreeVirtualMemory(NtCurrentProcess(), &third, &size, MEM_DECOMMIT));
    GUEST_TRUE(IsViolation(Read(Word(base, 2)), false, Word(base, 2)));
    GUEST_EQUAL(STATUS_SUCCESS, Read(Word(base, 3)).Status);
    UCHAR* const readOnly = Allocate(1, PAGE_READONLY);
    GUEST_TRUE(IsViolation(Write(Word(readOnly, 0), 1), true, readOnly));
    GUEST_EQUAL(STATUS_SUCCESS, Read(Word(readOnly, 0)).Status);
    GUEST_TRUE(IsViolation(Write(Word(readOnly, 0), 1), true, readOnly)); // it is there now
    Free(base);
    GUEST_TRUE(IsViolation(Read(Word(base, 0)), false, base));
    GUEST_TRUE(IsViolation(Read(nullptr), false, nullptr));
}

// MEM-04, MEM-07
GUEST_TEST(PageTablesComeWithTheFirstPageAndGoWithTheLast) {
    ATTACHED_PROCESS process;
    constexpr ULONG pages = PTE_PER_PAGE + 100;
    UCHAR* const base = Allocate(pages);
    const ULONG before = MmQueryFreePages();
    GUEST_EQUAL(0, *Word(base, 0));
    GUEST_EQUAL(before - 2, MmQueryFreePages()); // the page, and the page table
    GUEST_EQUAL(0, *Word(base, pages - 1));
    GUEST_EQUAL(before - 4, MmQueryFreePages());
    PVOID last = Word(base, pages - 1);
    SIZE_T size = PAGE_SIZE;
    GUEST_EQUAL(STATUS_SUCCESS, ZwFreeVirtualMemory(NtCurrentProcess(), &last, &size, MEM_DECOMMIT));
    GUEST_EQUAL(before - 3, MmQueryFreePages()); // an entry says now that it is decommitted, so the page table stays
    Free(base);
    GUEST_EQUAL(before, MmQueryFreePages());
}

// MEM-07, KPR-03
GUEST_TEST(DeletedProcessLeavesNothingBehind) {
    { ATTACHED_PROCESS process; } // the pool may take a page for it
    const ULONG before = MmQueryFreePages();
    for (ULONG round = 0; round < 4; round++) {
        ATTACHED_PROCESS process;
        for (ULONG i = 1; i <= 8; i++) {
            UCHAR* const base = Allocate(i * 20, i % 2 ? PAGE_READWRITE : PAGE_EXECUTE_READWRITE);
            Fill(base, i * 20, i);
            if (i == 5) MmEmptyWorkingSet();
            if (i == 6) Free(base);
        }
        PVOID top = nullptr;
        GUEST_EQUAL(STATUS_SUCCESS, MmCreateUserStack(0, 0, &top));
        *(static_cast<ULONG*>(top) - 1) = 1;
    }
    GUEST_EQUAL(before, MmQueryFreePages());
}

// MEM-05, KPR-06
GUEST_TEST(EachProcessHasPagesOfItsOwn) {
    ATTACHED_PROCESS one;
    UCHAR* const mine = Allocate(3);
    *Word(mine, 1) = 0x1111;
    {
        ATTACHED_PROCESS other; // attached on top of the first one
        UCHAR* const theirs = Allocate(3);
        GUEST_EQUAL(mine, theirs);
        GUEST_EQUAL(0, *Word(theirs, 1));
        *Word(theirs, 1) = 0x2222;
        *Word(theirs, 2) = 0x3333;
    }
    GUEST_EQUAL(0x1111, *Word(mine, 1));
    GUEST_EQUAL(0, *Word(mine, 2));
}

namespace {

/// Page faults on an address that this processor's ring has on record, since record `since`. @param last receives the newest.
ULONG CountRecords(ULONG since, const volatile void* address, ETW_RECORD* last) {
    const ETW_RING& ring = EtwRing[KeGetCurrentProcessorNumber()];
    ULONG found = 0;
    for (ULONG i = since; i != ring.Next; i++) {
        const ETW_RECORD& record = ring.Records[i % ring.Size];
        if (record.Event != ETW_EVENT::PageFault || record.Argument[0] != reinterpret_cast<ULONG_PTR>(address))
            continue;
        *last = record;
        found++;
    }
    return found;
}

} // namespace

// EXE-03, MEM-05
GUEST_TEST(EachFaultIsOnRecordWithItsKind) {
    constexpr ULONG demandZero = 1, transition = 2, write = 0x100;
    (void)KeSetAffinityThread(KeGetCurrentThread(), 1);
    ATTACHED_PROCESS process;
    ULONG* const word = Word(Allocate(1), 0);
    ULONG since = EtwRing[0].Next;
    ETW_RECORD record = {};
    *word = 1;
    GUEST_EQUAL(1, CountRecords(since, word, &record));
    GUEST_EQUAL(demandZero | write, record.Argument[1]);
    GUEST_EQUAL(0, record.Argument[2]);
    GUEST_EQUAL(STATUS_PAGE_FAULT_DEMAND_ZERO, NTSTATUS(record.Argument[3]));
    MmEmptyWorkingSet();
    since = EtwRing[0].Next;
    GUEST_EQUAL(STATUS_SUCCESS, Read(word).Status);
    GUEST_EQUAL(1, CountRecords(since, word, &record));
    GUEST_EQUAL(transition, record.Argument[1]);
    GUEST_TRUE(record.Argument[2] != 0);
    GUEST_EQUAL(STATUS_PAGE_FAULT_TRANSITION, NTSTATUS(record.Argument[3]));
}

// TRP-02, INT-02
GUEST_TEST_BUGCHECK(UserPageWithInterruptsOffIsABugcheck, IRQL_NOT_LESS_OR_EQUAL) {
    ATTACHED_PROCESS process;
    UCHAR* const base = Allocate(1);
    nt::cpu::DisableInterrupts();
    *Word(base, 0) = 1;
}

// TRP-02, INT-02
GUEST_TEST_BUGCHECK(UserPageAtDispatchLevelIsABugcheck, IRQL_NOT_LESS_OR_EQUAL) {
    ATTACHED_PROCESS process;
    UCHAR* const base = Allocate(1);
    const nt::DispatchLevelGuard level;
    *Word(base, 0) = 1;
}
