// The older names: tag `None`, and a free that looks at no tag.
#include "ex/pool.h"
#include "fakepool.h"
#include "machine.h"

// POL-05
TEST(PoolCallsTest, TheOlderNamesAllocateAndFree) {
    PVOID const block = ExAllocatePool(NonPagedPool, 8);
    EXPECT_NE(block, nullptr);
    ExFreePool(block);
    host::PoolFailures = 1;
    EXPECT_EQ(ExAllocatePool(NonPagedPool, 8), nullptr);
    EXPECT_EQ(host::PoolFailures, 0u);
}
