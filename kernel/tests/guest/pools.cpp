// The pools in the machine: blocks and pages of both, what comes back, several processors at once.
// machine: memory=64
// machine: memory=16
#include "ex.h"
#include "mm.h"
#include "mm/layout.h"

#include "guest_main.h"
#include "together.h"

namespace {

constexpr ULONG TestTag = EX_TAG("Test");

/// A random number from the last one.
ULONG NextRandom(ULONG& seed) {
    seed = seed * 1'664'525 + 1'013'904'223; // Knuth's
    return seed >> 8;
}

/// The bytes that the tests' tag has.
LONG BytesOfTag() {
    POOL_TRACKER_TABLE row;
    ExQueryPoolTag(TestTag, &row);
    return row.NonPagedBytes + row.PagedBytes;
}

constexpr ULONG Slots = 64;

/// A random walk: blocks of both pools are filled, and found so when they are freed. @returns the bytes found changed
ULONG Walk(ULONG seed, ULONG steps) {
    struct SLOT {
        UCHAR* Block;
        SIZE_T Size;
        UCHAR Fill;
    } slots[Slots] = {};
    ULONG damaged = 0;
    for (ULONG step = 0; step < steps + Slots; step++) {
        SLOT& slot = slots[step < steps ? NextRandom(seed) % Slots : step - steps];
        if (slot.Block) {
            for (SIZE_T at = 0; at < slot.Size; at++)
                damaged += slot.Block[at] != slot.Fill;
            ExFreePoolWithTag(slot.Block, TestTag);
            slot.Block = nullptr;
        } else if (step < steps) {
            const ULONG drawn = NextRandom(seed);
            slot.Size = drawn % 16 == 0 ? drawn / 16 % 9000 : drawn / 16 % 300;
            slot.Fill = UCHAR(drawn);
            const POOL_TYPE type = drawn & 0x10000 ? PagedPool : NonPagedPool;
            slot.Block = static_cast<UCHAR*>(ExAllocatePoolWithTag(type, slot.Size, TestTag));
            if (slot.Block) memset(slot.Block, slot.Fill, slot.Size);
        }
    }
    return damaged;
}

} // namespace

// POL-01, POL-02
GUEST_TEST(EachPoolHasARangeOfItsOwn) {
    constexpr SIZE_T sizes[] = {40, 3 * PAGE_SIZE};
    for (const SIZE_T size : sizes) {
        PVOID const nonPaged = ExAllocatePoolWithTag(NonPagedPool, size, TestTag);
        PVOID const paged = ExAllocatePoolWithTag(PagedPool, size, TestTag);
        GUEST_TRUE(reinterpret_cast<ULONG_PTR>(nonPaged) - MmNonPagedPoolStart <
                   MmNonPagedPoolEnd - MmNonPagedPoolStart);
        GUEST_TRUE(reinterpret_cast<ULONG_PTR>(paged) - MmPagedPoolStart < MmPagedPoolEnd - MmPagedPoolStart);
        ExFreePoolWithTag(nonPaged, TestTag);
        ExFreePoolWithTag(paged, TestTag);
    }
}

// POL-02
GUEST_TEST(FreedPagedPagesAreNotMapped) {
    const ULONG before = MmQueryFreePages();
    auto* const block = static_cast<UCHAR*>(ExAllocatePoolWithTag(PagedPool, 5 * PAGE_SIZE, TestTag));
    GUEST_TRUE(block != nullptr && !MmIsAddressValid(block) && !MmIsAddressValid(block + 5 * PAGE_SIZE - 1));
    for (ULONG page = 0; page < 5; page++) // each page comes with its first use
        block[page * PAGE_SIZE] = 1;
    GUEST_TRUE(MmIsAddressValid(block) && MmIsAddressValid(block + 5 * PAGE_SIZE - 1));
    GUEST_EQUAL(before - 5, MmQueryFreePages());
    ExFreePoolWithTag(block, TestTag);
    GUEST_TRUE(!MmIsAddressValid(block));
    GUEST_EQUAL(before, MmQueryFreePages());
}

// POL-01: what is asked for is there, or nothing is lost
GUEST_TEST(MoreThanThereIsFailsAndLeavesNothing) {
    constexpr POOL_TYPE types[] = {NonPagedPool, PagedPool};
    for (const POOL_TYPE type : types) {
        GUEST_TRUE(ExAllocatePoolWithTag(type, 0x7FFFFFFF, TestTag) == nullptr);
        GUEST_TRUE(ExAllocatePoolWithTag(type, ~SIZE_T(0), TestTag) == nullptr);
    }
    const LONG before = BytesOfTag();
    struct CHAIN {
        CHAIN* Next;
    }* chain = nullptr;
    ULONG got = 0;
    while (auto* const block = static_cast<CHAIN*>(ExAllocatePoolWithTag(PagedPool, 16 * PAGE_SIZE, TestTag))) {
        block->Next = chain;
        chain = block;
        got++;
    }
    GUEST_TRUE(got > 10);
    while (chain) {
        CHAIN* const next = chain->Next;
        ExFreePoolWithTag(chain, TestTag);
        chain = next;
    }
    GUEST_EQUAL(before, BytesOfTag());
    GUEST_TRUE(ExCheckPools() && MmCheckPools());
}

// POL-01, POL-02, POL-04
GUEST_TEST(ARandomWalkKeepsContentsAndInvariants) {
    const LONG before = BytesOfTag();
    GUEST_EQUAL(0, Walk(1, 4000));
    GUEST_EQUAL(before, BytesOfTag());
    GUEST_TRUE(ExCheckPools());
    GUEST_TRUE(MmCheckPools());
}

// POL-04, POL-05: on all processors at once
GUEST_TEST(WalksOfAllProcessorsDoNotMeet) {
    static volatile LONG damaged; // shared: interlocked
    damaged = 0;
    const LONG before = BytesOfTag();
    (void)GuestTogether([](ULONG index, PVOID) { (void)InterlockedExchangeAdd(&damaged, LONG(Walk(index + 7, 1000))); },
                        nullptr);
    GUEST_EQUAL(0, damaged);
    GUEST_EQUAL(before, BytesOfTag());
    GUEST_TRUE(ExCheckPools() && MmCheckPools());
}

// POL-02, TRP-09
GUEST_TEST_BUGCHECK(FreeingPagesTwiceIsABugcheck, BAD_POOL_CALLER) {
    PVOID const block = ExAllocatePoolWithTag(PagedPool, 2 * PAGE_SIZE, TestTag);
    ExFreePoolWithTag(block, TestTag);
    ExFreePoolWithTag(block, TestTag);
}

// POL-02, POL-05, TRP-09: the page of the block is not there any more
GUEST_TEST_BUGCHECK(FreeingAPagedBlockTwiceIsABugcheck, BAD_POOL_CALLER) {
    PVOID const block = ExAllocatePoolWithTag(PagedPool, 4000, TestTag);
    ExFreePoolWithTag(block, TestTag);
    ExFreePoolWithTag(block, TestTag);
}

// POL-04, TRP-09
GUEST_TEST_BUGCHECK(AnOverrunIsFoundWhenTheBlockIsFreed, BAD_POOL_HEADER) {
    constexpr SIZE_T size = 1000, header = 8;
    UCHAR* blocks[8];
    for (UCHAR*& block : blocks)
        block = static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPool, size, TestTag));
    for (UCHAR* block : blocks) {
        for (const UCHAR* other : blocks) {
            if (other != block + size + header) continue;
            memset(block, 0xCC, size + header); // over the header of its neighbour
            ExFreePoolWithTag(block, TestTag);
        }
    }
}

// POL-05, TRP-09
GUEST_TEST_BUGCHECK(PagedPoolAtDispatchLevelIsABugcheck, BAD_POOL_CALLER) {
    KIRQL const old = KfRaiseIrql(DISPATCH_LEVEL);
    (void)ExAllocatePoolWithTag(PagedPool, 100, TestTag);
    KfLowerIrql(old);
}
