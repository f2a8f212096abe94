// The special pool's blocks beside the others: what it is asked for, and what happens when it has none.
// POL-05
#include "hostpool.h"
#include "ke/options.h"

using namespace hostpool;

namespace {

alignas(8) UCHAR Room[64];
POOL_SPECIAL Given;
bool Empty;

PVOID NTAPI Allocate(const POOL_SPECIAL* wanted) {
    if (Empty) return nullptr;
    Given = *wanted;
    return Room;
}
BOOLEAN NTAPI IsBlock(const volatile void* address) { return address == Room; }
void NTAPI Query(PVOID, POOL_SPECIAL* found) { *found = Given; }
void NTAPI Free(PVOID) { Given = {}; }

class SpecialPoolTest : public PoolTest {
protected:
    SpecialPoolTest() {
        static constexpr EX_SPECIAL_SOURCE source = {sizeof Room, Allocate, IsBlock, Query, Free};
        Given = {};
        Empty = false;
        KeLoaderOptions.SpecialPoolTag = Tag;
        ExInitializeSpecialPool(&source);
    }
    ~SpecialPoolTest() override {
        ExInitializeSpecialPool(nullptr);
        KeLoaderOptions.SpecialPoolTag = 0;
    }
};

} // namespace

TEST_F(SpecialPoolTest, OneTagsBlocksAreSpecial) {
    Run([] {
        PVOID const block = ExpAllocatePoolWithTag(NonPagedPool, 40, Tag);
        EXPECT_EQ(block, static_cast<PVOID>(Room));
        EXPECT_EQ(Given.Bytes, 40u);
        PVOID const other = ExpAllocatePoolWithTag(NonPagedPool, 40, Tag + 1);
        EXPECT_NE(other, block);
        PVOID const large = ExpAllocatePoolWithTag(NonPagedPool, sizeof Room + 1, Tag);
        EXPECT_NE(large, block);
        PVOID const aligned = ExpAllocatePoolWithTag(NonPagedPoolCacheAligned, 40, Tag);
        EXPECT_NE(aligned, block);
        for (PVOID one : {block, large, aligned})
            ExpFreePoolWithTag(one, Tag);
        ExpFreePoolWithTag(other, Tag + 1);
        EXPECT_EQ(Given.Tag, 0u) << "freed";
        EXPECT_EQ(Tracked().NonPagedBytes, 0);
    });
}

TEST_F(SpecialPoolTest, WithoutSpecialPagesABlockIsAsOthersAre) {
    Run([] {
        Empty = true;
        PVOID const block = ExAllocatePoolWithQuotaTag(NonPagedPool, 40, Tag);
        EXPECT_NE(block, nullptr);
        EXPECT_NE(block, static_cast<PVOID>(Room));
        ExpFreePoolWithTag(block, Tag);
        EXPECT_EQ(Tracked().NonPagedBytes, 0);
    });
}
