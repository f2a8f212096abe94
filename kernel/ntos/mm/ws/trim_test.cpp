// Ageing and trimming: old pages go before young ones, locked ones never, and the policy decides.
// PFN-14, ARC-04
#include "fakeset.h"
#include "machine.h"
#include "mm/ws/trim.h"

#include <algorithm>
#include <random>

namespace {

class TrimTest : public testing::Test {
protected:
    void SetUp() override {
        for (ULONG vpn = 0; vpn < 12; vpn++)
            set.Add(vpn, vpn % 2 == 0);
    }
    void TearDown() override {
        (void)MmSetTrimPolicy(nullptr);
        EXPECT_STREQ(MiCheckWorkingSet(&set.Set), nullptr);
    }
    void Use(std::initializer_list<ULONG> pages) {
        for (ULONG vpn : pages)
            set.Pages.at(vpn).Used = true;
    }
    ULONG Trim(ULONG pages, ULONG pass) { return MiTrimWorkingSet(&set.Set, pages, pass); }
    void Age(ULONG entries = 12) { MiAgeWorkingSet(&set.Set, entries); }
    using Pages = std::vector<ULONG>;

    host::FakeSet set;
};

// PFN-14
TEST_F(TrimTest, PagesAgeWhileNobodyUsesThem) {
    Use({1, 2});
    Age();
    EXPECT_EQ(set.Entry(1).Age, 0u);
    EXPECT_EQ(set.Entry(3).Age, 1u);
    EXPECT_EQ(set.Set.Claim, 0u);
    Age();
    EXPECT_EQ(set.Entry(1).Age, 1u);
    EXPECT_EQ(set.Entry(3).Age, 2u);
    EXPECT_EQ(set.Set.Claim, 10u);
    Use({3});
    Age();
    Age();
    EXPECT_EQ(set.Entry(3).Age, 1u);
    EXPECT_EQ(set.Entry(4).Age, MM_MAXIMUM_AGE) << "no further";
}

// PFN-14
TEST_F(TrimTest, OldPagesGoFirst) {
    Age();
    Age();
    Use({0, 5, 9});
    Age();
    EXPECT_EQ(Trim(4, 0), 4u);
    EXPECT_EQ(set.Removed, (Pages{1, 2, 3, 4}));
    EXPECT_EQ(Trim(100, 0), 5u) << "all old ones";
    EXPECT_EQ(set.Removed, (Pages{1, 2, 3, 4, 6, 7, 8, 10, 11}));
    EXPECT_EQ(Trim(100, 1), 0u);
    EXPECT_EQ(Trim(100, 2), 0u) << "used in the last second";
    EXPECT_EQ(Trim(1, 3), 1u) << "memory is still short";
    EXPECT_EQ(set.Set.WorkingSetSize, 2u);
}

// PFN-14
TEST_F(TrimTest, PageThatIsUsedBecomesYoungAtOnce) {
    for (int i = 0; i < 3; i++)
        Age();
    Use({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    EXPECT_EQ(Trim(100, 0), 1u);
    EXPECT_EQ(set.Removed, (Pages{11}));
    EXPECT_EQ(set.Entry(10).Age, 0u);
    EXPECT_EQ(Trim(100, 2), 0u) << "the bit is cleared, but the pass before has seen it";
}

// PFN-14
TEST_F(TrimTest, LockedPagesAndPagesThatCannotGoStay) {
    (void)MiLockWsle(&set.Set, set.Find(3), MI_WSLE_LOCK::InWorkingSet);
    (void)MiLockWsle(&set.Set, set.Find(7), MI_WSLE_LOCK::InMemory);
    set.Pages[4].Stays = true;
    EXPECT_EQ(Trim(100, 3), 9u);
    EXPECT_NE(set.Find(3), WSLE_NULL_INDEX);
    EXPECT_NE(set.Find(7), WSLE_NULL_INDEX);
    EXPECT_NE(set.Find(4), WSLE_NULL_INDEX);
    Age();
    EXPECT_EQ(set.Entry(3).Age, 0u) << "locked pages do not age";
}

// PFN-14
TEST_F(TrimTest, HandGoesOnWhereItStopped) {
    EXPECT_EQ(Trim(5, 3), 5u);
    EXPECT_EQ(set.Removed, (Pages{0, 1, 2, 3, 4}));
    set.Add(100);
    EXPECT_EQ(Trim(2, 3), 2u);
    EXPECT_EQ(set.Removed, (Pages{0, 1, 2, 3, 4, 5, 6}));
    Age(2); // 7 and 8
    EXPECT_EQ(set.Entry(8).Age, 1u);
    EXPECT_EQ(set.Entry(9).Age, 0u);
}

// PFN-14
TEST_F(TrimTest, EmptyWorkingSetGivesNothing) {
    EXPECT_EQ(Trim(100, 3), 12u);
    EXPECT_EQ(Trim(100, 3), 0u);
    Age();
}

// ARC-04
TEST_F(TrimTest, PolicyCanBeReplacedAndPutBack) {
    /// Takes every page at once, whatever its age.
    class Greedy final : public MM_TRIM_POLICY {
    public:
        ULONG PagesToTrim(const MMSUPPORT& workingSet, const MM_MEMORY_STATE&, ULONG) override {
            return workingSet.WorkingSetSize;
        }
        bool MayTake(const MMSUPPORT&, ULONG, ULONG) override { return true; }
        ULONG EntriesToAge(const MMSUPPORT&, const MM_MEMORY_STATE&) override { return 0; }
        ULONG AgeAfterLook(const MMSUPPORT&, ULONG, bool) override { return 2; }
        bool IsClaimed(const MMSUPPORT&, ULONG age) override { return age == 2; }
    } greedy;
    MM_TRIM_POLICY* const former = MmSetTrimPolicy(&greedy);
    Age();
    EXPECT_EQ(set.Entry(5).Age, 2u);
    EXPECT_EQ(set.Set.Claim, 12u);
    EXPECT_EQ(Trim(3, 0), 3u);
    EXPECT_EQ(MmSetTrimPolicy(former), &greedy);
    EXPECT_EQ(&MiTrimPolicy(), former);
}

// PFN-14
TEST_F(TrimTest, DefaultPolicyTakesWhatIsShortAndRespectsMinimums) {
    MM_TRIM_POLICY& policy = MiTrimPolicy();
    MMSUPPORT workingSet{};
    workingSet.WorkingSetSize = 100;
    workingSet.MinimumWorkingSetSize = 40;
    workingSet.Claim = 10;
    EXPECT_EQ(policy.PagesToTrim(workingSet, {50, 50}, 0), 0u) << "memory is not short";
    EXPECT_EQ(policy.PagesToTrim(workingSet, {0, 500}, 0), 10u) << "first what it can do without";
    EXPECT_EQ(policy.PagesToTrim(workingSet, {0, 500}, 1), 60u);
    EXPECT_EQ(policy.PagesToTrim(workingSet, {480, 500}, 1), 20u) << "no more than needed";
    workingSet.WorkingSetSize = 40;
    EXPECT_EQ(policy.PagesToTrim(workingSet, {0, 500}, MM_TRIM_PASSES - 1), 0u);
    for (ULONG pass = 0; pass < MM_TRIM_PASSES; pass++) {
        for (ULONG age = 0; age <= MM_MAXIMUM_AGE; age++)
            EXPECT_EQ(policy.MayTake(workingSet, age, pass), age >= 3 - pass);
    }
    workingSet.WorkingSetSize = 80;
    EXPECT_EQ(policy.EntriesToAge(workingSet, {1000, 500}), 11u);
    EXPECT_EQ(policy.EntriesToAge(workingSet, {999, 500}), 41u) << "looks sooner when memory becomes short";
}

// A random walk: whatever the order of uses, ageing and trims, a trim takes as many as it may of those that it may take.
// PFN-14
TEST_F(TrimTest, RandomWalkTakesOnlyPagesOldEnough) {
    std::mt19937 random(host::Seed());
    std::map<ULONG, ULONG> age; // of each page, as the book has it
    for (auto& [vpn, page] : set.Pages)
        age[vpn] = 0;
    for (ULONG step = 0; step < 20'000; step++) {
        const ULONG vpn = random() % 400;
        switch (random() % 8) {
        case 0:
        case 1:
        case 2:
            if (age.count(vpn)) break;
            ASSERT_NE(set.Add(vpn, random() % 2), WSLE_NULL_INDEX);
            age[vpn] = 0;
            break;
        case 3:
        case 4:
        case 5:
            if (age.count(vpn)) set.Pages[vpn].Used = true;
            break;
        case 6:
            if (random() % 8) break;
            for (auto& [page, old] : age)
                old = set.Pages[page].Used ? 0 : std::min(old + 1, MM_MAXIMUM_AGE);
            Age(1000);
            break;
        default: {
            if (random() % 16) break;
            const ULONG pass = random() % MM_TRIM_PASSES, pages = random() % 40;
            std::map<ULONG, ULONG> before = age;
            for (auto& [page, old] : before) {
                if (set.Pages[page].Used) old = 0;
            }
            const ULONG may = ULONG(std::count_if(before.begin(), before.end(),
                                                  [&](auto& entry) { return entry.second + pass >= MM_MAXIMUM_AGE; }));
            set.Removed.clear();
            ASSERT_EQ(Trim(pages, pass), std::min(pages, may)) << "step " << step;
            for (ULONG page : set.Removed) {
                ASSERT_GE(before.at(page) + pass, MM_MAXIMUM_AGE);
                age.erase(page);
            }
            for (auto& [page, old] : age) // the hand may have come past it and seen that it was used
                if (set.Entry(page).Age == 0) old = 0;
        }
        }
        if (step % 128 == 0) ASSERT_STREQ(MiCheckWorkingSet(&set.Set), nullptr);
    }
}

} // namespace
