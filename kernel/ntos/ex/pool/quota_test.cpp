// Quota and priority: who pays, who gets it back, and what fails early.
// POL-05
#include "hostpool.h"

using namespace hostpool;

namespace {

SIZE_T Charged;
NTSTATUS Answer;
PVOID Payer;

NTSTATUS NTAPI Charge(POOL_TYPE, SIZE_T bytes, PVOID* process) {
    if (!NT_SUCCESS(Answer)) return Answer;
    *process = Payer;
    if (Payer) Charged += bytes;
    return Answer;
}
void NTAPI Return(PVOID process, POOL_TYPE, SIZE_T bytes) {
    EXPECT_EQ(process, Payer);
    Charged -= bytes;
}

class QuotaTest : public PoolTest {
protected:
    QuotaTest() {
        static constexpr EX_QUOTA_SOURCE source = {Charge, Return};
        Charged = 0;
        Answer = STATUS_SUCCESS;
        Payer = this;
        ExRegisterQuotaSource(&source);
    }
    ~QuotaTest() override { ExRegisterQuotaSource(nullptr); }
    static ULONG RaisedBy(const std::function<void()>& action) {
        try {
            action();
        } catch (const host::RaisedStatus& raised) {
            return ULONG(raised.Status);
        }
        return 0;
    }
};

} // namespace

TEST_F(QuotaTest, AProcessPaysForBlocksAndPagesUntilTheyAreFreed) {
    Run([] {
        for (const SIZE_T bytes : {SIZE_T(0), SIZE_T(40), SIZE_T(4072), SIZE_T(4080), SIZE_T(5000)}) {
            PVOID const block = ExAllocatePoolWithQuotaTag(NonPagedPool, bytes, Tag);
            BOOLEAN charged = FALSE;
            const SIZE_T size = ExQueryPoolBlockSize(block, &charged);
            EXPECT_TRUE(charged);
            EXPECT_GE(size, bytes);
            EXPECT_GE(Charged, size);
            memset(block, 0xCC, size);                          // the note lies behind
            Payer = reinterpret_cast<PVOID>(ULONG_PTR(0x1234)); // another process is current at the free
            PVOID const noted =
                ExpIsPageAligned(block) ? ExpFindBigPages(block).Process : *ExpProcessOf(ExpHeaderOf(block));
            EXPECT_NE(noted, Payer);
            Payer = noted;
            ExpFreePoolWithTag(block, Tag);
            EXPECT_EQ(Charged, 0u);
        }
    });
}

TEST_F(QuotaTest, TheSystemsOwnProcessPaysNothing) {
    Payer = nullptr;
    Run([] {
        PVOID const block = ExAllocatePoolWithQuota(PagedPool, 40);
        BOOLEAN charged = TRUE;
        (void)ExQueryPoolBlockSize(block, &charged);
        EXPECT_FALSE(charged);
        ExpFreePoolWithTag(block, 0);
    });
}

TEST_F(QuotaTest, ARefusedChargeRaisesAndLeavesNothing) {
    Run([] {
        Answer = STATUS_QUOTA_EXCEEDED;
        EXPECT_EQ(RaisedBy([] { (void)ExAllocatePoolWithQuotaTag(PagedPool, 40, Tag); }), ULONG(STATUS_QUOTA_EXCEEDED));
        EXPECT_EQ(ExAllocatePoolWithQuotaTag(PagedPool | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE, 40, Tag), nullptr);
        EXPECT_EQ(Tracked().PagedBytes, 0);
        EXPECT_EQ(PagesFreed, PagesGiven);
    });
}

TEST_F(QuotaTest, NoMemoryRaisesToo) {
    Run([] {
        OutOfPages = true;
        EXPECT_EQ(RaisedBy([] { (void)ExAllocatePoolWithQuota(PagedPool, 40); }), ULONG(STATUS_INSUFFICIENT_RESOURCES));
        EXPECT_EQ(ExAllocatePoolWithQuotaTag(PagedPool | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE, 40, Tag), nullptr);
        EXPECT_EQ(Charged, 0u);
    });
}

TEST_F(QuotaTest, LowPriorityFailsFirst) {
    Run([] {
        const auto got = [](EX_POOL_PRIORITY priority) {
            PVOID const block = ExAllocatePoolWithTagPriority(NonPagedPool, 40, Tag, priority);
            if (block) ExpFreePoolWithTag(block, Tag);
            return block != nullptr;
        };
        for (const ULONG left : {1000u, 200u, 20u}) {
            PagesLeft = left;
            EXPECT_EQ(got(EX_POOL_PRIORITY::LowPoolPriority), left > 256) << left;
            EXPECT_EQ(got(EX_POOL_PRIORITY::NormalPoolPriority), left > 64) << left;
            EXPECT_TRUE(got(EX_POOL_PRIORITY::HighPoolPriority));
        }
        EXPECT_EQ(RaisedBy([] {
                      (void)ExAllocatePoolWithTagPriority(NonPagedPool | POOL_RAISE_IF_ALLOCATION_FAILURE, 40, Tag,
                                                          EX_POOL_PRIORITY::LowPoolPriority);
                  }),
                  ULONG(STATUS_INSUFFICIENT_RESOURCES));
    });
}

// ERR-10
TEST_F(QuotaTest, TheNthAllocationFails) {
    Run([] {
        ExpInjection.FailAfter = 2;
        PVOID const first = ExpAllocatePoolWithTag(NonPagedPool, 40, Tag);
        EXPECT_NE(first, nullptr);
        EXPECT_EQ(ExpAllocatePoolWithTag(NonPagedPool, 40, Tag), nullptr);
        EXPECT_EQ(RaisedBy([] {
                      ExpInjection.FailAfter = 1;
                      (void)ExpAllocatePoolWithTag(NonPagedPool | POOL_RAISE_IF_ALLOCATION_FAILURE, 40, Tag);
                  }),
                  ULONG(STATUS_INSUFFICIENT_RESOURCES));
        EXPECT_EQ(ExpInjection.FailAfter, 0);
        ExpFreePoolWithTag(first, Tag);
    });
}
