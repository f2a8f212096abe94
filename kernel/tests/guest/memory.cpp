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
    const ULONG_PTR directory = MmCreatePageDirectory();
    GUEST_TRUE(directory != 0 && directory % PAGE_SIZE == 0);
    ULONG current;
    __asm__ __volatile__("movl %%cr3, %0" : "=r"(current));
    const auto* mine = reinterpret_cast<const ULONG*>(MM_SYSTEM_RANGE_START + current);
    const auto* theirs = reinterpret_cast<const ULONG*>(MM_SYSTEM_RANGE_START + directory);
    ULONG differ = 0, user = 0;
    for (ULONG i = 512; i < 1024; i++)
        differ += mine[i] != theirs[i];
    for (ULONG i = 0; i < 512; i++)
        user += theirs[i] != 0;
    GUEST_EQUAL(0, differ);
    GUEST_EQUAL(0, user);
    MmFreeContiguousPages(reinterpret_cast<PVOID>(MM_SYSTEM_RANGE_START + directory), 1);
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
