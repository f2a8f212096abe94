// Commit charge: limits, quotas, peaks, and what several threads charge at once.
// POL-06, PFN-15
#include "machine.h"
#include "mm/charge.h"

#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <random>
#include <thread>
#include <vector>

namespace {

class ChargeTest : public testing::Test {
protected:
    ChargeTest() {
        MmTotalCommittedPages = 0;
        MmPeakCommitment = 0;
        MmTotalCommitLimit = 0;
        MiExtendCommitLimit(1000);
    }
    MM_ADDRESS_SPACE space{};
};

// POL-06
TEST_F(ChargeTest, ChargesUpToTheLimitAndNoFurther) {
    EXPECT_EQ(MiChargeCommitment(1001, nullptr), STATUS_COMMITMENT_LIMIT);
    EXPECT_EQ(MmPeakCommitment, 0) << "what failed is no peak";
    EXPECT_EQ(MiChargeCommitment(1000, nullptr), STATUS_SUCCESS);
    EXPECT_EQ(MiChargeCommitment(1, nullptr), STATUS_COMMITMENT_LIMIT);
    EXPECT_EQ(MiChargeCommitment(0, nullptr), STATUS_SUCCESS);
    MiExtendCommitLimit(1);
    EXPECT_EQ(MiChargeCommitment(1, nullptr), STATUS_SUCCESS);
    MiReturnCommitment(501, nullptr);
    EXPECT_EQ(MmTotalCommittedPages, 500);
    EXPECT_EQ(MmPeakCommitment, 1001);
    EXPECT_EQ(MiChargeCommitment(~0u, nullptr), STATUS_COMMITMENT_LIMIT) << "no sum that wraps";
    EXPECT_EQ(MiChargeCommitment(MM_MAXIMUM_CHARGE, nullptr), STATUS_COMMITMENT_LIMIT);
    EXPECT_EQ(MmTotalCommittedPages, 500);
}

// POL-06
TEST_F(ChargeTest, AProcessHasAShareAndPerhapsALimit) {
    space.CommitChargeLimit = 300;
    EXPECT_EQ(MiChargeCommitment(300, &space), STATUS_SUCCESS);
    EXPECT_EQ(MiChargeCommitment(1, &space), STATUS_PAGEFILE_QUOTA_EXCEEDED);
    EXPECT_EQ(MmTotalCommittedPages, 300);
    MiReturnCommitment(100, &space);
    EXPECT_EQ(space.CommitCharge, 200);
    EXPECT_EQ(space.CommitChargePeak, 300);
    space.CommitChargeLimit = 0;
    EXPECT_EQ(MiChargeCommitment(801, &space), STATUS_COMMITMENT_LIMIT);
    EXPECT_EQ(space.CommitCharge, 200) << "the process's share is given back";
    EXPECT_EQ(space.CommitChargePeak, 300);
    EXPECT_EQ(MiChargeCommitment(800, &space), STATUS_SUCCESS);
    EXPECT_EQ(space.CommitChargePeak, 1000);
    space.CommitChargeLimit = 300; // lowered below what it has
    EXPECT_EQ(MiChargeCommitment(1, &space), STATUS_PAGEFILE_QUOTA_EXCEEDED);
}

// POL-06
TEST_F(ChargeTest, ReturningMoreThanWasChargedIsABrokenContract) {
    EXPECT_EQ(MiChargeCommitment(3, &space), STATUS_SUCCESS);
    EXPECT_THROW(MiReturnCommitment(4, nullptr), host::BrokenAssertion);
}

// Four threads charge and return at random, two for a process with a limit: no sum is lost and no limit exceeded.
// POL-06
TEST_F(ChargeTest, ThreadsNeverPromiseAPageTwice) {
    space.CommitChargeLimit = 400;
    std::atomic<LONG> promised{0}, own{0}, mostPromised{0}, begun{0};
    const auto worker = [&](ULONG seed) {
        std::mt19937 random(seed);
        MM_ADDRESS_SPACE* const whose = seed % 2 ? &space : nullptr;
        std::vector<ULONG> held;
        for (begun++; begun < 4;)
            std::this_thread::yield();
        for (int step = 0; step < 200'000; step++) {
            const ULONG pages = random() % 200;
            if (random() % 2 && NT_SUCCESS(MiChargeCommitment(pages, whose))) {
                held.push_back(pages);
                const LONG now = promised += LONG(pages);
                if (whose) own += LONG(pages);
                if (now > 1000 || (whose && own > 400)) ADD_FAILURE() << now << " are promised";
                for (LONG most = mostPromised; most < now && !mostPromised.compare_exchange_weak(most, now);) {}
            } else if (!held.empty()) {
                promised -= LONG(held.back());
                if (whose) own -= LONG(held.back());
                MiReturnCommitment(held.back(), whose);
                held.pop_back();
            }
        }
        for (ULONG pages : held) {
            promised -= LONG(pages);
            if (whose) own -= LONG(pages);
            MiReturnCommitment(pages, whose);
        }
    };
    std::vector<std::thread> threads;
    for (ULONG i = 0; i < 4; i++)
        threads.emplace_back(worker, host::Seed() * 4 + i);
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(MmTotalCommittedPages, 0);
    EXPECT_EQ(space.CommitCharge, 0);
    EXPECT_LE(MmPeakCommitment, 1000);
    EXPECT_GE(MmPeakCommitment, mostPromised) << "a peak was lost";
    EXPECT_LE(space.CommitChargePeak, 400);
    EXPECT_GE(space.CommitChargePeak, 200) << "the walk never comes near the limits";
}

} // namespace
