// The page that the kernel shares with user mode: the same bytes at all its addresses, read-only for a process, and given back.
#include "attached.h"
#include "ex/features.h"
#include "ke/shareddata.h"
#include "hal.h"
#include "mm/i386/pte.h"
#include "mm/layout.h"
#include "rtl/exception.h"

#include "guest_main.h"

namespace {

/// A read of it is a use of the page, each time.
const volatile KUSER_SHARED_DATA* UserView() {
    return reinterpret_cast<const volatile KUSER_SHARED_DATA*>(MM_SHARED_USER_DATA);
}

/// A write as user mode's would be.
NTSTATUS TryToWrite(ULONG_PTR address) {
    __try {
        const ULONG value = 1;
        CopyToUser(reinterpret_cast<PVOID>(address), &value, sizeof(value));
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

LONGLONG Read(const volatile KSYSTEM_TIME& time) {
    return LONGLONG(ULONGLONG(ULONG(time.High1Time)) << 32 | time.LowPart);
}

} // namespace

// HAL-07, MEM-02
GUEST_TEST(TimesAreTheKernelsOwn) {
    while (SharedUserData->TickCount.LowPart == 0) {} // a machine alone is ready before its clock ticks
    const KIRQL old = KfRaiseIrql(HIGH_LEVEL);        // of this processor; the clock is the first one's
    for (ULONG tries = 0; tries < 3; tries++) {
        LARGE_INTEGER system, ticks;
        const ULONGLONG before = KeQueryInterruptTime();
        KeQuerySystemTime(&system);
        KeQueryTickCount(&ticks);
        const LONGLONG seen[] = {Read(SharedUserData->InterruptTime), Read(SharedUserData->SystemTime),
                                 Read(SharedUserData->TickCount), LONGLONG(SharedUserData->TickCountLowDeprecated)};
        if (KeQueryInterruptTime() != before) continue; // the clock ticked in between
        KfLowerIrql(old);
        GUEST_EQUAL(LONGLONG(before), seen[0]);
        GUEST_EQUAL(system.QuadPart, seen[1]);
        GUEST_EQUAL(ticks.QuadPart, seen[2]);
        GUEST_EQUAL(LONGLONG(ULONG(ticks.QuadPart)), seen[3]);
        GUEST_TRUE(ticks.QuadPart != 0 && system.QuadPart != 0);
        return;
    }
    KfLowerIrql(old);
    GUEST_TRUE(!"the clock ticked each time");
}

// HAL-07
GUEST_TEST(TimeGoesOnInTheProcessToo) {
    ATTACHED_PROCESS process;
    const ULONG start = UserView()->TickCount.LowPart;
    const LONGLONG interrupt = Read(UserView()->InterruptTime);
    KeStallExecutionProcessor(35'000); // microseconds; a tick is 10 ms
    GUEST_TRUE(UserView()->TickCount.LowPart - start >= 2);
    GUEST_TRUE(Read(UserView()->InterruptTime) - interrupt >= 2 * LONGLONG(KeQueryTimeIncrement()));
}

// HAL-07, MEM-02
GUEST_TEST(WhatThePageSaysIsTrue) {
    GUEST_EQUAL(5, SharedUserData->NtMajorVersion);
    GUEST_EQUAL(2, SharedUserData->NtMinorVersion);
    GUEST_EQUAL(0x14C, SharedUserData->ImageNumberLow);
    GUEST_EQUAL(MmNumberOfPhysicalPages, SharedUserData->NumberOfPhysicalPages);
    GUEST_TRUE(SharedUserData->ProcessorFeatures[PF_RDTSC_INSTRUCTION_AVAILABLE]);
    // Ticks times the multiplier, without the lower 24 bits, are milliseconds.
    const ULONGLONG second = 10'000'000ULL / KeQueryTimeIncrement() * SharedUserData->TickCountMultiplier >> 24;
    GUEST_TRUE(second >= 999 && second <= 1000);
    const auto* const bytes = reinterpret_cast<const UCHAR*>(SharedUserData);
    ULONG other = 0; // user mode reads all of the page: nothing else lies in it
    for (ULONG i = sizeof(KUSER_SHARED_DATA); i < PAGE_SIZE; i++)
        other += bytes[i] != 0;
    GUEST_EQUAL(0, other);
}

// MEM-01, MEM-02: one frame at all addresses
GUEST_TEST(OnePageAtAllItsAddresses) {
    ATTACHED_PROCESS process;
    const ULONG version = UserView()->NtMajorVersion; // brings the page
    GUEST_EQUAL(5, version);
    const LONGLONG user = MmGetPhysicalAddress(reinterpret_cast<PVOID>(MM_SHARED_USER_DATA)).QuadPart;
    GUEST_EQUAL(user, MmGetPhysicalAddress(SharedUserData).QuadPart);
    GUEST_TRUE(user != 0);
    SharedUserData->Cookie = 0x600DCAFE;
    GUEST_EQUAL(0x600DCAFE, UserView()->Cookie);
    SharedUserData->Cookie = 0;
}

// MEM-02, MEM-03, TRP-06
GUEST_TEST(ProcessReadsItAndCannotWriteIt) {
    ATTACHED_PROCESS process;
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, TryToWrite(MM_SHARED_USER_DATA)); // before its first use
    GUEST_EQUAL(5, UserView()->NtMajorVersion);
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, TryToWrite(MM_SHARED_USER_DATA)); // while it is valid
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, TryToWrite(MM_SHARED_USER_DATA + PAGE_SIZE));
    const MMPTE pte = *MiGetPteAddress(UserView());
    GUEST_TRUE(pte.Hard.Valid && pte.Hard.Owner && !pte.Hard.Write);
    PVOID base = reinterpret_cast<PVOID>(MM_SHARED_USER_DATA);
    SIZE_T size = PAGE_SIZE;
    ULONG old;
    GUEST_TRUE(!NT_SUCCESS(ZwProtectVirtualMemory(NtCurrentProcess(), &base, &size, PAGE_READWRITE, &old)));
    GUEST_TRUE(!NT_SUCCESS(ZwFreeVirtualMemory(NtCurrentProcess(), &base, &size, MEM_DECOMMIT)));
}

// PFN-11, PFN-13: it is a page of the working set like any other, and leaves nothing behind
GUEST_TEST(PageIsCountedTrimmedAndGivenBack) {
    {
        ATTACHED_PROCESS warm; // pools have grown to what a process needs
        (void)UserView()->NtMajorVersion;
    }
    const ULONG before = MmQueryFreePages();
    {
        ATTACHED_PROCESS process;
        const ULONG size = process.WorkingSetSize(), tables = process.Get()->AddressSpace.UsedPageTableEntries[511];
        GUEST_EQUAL(5, UserView()->NtMajorVersion);
        KeMemoryBarrier(); // the fault has changed the counts
        GUEST_EQUAL(size + 1, process.WorkingSetSize());
        GUEST_EQUAL(tables + 1, process.Get()->AddressSpace.UsedPageTableEntries[511]);
        GUEST_EQUAL(0, process.Get()->AddressSpace.CommitCharge); // it is the system's
        ATTACHED_PROCESS::CheckAll();
        MmEmptyWorkingSet();
        GUEST_EQUAL(size, process.WorkingSetSize());
        GUEST_TRUE(!MmIsAddressValid(UserView()));
        GUEST_EQUAL(5, UserView()->NtMajorVersion);
        ATTACHED_PROCESS::CheckAll();
    }
    GUEST_EQUAL(before, MmQueryFreePages());
}
