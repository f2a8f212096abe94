// The special pool: an overrun and a use after the free stop at the instruction, damage beside a block at its free.
// machine: option=/SPECIALPOOL=Spcl
// machine: flavour=checked option=/SPECIALPOOL=Spcl
#include "ex.h"
#include "mm.h"

#include "guest_main.h"

namespace {

constexpr ULONG SpecialTag = EX_TAG("Spcl");

UCHAR* Take(SIZE_T bytes) { return static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPool, bytes, SpecialTag)); }
void Give(PVOID block) { ExFreePoolWithTag(block, SpecialTag); }

/// A write that the compiler keeps.
void Touch(UCHAR* at) { *const_cast<volatile UCHAR*>(at) = 1; }

} // namespace

// POL-05
GUEST_TEST(ABlockEndsWhereItsPageEnds) {
    constexpr SIZE_T sizes[] = {0, 1, 8, 40, 1000, 4000};
    for (const SIZE_T bytes : sizes) {
        UCHAR* const block = Take(bytes);
        const ULONG_PTR end = reinterpret_cast<ULONG_PTR>(block) + (bytes ? (bytes + 7) & ~SIZE_T(7) : 8);
        GUEST_EQUAL(0, end % PAGE_SIZE);
        GUEST_TRUE(MmIsAddressValid(block) && !MmIsAddressValid(reinterpret_cast<PVOID>(end)));
        BOOLEAN charged;
        GUEST_EQUAL(bytes ? bytes : 1, ExQueryPoolBlockSize(block, &charged));
        memset(block, 0xCC, bytes);
        Give(block);
        GUEST_TRUE(!MmIsAddressValid(block));
    }
    PVOID const aligned = ExAllocatePoolWithTag(NonPagedPoolCacheAligned, 40, SpecialTag); // the end of a page is not
    GUEST_EQUAL(0, reinterpret_cast<ULONG_PTR>(aligned) % 64);
    Give(aligned);
    PVOID const other = ExAllocatePoolWithTag(NonPagedPool, 40, EX_TAG("Test")); // no special one
    GUEST_TRUE(reinterpret_cast<ULONG_PTR>(other) < MmNonPagedPoolEnd);
    ExFreePoolWithTag(other, EX_TAG("Test"));
}

// POL-05: addresses are used again late, frames and addresses are not lost
GUEST_TEST(ManyBlocksLeaveNothing) {
    UCHAR* const first = Take(100);
    Give(first);
    for (ULONG i = 0; i < 200; i++) {
        UCHAR* const block = Take(100);
        GUEST_TRUE(block != first);
        Give(block);
    }
    const ULONG before = MmQueryFreePages();
    for (ULONG i = 0; i < 3000; i++)
        Give(Take(1 + i % 4000));
    GUEST_EQUAL(before, MmQueryFreePages());
    POOL_TRACKER_TABLE row;
    ExQueryPoolTag(SpecialTag, &row);
    GUEST_EQUAL(0, row.NonPagedBytes);
}

// POL-05, TRP-09
GUEST_TEST_BUGCHECK(AnOverrunFaults, PAGE_FAULT_BEYOND_END_OF_ALLOCATION) { Touch(Take(64) + 64); }
GUEST_TEST_BUGCHECK(AUseAfterTheFreeFaults, PAGE_FAULT_IN_FREED_SPECIAL_POOL) {
    UCHAR* const block = Take(64);
    Give(block);
    Touch(block);
}
GUEST_TEST_BUGCHECK(ASecondFreeFaults, PAGE_FAULT_IN_FREED_SPECIAL_POOL) {
    UCHAR* const block = Take(64);
    Give(block);
    Give(block);
}
GUEST_TEST_BUGCHECK(AnUnderrunIsFoundAtTheFree, SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION) {
    UCHAR* const block = Take(64);
    Touch(block - 1);
    Give(block);
}
GUEST_TEST_BUGCHECK(AShortOverrunIsFoundAtTheFree, SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION) {
    UCHAR* const block = Take(61);
    Touch(block + 61);
    Give(block);
}
GUEST_TEST_BUGCHECK(AnotherTagIsABugcheck, BAD_POOL_CALLER) { ExFreePoolWithTag(Take(64), EX_TAG("Else")); }
