// The bounded search: every schedule within the bound, each once, and its script leads there again.
// SYH-01
#include "program.h"

#include <gtest/gtest.h>
#include <memory>
#include <set>

namespace {

using namespace explore_test;

/// All schedules of a program; fails if one comes twice.
std::set<std::string> All(const std::vector<std::vector<Step>>& program, ULONG bound) {
    const auto tree = std::make_unique<KxTree>();
    tree->Configure(bound);
    std::set<std::string> schedules;
    ULONG runs = 0;
    do {
        const std::string schedule = RunOnce(*tree, 0, program);
        EXPECT_TRUE(schedules.insert(schedule).second) << "twice: " << schedule;
    } while (tree->Advance() && ++runs < 10'000);
    return schedules;
}

} // namespace

TEST(TreeTest, WithoutPreemptionOnlyTheOrderOfProcessorsVaries) {
    EXPECT_EQ(All(Steps({3, 3}), 0), (std::set<std::string>{"111222", "222111"}));
    EXPECT_EQ(All(Steps({2, 2, 2}), 0).size(), 6u);
}

TEST(TreeTest, WithOnePreemptionEachPlaceIsTried) {
    const auto schedules = All(Steps({3, 3}), 1);
    // beside the two orders: some of one, all of the other, the rest
    EXPECT_EQ(schedules, (std::set<std::string>{"111222", "222111", "122211", "112221", "211122", "221112"}));
}

TEST(TreeTest, WithEnoughPreemptionsEveryInterleavingComes) {
    EXPECT_EQ(All(Steps({4, 4}), 8).size(), 70u);    // 8 over 4
    EXPECT_EQ(All(Steps({2, 2, 2}), 6).size(), 90u); // 6! / (2! 2! 2!)
}

TEST(TreeTest, FindsTheLostUpdateWithOnePreemptionAndItsScriptRepeatsIt) {
    LostUpdate program(6);
    const auto tree = std::make_unique<KxTree>();
    tree->Configure(1);
    ULONG runs = 0;
    bool lost = false;
    do {
        lost = program.IsLost(*tree, 0);
        runs++;
    } while (!lost && tree->Advance());
    ASSERT_TRUE(lost) << runs;

    KX_SCRIPT_ENTRY lines[KX_MAXIMUM_SCRIPT];
    const ULONG length = tree->Describe(lines, KX_MAXIMUM_SCRIPT);
    EXPECT_LE(length, 2u) << "who begins, and one preemption";
    KxScript script;
    script.Configure(lines, length);
    EXPECT_TRUE(program.IsLost(script, 0));
}

TEST(TreeTest, ASpinLoopIsNotVariedForEver) {
    bool free = false;
    std::vector<std::vector<Step>> program = Steps({0, 3, 3});
    program[0] = {[&] { return free; },
                  [&] {
                      free = false;
                      return true;
                  }};
    program[1].emplace_back([&] { return free = true; });
    const auto tree = std::make_unique<KxTree>();
    tree->Configure(2);
    ULONG runs = 0;
    do {
        free = false;
        ASSERT_EQ(RunOnce(*tree, 0, program).find('?'), std::string::npos) << "no end in run " << runs;
        ASSERT_LT(++runs, 100'000u);
    } while (tree->Advance());
}
