// What boot's memory support promises: stacks with guard pages, a pool that notices misuse, page directories.
// On the usual machine, and on the smallest one.
// machine: memory=64
// machine: memory=16
#include "ex.h"
#include "mm.h"

#include "guest_main.h"

namespace {

constexpr ULONG TestTag = EX_TAG("Test");

} // namespace

// MEM-02, SYH-02
GUEST_TEST(KernelStackHasAGuardPageBelow) {
    PVOID const stack = MmCreateKernelStack(FALSE);
    GUEST_TRUE(stack != nullptr);
    auto* const top = static_cast<UCHAR*>(stack);
    GUEST_TRUE(MmIsAddressValid(top - 1));
    GUEST_TRUE(MmIsAddressValid(top - KERNEL_STACK_SIZE));
    GUEST_TRUE(!MmIsAddressValid(top - KERNEL_STACK_SIZE - 1));
    const ULONG before = MmQueryFreePages();
    MmDeleteKernelStack(stack, FALSE);
    GUEST_EQUAL(before + KERNEL_STACK_SIZE / PAGE_SIZE, MmQueryFreePages());
    GUEST_TRUE(!MmIsAddressValid(top - 1));
}

// MEM-04, MEM-06
GUEST_TEST(NewPageDirectorySharesTheSystemHalfOnly) {
    constexpr ULONG systemHalf = 512, pageTables = 768, hyperspace = 769, entries = 1024;
    const ULONG before = MmQueryFreePages();
    ULONG_PTR base[2] = {};
    GUEST_TRUE(MmCreateProcessDirectory(base));
    GUEST_TRUE(base[0] != 0 && base[0] % PAGE_SIZE == 0);
    const auto* const theirs = static_cast<const ULONG*>(MmMapIoSpace({.QuadPart = base[0]}, PAGE_SIZE, MmCached));
    const auto* const mine = reinterpret_cast<const ULONG*>(MM_PDE_BASE);
    ULONG differ = 0, user = 0;
    for (ULONG i = systemHalf; i < entries; i++)
        differ += i != pageTables && i != hyperspace && mine[i] != theirs[i];
    for (ULONG i = 0; i < systemHalf; i++)
        user += theirs[i] != 0;
    GUEST_EQUAL(0, differ);
    GUEST_EQUAL(0, user);
    GUEST_EQUAL(base[0], theirs[pageTables] & ~(PAGE_SIZE - 1));
    GUEST_EQUAL(base[1], theirs[hyperspace] & ~(PAGE_SIZE - 1));
    GUEST_TRUE(base[1] != MmGetHyperspaceTable());
    MmDeleteProcessDirectory(base);
    GUEST_EQUAL(before, MmQueryFreePages());
}

// POL-05
GUEST_TEST(PoolBlocksAreApartAlignedAndComeBack) {
    UCHAR* blocks[200];
    for (ULONG i = 0; i < 200; i++) {
        const SIZE_T size = 1 + (i * 37) % 6000;
        blocks[i] = static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPool, size, TestTag));
        GUEST_TRUE(blocks[i] != nullptr);
        GUEST_EQUAL(0, reinterpret_cast<ULONG_PTR>(blocks[i]) % 8);
        memset(blocks[i], int(i), size);
    }
    ULONG damaged = 0;
    for (ULONG i = 0; i < 200; i++) {
        const SIZE_T size = 1 + (i * 37) % 6000;
        for (SIZE_T at = 0; at < size; at++)
            damaged += blocks[i][at] != UCHAR(i);
    }
    GUEST_EQUAL(0, damaged);
    for (UCHAR* block : blocks)
        ExFreePoolWithTag(block, TestTag);
    const ULONG before = MmQueryFreePages();
    void* again = ExAllocatePoolWithTag(NonPagedPool, 100, TestTag);
    ExFreePoolWithTag(again, TestTag);
    GUEST_EQUAL(before, MmQueryFreePages());
}

// POL-05, TRP-09
GUEST_TEST_BUGCHECK(FreeingTwiceIsABugcheck, BAD_POOL_CALLER) {
    void* block = ExAllocatePoolWithTag(NonPagedPool, 40, TestTag);
    ExFreePoolWithTag(block, TestTag);
    ExFreePoolWithTag(block, TestTag);
}

// POL-05, TRP-09
GUEST_TEST_BUGCHECK(FreeingWithAnotherTagIsABugcheck, BAD_POOL_CALLER) {
    ExFreePoolWithTag(ExAllocatePoolWithTag(NonPagedPool, 40, TestTag), EX_TAG("Else"));
}

// MEM-04
GUEST_TEST(PhysicalAddressesAreEightBytesAndMapWhereTheyPoint) {
    constexpr ULONG textBuffer = 0xB8000, cell = 6; // the screen's, in a page's middle
    auto* const mapped =
        static_cast<volatile UCHAR*>(MmMapIoSpace({.QuadPart = textBuffer + cell}, 2 * PAGE_SIZE, MmNonCached));
    GUEST_TRUE(mapped != nullptr);
    GUEST_EQUAL(textBuffer + cell, MmGetPhysicalAddress(const_cast<UCHAR*>(mapped)).QuadPart);
    GUEST_EQUAL(textBuffer + cell + 2 * PAGE_SIZE - 1, // two pages from a page's middle end in a third
                MmGetPhysicalAddress(const_cast<UCHAR*>(mapped) + 2 * PAGE_SIZE - 1).QuadPart);
    auto* const direct = reinterpret_cast<volatile UCHAR*>(MM_SYSTEM_RANGE_START + textBuffer + cell);
    *direct = 'x';
    GUEST_EQUAL('x', *mapped);
    *mapped = 'y';
    GUEST_EQUAL('y', *direct);
    GUEST_EQUAL(0, MmGetPhysicalAddress(nullptr).QuadPart);
}

// MEM-04
GUEST_TEST(IoSpaceBeyondFourGigabytesIsRefused) {
    constexpr LONGLONG end = 1LL << 32;
    const LONGLONG refused[] = {end, end + 0xB8000, -1, LONGLONG(1ull << 63)};
    for (const LONGLONG address : refused)
        GUEST_TRUE(MmMapIoSpace({.QuadPart = address}, 1, MmNonCached) == nullptr);
    GUEST_TRUE(MmMapIoSpace({.QuadPart = end - PAGE_SIZE}, PAGE_SIZE + 1, MmNonCached) == nullptr);
    GUEST_TRUE(MmMapIoSpace({.QuadPart = 0xB8000}, 0, MmNonCached) == nullptr);
    GUEST_TRUE(MmMapIoSpace({.QuadPart = 0xB8000}, ~SIZE_T(0), MmNonCached) == nullptr);
    PVOID const last = MmMapIoSpace({.QuadPart = end - PAGE_SIZE}, PAGE_SIZE, MmNonCached);
    GUEST_TRUE(last != nullptr);
    GUEST_EQUAL(end - PAGE_SIZE, MmGetPhysicalAddress(last).QuadPart);
}

// POL-03, HAL-04
GUEST_TEST(UnmappedIoSpaceIsUsedAgain) {
    constexpr ULONG textBuffer = 0xB8000, cell = 6;
    PVOID first = nullptr;
    for (ULONG i = 0; i < 3; i++) {
        PVOID const mapped = MmMapIoSpace({.QuadPart = textBuffer + cell}, 20 * PAGE_SIZE, MmNonCached);
        GUEST_TRUE(mapped != nullptr);
        if (i == 0) first = mapped;
        GUEST_EQUAL(first, mapped);
        GUEST_TRUE(MmIsAddressValid(static_cast<UCHAR*>(mapped) + 20 * PAGE_SIZE - 1));
        MmUnmapIoSpace(mapped, 20 * PAGE_SIZE);
        GUEST_TRUE(!MmIsAddressValid(mapped) && !MmIsAddressValid(static_cast<UCHAR*>(mapped) + 20 * PAGE_SIZE - 1));
    }
}
