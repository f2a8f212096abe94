// The tagged pool: a page that was added serves the caller who asked for it, whatever others take meanwhile.
//
// The fake machine has a pool of its own, so this one is compiled here under other names.
// POL-05
#define ExInitSystem PoolInitialize
#define ExAllocatePoolWithTag PoolAllocate
#define ExFreePoolWithTag PoolFree
#define ExQueryPoolBlockSize PoolBlockSize
#include "pool.cpp"
#undef ExInitSystem
#undef ExAllocatePoolWithTag
#undef ExFreePoolWithTag
#undef ExQueryPoolBlockSize

#include "ke.h"
#include "machine.h"

#include <cstdlib>

namespace {

constexpr ULONG Tag = 0x74736554;

ULONG PagesGiven;
ULONG PagesFreed;
bool OutOfPages;
std::function<void()> AfterAPage; ///< what comes as soon as the pool's lock is free again

PVOID NTAPI GivePages(ULONG pages) {
    if (OutOfPages) return nullptr;
    PagesGiven += pages;
    if (AfterAPage) {
        static KDPC dpc;
        KeInitializeDpc(
            &dpc, [](KDPC*, PVOID, PVOID, PVOID) { std::exchange(AfterAPage, nullptr)(); }, nullptr);
        KeGetPcr()->Irql = DISPATCH_LEVEL;
        (void)KeInsertQueueDpc(&dpc, nullptr, nullptr);
        KeGetPcr()->Irql = PASSIVE_LEVEL; // past the IRQL contract: the DPC comes when the IRQL falls next
    }
    return std::aligned_alloc(PAGE_SIZE, pages * PAGE_SIZE);
}
void NTAPI FreePages(PVOID address, ULONG pages) {
    PagesFreed += pages;
    std::free(address);
}

class PoolTest : public host::KernelTest {
protected:
    PoolTest() {
        static constexpr EX_PAGE_SOURCE source = {GivePages, FreePages};
        PagesGiven = PagesFreed = 0;
        AfterAPage = nullptr;
        OutOfPages = false;
        EXPECT_TRUE(PoolInitialize(&source));
    }
};

} // namespace

TEST_F(PoolTest, AllocationThatAddedAPageHasABlockOfIt) {
    Run([&] {
        std::vector<PVOID> taken;
        AfterAPage = [&] {
            AfterAPage = nullptr;
            for (ULONG i = 0; i < PAGE_SIZE / 128; i++)
                taken.push_back(PoolAllocate(NonPagedPool, 100, Tag));
        };
        PVOID const block = PoolAllocate(NonPagedPool, 100, Tag);
        EXPECT_NE(block, nullptr);
        EXPECT_EQ(taken.size(), PAGE_SIZE / 128);
        for (PVOID other : taken)
            EXPECT_NE(other, block);
        EXPECT_EQ(PagesGiven, 2u) << "one for this caller, one for the others";
    });
}

TEST_F(PoolTest, NoBytesAreABlockTooAndBlocksDiffer) {
    Run([&] {
        PVOID const first = PoolAllocate(NonPagedPool, 0, Tag);
        PVOID const second = PoolAllocate(NonPagedPool, 0, Tag);
        EXPECT_NE(first, nullptr);
        EXPECT_NE(second, nullptr);
        EXPECT_NE(first, second);
        PoolFree(first, Tag);
        PoolFree(second, Tag);
    });
}

TEST_F(PoolTest, LargeBlocksArePagesThatComeBack) {
    Run([&] {
        PVOID const block = PoolAllocate(NonPagedPool, 3 * PAGE_SIZE - 1, Tag);
        EXPECT_EQ(reinterpret_cast<ULONG_PTR>(block) % PAGE_SIZE, 0u);
        EXPECT_EQ(PagesGiven, 3u);
        PoolFree(block, Tag);
        EXPECT_EQ(PagesFreed, 3u);
    });
}

TEST_F(PoolTest, ABlockKnowsItsBytes) {
    Run([&] {
        for (const SIZE_T bytes : {0, 1, 8, 9, 100, 2000, 2040, 2041, 4096, 5000}) {
            PVOID const block = PoolAllocate(PagedPool, bytes, Tag);
            BOOLEAN charged = TRUE;
            const SIZE_T size = PoolBlockSize(block, &charged);
            EXPECT_GE(size, bytes);
            EXPECT_LE(size, bytes < 2040 ? 2 * bytes + 24 : bytes + PAGE_SIZE);
            EXPECT_FALSE(charged);
            memset(block, 0xCC, size); // all of it is the caller's
            PoolFree(block, Tag);
        }
    });
}

TEST_F(PoolTest, CacheAlignedBlocksAreOfEverySize) {
    Run([&] {
        for (const SIZE_T bytes : {0, 1, 100, 5000}) {
            PVOID const block = PoolAllocate(NonPagedPoolCacheAligned, bytes, Tag);
            EXPECT_EQ(reinterpret_cast<ULONG_PTR>(block) % 64, 0u);
            PoolFree(block, Tag);
        }
    });
}

TEST_F(PoolTest, TheTypeSaysWhatALackOfMemoryIs) {
    ULONG raised = 0;
    RunUntilBugCheck(MUST_SUCCEED_POOL_EMPTY, [&] {
        OutOfPages = true;
        EXPECT_EQ(PoolAllocate(NonPagedPool, 5000, Tag), nullptr);
        try {
            (void)PoolAllocate(PagedPool | POOL_RAISE_IF_ALLOCATION_FAILURE, 5000, Tag);
        } catch (const host::RaisedStatus& status) {
            raised = ULONG(status.Status);
        }
        (void)PoolAllocate(NonPagedPoolMustSucceed, 5000, Tag);
    });
    EXPECT_EQ(raised, ULONG(STATUS_INSUFFICIENT_RESOURCES));
    EXPECT_EQ(machine->Stopped().Parameter[0], 5000u);
}
