// Pages of the system that leave memory, for guest tests on a machine of 16 MB with a page file: memory made short, pages pushed out.
#pragma once

#include "ex.h"
#include "guest_test.h"
#include "mm.h"
#include "mm/i386/pte.h"
#include "mm/systemset.h"
#include "mm/writecounters.h"

constexpr ULONG GUEST_POOL_TAG = EX_TAG("Test"), GUEST_WORDS = PAGE_SIZE / sizeof(ULONG);
constexpr ULONG GUEST_MEMORY = 16 * 1024 * 1024 / PAGE_SIZE;

inline ULONG* GuestTakePool(ULONG pages) {
    return static_cast<ULONG*>(ExAllocatePoolWithTag(PagedPool, SIZE_T(pages) * PAGE_SIZE, GUEST_POOL_TAG));
}
inline void GuestGivePool(PVOID block) { ExFreePoolWithTag(block, GUEST_POOL_TAG); }

inline ULONG GuestPattern(ULONG seed, ULONG word) { return (seed + word) * 2'654'435'761u; } // the golden ratio

inline void GuestFillPool(ULONG* base, ULONG pages, ULONG seed) {
    for (ULONG word = 0; word < pages * GUEST_WORDS; word++)
        base[word] = GuestPattern(seed, word);
}
inline MI_PTE_KIND GuestKindOf(const ULONG* page) { return MiPteKind(*MiGetPteAddress(page)); }

inline void GuestCheckSystemPages() {
    GUEST_TRUE(MmCheckSystemWorkingSet() == nullptr);
    GUEST_TRUE(MmCheckPageFrames() == nullptr);
    GUEST_TRUE(MmCheckPools() && ExCheckPools());
}

inline void GuestSleep(ULONG milliseconds) {
    LARGE_INTEGER time = {.QuadPart = -LONGLONG(milliseconds) * 10'000};
    (void)KeDelayExecutionThread(KernelMode, FALSE, &time);
}

/// Until no write runs and no page waits for one.
inline void GuestLetWritersEnd() {
    for (LONG before = -1; before != MmWriteCounters.DirtyWriteIoCount;) {
        before = MmWriteCounters.DirtyWriteIoCount;
        GuestSleep(40);
    }
}

/// Uses all pages that can be given out for a moment. So modified pages are written, and what is on the standby list is taken for
/// another use.
inline void GuestMakeMemoryShort() {
    constexpr ULONG left = 16;
    static PVOID stacks[GUEST_MEMORY / 3]; // of three pages each
    ULONG count = 0;
    for (ULONG turn = 0; turn < 3; turn++) {
        while (count < GUEST_MEMORY / 3 && MmQueryFreePages() > left) {
            PVOID const stack = MmCreateKernelStack(FALSE);
            if (!stack) break; // memory is promised
            stacks[count++] = stack;
        }
        GuestSleep(20);
    }
    while (count != 0)
        MmDeleteKernelStack(stacks[--count], FALSE);
}

/// Sees to it that a page is on the page file and nowhere else: others come to the standby list after it.
inline void GuestPushOut(const ULONG* page) {
    constexpr ULONG pages = 64;
    for (ULONG turn = 0; turn < 4 && GuestKindOf(page) != MI_PTE_KIND::PageFile; turn++) {
        (void)MmEmptySystemWorkingSet();
        ULONG* const others = GuestTakePool(pages);
        GuestFillPool(others, pages, 99);
        (void)MmEmptySystemWorkingSet();
        GuestMakeMemoryShort();
        GuestGivePool(others);
    }
    GUEST_TRUE(GuestKindOf(page) == MI_PTE_KIND::PageFile);
}

/// Has the modified pages of the system written, those of pageable images above all: they have their places on the page file from now on.
/// So a test may count free places.
inline void GuestSettleSystemPages() {
    (void)MmEmptySystemWorkingSet();
    GuestMakeMemoryShort();
    GuestLetWritersEnd();
}
