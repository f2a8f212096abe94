// Strategies of chance and scripts: they answer with who can run, repeat themselves for a seed, and find what they promise.
// SYH-01
#include "program.h"

#include <gtest/gtest.h>
#include <set>

namespace {

using namespace explore_test;

KxJitter MakeJitter(ULONG least, ULONG most) {
    KxJitter strategy;
    strategy.Configure(least, most);
    return strategy;
}
KxWalk MakeWalk(ULONG probability) {
    KxWalk strategy;
    strategy.Configure(probability);
    return strategy;
}
KxPct MakePct(ULONG depth, ULONG steps) {
    KxPct strategy;
    strategy.Configure(depth, steps);
    return strategy;
}

/// What holds for every strategy that draws: each step is one that can be taken, every step is taken, a seed says it all.
void ExpectSound(KxStrategy& strategy) {
    const auto program = Steps({7, 5, 9});
    std::set<std::string> seen;
    for (ULONG seed = 0; seed < 200; seed++) {
        const std::string schedule = RunOnce(strategy, seed, program);
        ASSERT_EQ(schedule.size(), 21u) << schedule;
        ASSERT_EQ(schedule.find_first_of("!?"), std::string::npos) << schedule;
        ASSERT_EQ(RunOnce(strategy, seed, program), schedule) << "a seed is one schedule";
        ASSERT_EQ(RunOnce(strategy, seed, program, 1000, true), schedule) << "what need not be asked changes nothing";
        seen.insert(schedule);
    }
    EXPECT_GT(seen.size(), 20u) << "seeds give different schedules";
}

ULONG CountLost(KxStrategy& strategy, LostUpdate& program, ULONG runs) {
    ULONG lost = 0;
    for (ULONG seed = 0; seed < runs; seed++)
        lost += program.IsLost(strategy, seed);
    return lost;
}

/// Lengths of the stretches in which one processor runs.
std::vector<size_t> Stretches(const std::string& schedule) {
    std::vector<size_t> lengths;
    for (size_t i = 0; i < schedule.size(); i++) {
        if (i == 0 || schedule[i] != schedule[i - 1]) lengths.push_back(0);
        lengths.back()++;
    }
    return lengths;
}

} // namespace

TEST(StrategyTest, EveryStrategyTakesPossibleStepsAndRepeatsItself) {
    auto jitter = MakeJitter(1, 5);
    auto walk = MakeWalk(20'000);
    auto pct = MakePct(3, 20);
    ExpectSound(jitter);
    ExpectSound(walk);
    ExpectSound(pct);
}

TEST(StrategyTest, JitterChangesWithinItsBounds) {
    auto jitter = MakeJitter(4, 9);
    for (ULONG seed = 0; seed < 50; seed++) {
        auto lengths = Stretches(RunOnce(jitter, seed, Steps({1000, 1000})));
        lengths.resize(20); // before one of the two has ended
        for (size_t i = 1; i < lengths.size(); i++) {
            EXPECT_GE(lengths[i], 4u);
            EXPECT_LE(lengths[i], 9u);
        }
    }
}

TEST(StrategyTest, WalkChangesAsOftenAsItsProbabilitySays) {
    auto walk = MakeWalk(65536 / 10);
    size_t changes = 0, steps = 0;
    for (ULONG seed = 0; seed < 100; seed++) {
        const std::string schedule = RunOnce(walk, seed, Steps({500, 500})).substr(0, 500);
        changes += Stretches(schedule).size() - 1;
        steps += schedule.size() - 1;
    }
    EXPECT_NEAR(double(changes) / double(steps), 0.1, 0.01);
}

TEST(StrategyTest, PctOfDepthOneRunsByPriorityOnly) {
    auto pct = MakePct(1, 100);
    std::map<char, int> first;
    for (ULONG seed = 0; seed < 600; seed++) {
        const std::string schedule = RunOnce(pct, seed, Steps({10, 10, 10}));
        ASSERT_EQ(Stretches(schedule).size(), 3u) << schedule;
        first[schedule[0]]++;
    }
    for (const auto& [processor, count] : first)
        EXPECT_NEAR(count, 200, 60) << "every order is as likely: " << processor;
}

TEST(StrategyTest, PctFindsALostUpdateAsOftenAsItPromises) {
    LostUpdate program(10);
    auto pct = MakePct(2, program.Length());
    constexpr ULONG runs = 5000;
    const double promised = 1.0 / (2.0 * program.Length()); // 1 / (n k^(d-1)) with n = 2, d = 2
    EXPECT_GE(CountLost(pct, program, runs), runs * promised * 0.8);
    auto shallow = MakePct(1, program.Length());
    EXPECT_EQ(CountLost(shallow, program, runs), 0u) << "without a change of priority nobody is interrupted";
}

TEST(StrategyTest, ChanceFindsALostUpdate) {
    LostUpdate program(10);
    auto jitter = MakeJitter(1, 20);
    auto walk = MakeWalk(6554);
    EXPECT_GT(CountLost(jitter, program, 1000), 10u);
    EXPECT_GT(CountLost(walk, program, 1000), 10u);
}

TEST(StrategyTest, WhoeverGivesWayLetsTheOthersRun) {
    auto pct = MakePct(1, 100);
    auto walk = MakeWalk(0);
    auto jitter = MakeJitter(1000, 1000);
    KxScript script;
    for (KxStrategy* const strategy : std::initializer_list<KxStrategy*>{&pct, &walk, &jitter, &script}) {
        for (ULONG seed = 0; seed < 50; seed++) {
            bool free = false;
            std::vector<std::vector<Step>> program = Steps({0, 5});
            program[0] = {[&] { return free; }};
            program[1].emplace_back([&] { return free = true; });
            const std::string schedule = RunOnce(*strategy, seed, program);
            ASSERT_EQ(schedule.find('?'), std::string::npos) << "the spinning processor keeps the other one off";
        }
    }
}

TEST(StrategyTest, ScriptFollowsItsLines) {
    KxScript script;
    const KX_SCRIPT_ENTRY lines[] = {{2, 2}, {5, 3}, {6, 1}};
    script.Configure(lines, 3);
    EXPECT_EQ(RunOnce(script, 0, Steps({4, 4, 4})), "112223112333") << "at steps 2, 5 and 6";
    EXPECT_EQ(RunOnce(script, 0, Steps({4, 4, 4}), 1000, true), "112223112333") << "and when nobody asks at the others";
    script.Configure(lines, 0);
    EXPECT_EQ(RunOnce(script, 0, Steps({3, 2, 1})), "111223");
}

TEST(StrategyTest, TimerLetsWhoSpinsSpin) {
    KxTimer timer;
    timer.Configure(50); // the host's clock counts its readings
    const std::string schedule = RunOnce(timer, 1, Steps({200, 200}));
    EXPECT_EQ(schedule.find('!'), std::string::npos) << "who has ended does not go on";
    const auto lengths = Stretches(schedule);
    for (size_t i = 1; i + 2 < lengths.size(); i++)
        EXPECT_NEAR(double(lengths[i]), 50, 1);
}
