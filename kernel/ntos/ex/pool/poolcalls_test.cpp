// The other names of the pool's routines: what they do where there is no memory.
#include "ex/pool.h"
#include "fakepool.h"
#include "machine.h"

namespace {

ULONG RaisedBy(const std::function<void()>& action) {
    try {
        action();
    } catch (const host::RaisedStatus& raised) {
        return ULONG(raised.Status);
    }
    return 0;
}

} // namespace

// POL-05
TEST(PoolCallsTest, QuotaRaisesInsteadOfReturningNothing) {
    ExFreePool(ExAllocatePoolWithQuota(PagedPool, 8));
    ExFreePool(ExAllocatePoolWithTagPriority(PagedPool, 8, EX_TAG("Test"), EX_POOL_PRIORITY::LowPoolPriority));
    host::PoolFailures = 3;
    EXPECT_EQ(RaisedBy([] { (void)ExAllocatePoolWithQuotaTag(PagedPool, 8, EX_TAG("Test")); }),
              ULONG(STATUS_INSUFFICIENT_RESOURCES));
    EXPECT_EQ(ExAllocatePoolWithQuotaTag(PagedPool | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE, 8, EX_TAG("Test")), nullptr);
    EXPECT_EQ(ExAllocatePool(NonPagedPool, 8), nullptr);
    EXPECT_EQ(host::PoolFailures, 0u);
}
