// Heaps: every block is whole, the heap is sound after each step, and misuse is told.
//
// Memory by the page is the host's; critical sections do nothing here, for each test is one thread.
// EXE-01
#include "heap/heapp.h"

#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <vector>

namespace {

/// The host's memory as pages: what is not committed may not be touched.
struct PAGES {
    struct Range {
        SIZE_T Size;
        std::vector<bool> Committed;
    };
    std::map<UCHAR*, Range> Ranges;
    SIZE_T CommitLeft = ~SIZE_T(0);

    Range* Of(PVOID address, UCHAR** base) {
        auto after = Ranges.upper_bound(static_cast<UCHAR*>(address));
        if (after == Ranges.begin()) return nullptr;
        --after;
        *base = after->first;
        return &after->second;
    }
};
PAGES Pages;
const HEAP* ProcessHeap;

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
extern "C" void __asan_poison_memory_region(void const volatile* address, size_t size);
extern "C" void __asan_unpoison_memory_region(void const volatile* address, size_t size);
#endif
#endif

void Mark(PVOID address, SIZE_T bytes, bool committed) {
    UCHAR* base = nullptr;
    PAGES::Range* const range = Pages.Of(address, &base);
    ASSERT_NE(range, nullptr);
    const auto first = SIZE_T(static_cast<UCHAR*>(address) - base) / PAGE_SIZE;
    ASSERT_EQ(bytes % PAGE_SIZE, 0u);
    ASSERT_LE(first + bytes / PAGE_SIZE, range->Committed.size());
    for (SIZE_T page = first; page < first + bytes / PAGE_SIZE; page++)
        range->Committed[page] = committed;
    if (committed)
        __asan_unpoison_memory_region(address, bytes);
    else
        __asan_poison_memory_region(address, bytes);
}

SIZE_T Committed() {
    SIZE_T pages = 0;
    for (const auto& [base, range] : Pages.Ranges)
        for (const bool committed : range.Committed)
            pages += committed;
    return pages * PAGE_SIZE;
}

} // namespace

PVOID RtlpReserve(SIZE_T bytes) {
    PVOID base = nullptr;
    if (posix_memalign(&base, PAGE_SIZE, bytes) != 0) return nullptr;
    Pages.Ranges[static_cast<UCHAR*>(base)] = {bytes, std::vector<bool>(bytes / PAGE_SIZE)};
    __asan_poison_memory_region(base, bytes);
    return base;
}
bool RtlpCommit(PVOID address, SIZE_T bytes) {
    if (bytes > Pages.CommitLeft) return false;
    Mark(address, bytes, true);
    return true;
}
void RtlpDecommit(PVOID address, SIZE_T bytes) { Mark(address, bytes, false); }
void RtlpRelease(PVOID address) {
    const auto found = Pages.Ranges.find(static_cast<UCHAR*>(address));
    ASSERT_NE(found, Pages.Ranges.end());
    __asan_unpoison_memory_region(address, found->second.Size);
    Pages.Ranges.erase(found);
    free(address);
}
bool RtlpIsProcessHeap(const HEAP* heap) { return heap == ProcessHeap; }

extern "C" {
NTSTATUS NTAPI RtlInitializeCriticalSection(PRTL_CRITICAL_SECTION) { return STATUS_SUCCESS; }
NTSTATUS NTAPI RtlEnterCriticalSection(PRTL_CRITICAL_SECTION) { return STATUS_SUCCESS; }
NTSTATUS NTAPI RtlLeaveCriticalSection(PRTL_CRITICAL_SECTION) { return STATUS_SUCCESS; }
NTSTATUS NTAPI RtlDeleteCriticalSection(PRTL_CRITICAL_SECTION) { return STATUS_SUCCESS; }
}

namespace {

class HeapTest : public testing::Test {
protected:
    ~HeapTest() override {
        EXPECT_EQ(RtlDestroyHeap(Heap), nullptr);
        EXPECT_TRUE(Pages.Ranges.empty()) << "memory that was not given back";
        Pages.CommitLeft = ~SIZE_T(0);
    }
    PVOID Allocate(SIZE_T size, ULONG flags = 0) { return RtlAllocateHeap(Heap, flags, size); }
    bool Free(PVOID block) { return RtlFreeHeap(Heap, 0, block); }
    SIZE_T Size(PVOID block) { return RtlSizeHeap(Heap, 0, block); }
    bool IsSound() { return RtlValidateHeap(Heap, 0, nullptr); }

    PVOID Heap = RtlCreateHeap(HEAP_GROWABLE, nullptr, 0, 0, nullptr, nullptr);
};

constexpr SIZE_T NO_BLOCK = ~SIZE_T(0);

TEST_F(HeapTest, BlocksHaveTheirSizeAndPlace) {
    for (const SIZE_T size : {0u, 1u, 7u, 8u, 9u, 100u, 4096u, 100'000u, 511u * 1024, 512u * 1024, 3'000'000u}) {
        const PVOID block = Allocate(size);
        ASSERT_NE(block, nullptr) << size;
        EXPECT_EQ(reinterpret_cast<ULONG_PTR>(block) % HEAP_UNIT, 0u);
        EXPECT_EQ(Size(block), size);
        std::memset(block, 0xAA, size);
        EXPECT_TRUE(IsSound()) << size;
        EXPECT_TRUE(RtlValidateHeap(Heap, 0, block));
        EXPECT_TRUE(Free(block));
        EXPECT_TRUE(IsSound()) << size;
    }
}

TEST_F(HeapTest, NeighboursBecomeOne) {
    const auto* const heap = static_cast<HEAP*>(Heap);
    const SIZE_T before = heap->FreeUnits;
    PVOID blocks[5];
    for (PVOID& block : blocks)
        block = Allocate(1000);
    for (const int i : {1, 3, 2, 0, 4}) { // without a neighbour, both, above, below
        EXPECT_TRUE(Free(blocks[i]));
        EXPECT_TRUE(IsSound()) << i;
    }
    EXPECT_GE(heap->FreeUnits, before);
    EXPECT_EQ(heap->FirstSegment.First->Size, heap->FreeUnits) << "all of the segment is one block again";
}

TEST_F(HeapTest, ZeroMemoryIsZero) {
    const PVOID first = Allocate(5000);
    std::memset(first, 0xFF, 5000);
    EXPECT_TRUE(Free(first));
    const auto* const bytes = static_cast<UCHAR*>(Allocate(5000, HEAP_ZERO_MEMORY));
    for (int i = 0; i < 5000; i++)
        ASSERT_EQ(bytes[i], 0) << i;
    EXPECT_TRUE(Free(const_cast<UCHAR*>(bytes)));
}

TEST_F(HeapTest, ReAllocateKeepsTheBytes) {
    auto* block = static_cast<UCHAR*>(Allocate(10));
    for (UCHAR i = 0; i < 10; i++)
        block[i] = i;
    const PVOID wall = Allocate(10);
    for (const SIZE_T size : {24u, 5000u, 600'000u, 50u, 10u}) {
        block = static_cast<UCHAR*>(RtlReAllocateHeap(Heap, HEAP_ZERO_MEMORY, block, size));
        ASSERT_NE(block, nullptr);
        EXPECT_EQ(Size(block), size);
        for (UCHAR i = 0; i < 10; i++)
            ASSERT_EQ(block[i], i) << size;
        if (size > 10) EXPECT_EQ(block[size - 1], 0);
        EXPECT_TRUE(IsSound()) << size;
    }
    EXPECT_EQ(RtlReAllocateHeap(Heap, HEAP_REALLOC_IN_PLACE_ONLY, block, 1'000'000), nullptr);
    EXPECT_EQ(Size(block), 10u) << "as it was";
    EXPECT_TRUE(Free(block));
    EXPECT_TRUE(Free(wall));
}

TEST_F(HeapTest, ReAllocateGrowsIntoFreeMemory) {
    const PVOID block = Allocate(100);
    const PVOID other = Allocate(1000), wall = Allocate(8);
    EXPECT_TRUE(Free(other));
    EXPECT_EQ(RtlReAllocateHeap(Heap, HEAP_REALLOC_IN_PLACE_ONLY, block, 900), block);
    EXPECT_TRUE(IsSound());
    EXPECT_EQ(RtlReAllocateHeap(Heap, HEAP_REALLOC_IN_PLACE_ONLY, block, 2000), nullptr);
    EXPECT_EQ(RtlReAllocateHeap(Heap, HEAP_REALLOC_IN_PLACE_ONLY, block, 16), block);
    EXPECT_TRUE(IsSound());
    EXPECT_TRUE(Free(block));
    EXPECT_TRUE(Free(wall));
}

TEST_F(HeapTest, MisuseIsTold) {
    auto* const block = static_cast<UCHAR*>(Allocate(64));
    EXPECT_FALSE(Free(block + 8)) << "inside of a block";
    EXPECT_FALSE(Free(block + 1));
    ULONGLONG local[4] = {};
    EXPECT_FALSE(Free(&local[2])) << "not of the heap";
    EXPECT_EQ(Size(block + 8), NO_BLOCK);
    EXPECT_EQ(RtlReAllocateHeap(Heap, 0, block + 8, 10), nullptr);
    EXPECT_FALSE(RtlValidateHeap(Heap, 0, block + 8));
    EXPECT_TRUE(Free(nullptr));
    EXPECT_TRUE(IsSound());
    EXPECT_TRUE(Free(block));
    EXPECT_FALSE(Free(block)) << "a second time";
    EXPECT_TRUE(IsSound());
}

TEST_F(HeapTest, DamagedHeadsAreFound) {
    auto* const block = static_cast<UCHAR*>(Allocate(24));
    auto* const next = static_cast<UCHAR*>(Allocate(24));
    UCHAR saved[8];
    std::memcpy(saved, next - 8, 8);
    for (int i = 0; i < 8; i++) { // written over its end
        next[-8 + i] ^= 0x21;
        EXPECT_FALSE(IsSound()) << i;
        EXPECT_FALSE(Free(next)) << i;
        EXPECT_FALSE(Free(block)) << i;
        std::memcpy(next - 8, saved, 8);
    }
    EXPECT_TRUE(IsSound());
    EXPECT_TRUE(Free(block) && Free(next));
}

TEST_F(HeapTest, GrowsBySegmentsAndShrinks) {
    const SIZE_T empty = Committed();
    std::vector<PVOID> blocks;
    for (int i = 0; i < 100; i++)
        blocks.push_back(Allocate(100'000));
    EXPECT_GT(Pages.Ranges.size(), 3u);
    EXPECT_TRUE(IsSound());
    for (const PVOID block : blocks)
        EXPECT_TRUE(Free(block));
    EXPECT_TRUE(IsSound());
    EXPECT_LE(Committed(), empty + Pages.Ranges.size() * 2 * HEAP_COMMIT_STEP) << "pages go back";
}

TEST_F(HeapTest, ExactlyFullSegmentsWork) {
    const HEAP* const heap = static_cast<HEAP*>(Heap);
    std::vector<PVOID> blocks;
    while (Pages.Ranges.size() == 1)
        blocks.push_back(Allocate(16 * 1024 - 8));
    EXPECT_EQ(heap->FirstSegment.CommittedEnd, heap->FirstSegment.End);
    EXPECT_TRUE(IsSound());
    for (const PVOID block : blocks)
        EXPECT_TRUE(Free(block));
    EXPECT_TRUE(IsSound());
}

TEST_F(HeapTest, WithoutMemoryItSaysSo) {
    const PVOID block = Allocate(16);
    Pages.CommitLeft = 0;
    EXPECT_EQ(Allocate(1'000'000), nullptr);
    EXPECT_EQ(Allocate(200'000), nullptr);
    EXPECT_EQ(Allocate(~SIZE_T(0)), nullptr);
    EXPECT_EQ(Allocate(~SIZE_T(0) - 50), nullptr);
    EXPECT_EQ(RtlReAllocateHeap(Heap, 0, block, 300'000), nullptr);
    EXPECT_EQ(Size(block), 16u);
    EXPECT_TRUE(IsSound());
    EXPECT_TRUE(Free(block));
}

TEST_F(HeapTest, FixedHeapsDoNotGrow) {
    const PVOID fixed = RtlCreateHeap(0, nullptr, 64 * 1024, 64 * 1024, nullptr, nullptr);
    const PVOID block = RtlAllocateHeap(fixed, 0, 50'000);
    EXPECT_NE(block, nullptr);
    EXPECT_EQ(RtlAllocateHeap(fixed, 0, 50'000), nullptr);
    EXPECT_TRUE(RtlValidateHeap(fixed, 0, nullptr));
    EXPECT_FALSE(RtlFreeHeap(Heap, 0, block)) << "it is of another heap";
    EXPECT_EQ(RtlDestroyHeap(fixed), nullptr);
}

TEST_F(HeapTest, TheProcessHeapStays) {
    ProcessHeap = static_cast<HEAP*>(Heap);
    EXPECT_EQ(RtlDestroyHeap(Heap), Heap);
    ProcessHeap = nullptr;
}

TEST_F(HeapTest, RandomStepsKeepEveryByte) {
    struct Block {
        UCHAR* Address;
        SIZE_T Size;
        UCHAR Fill;
    };
    std::mt19937 random(29);
    std::vector<Block> blocks;
    const auto check = [&](const Block& block) {
        for (SIZE_T i = 0; i < block.Size; i++)
            ASSERT_EQ(block.Address[i], block.Fill);
    };
    for (int round = 0; round < 5'000; round++) {
        const SIZE_T size = random() % 20 == 0   ? random() % 200'000
                            : random() % 20 == 1 ? random() % 700'000
                                                 : random() % 300;
        const ULONG what = random() % 10;
        if (blocks.empty() || (what < 5 && blocks.size() < 400)) {
            auto* const address = static_cast<UCHAR*>(Allocate(size));
            ASSERT_NE(address, nullptr);
            blocks.push_back({address, size, UCHAR(random())});
            std::memset(address, blocks.back().Fill, size);
            continue;
        }
        Block& block = blocks[random() % blocks.size()];
        check(block);
        if (what < 7) {
            auto* const address = static_cast<UCHAR*>(RtlReAllocateHeap(Heap, 0, block.Address, size));
            ASSERT_NE(address, nullptr);
            block.Address = address;
            for (SIZE_T i = 0; i < (size < block.Size ? size : block.Size); i++)
                ASSERT_EQ(address[i], block.Fill);
            block.Size = size;
            std::memset(address, block.Fill, size);
        } else {
            ASSERT_TRUE(Free(block.Address));
            block = blocks.back();
            blocks.pop_back();
        }
        if (round % 100 == 0) ASSERT_TRUE(IsSound()) << round;
    }
    for (const Block& block : blocks) {
        check(block);
        EXPECT_TRUE(Free(block.Address));
    }
    EXPECT_TRUE(IsSound());
}

} // namespace
