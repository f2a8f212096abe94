// Programs for the tests of strategies: processors that take steps, without a kernel.
#pragma once

#include "ke/explore/strategy.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace explore_test {

/// One step of a processor. Returns whether it could be taken; false: it gives way and tries again.
using Step = std::function<bool()>;

/// Runs one schedule of the program: `processors[n]` are the steps of processor n + 1. Returns which processor ran, a digit a step. With `skip`,
/// questions whose answer the strategy knows beforehand are not asked.
inline std::string RunOnce(KxStrategy& strategy, ULONG seed, const std::vector<std::vector<Step>>& processors,
                           ULONG limit = 10'000, bool skip = false) {
    std::string schedule;
    std::vector<size_t> next(processors.size());
    strategy.Begin(seed);
    ULONG current = 0;
    bool yield = false;
    ULONG quota = 0; // questions that are not asked
    for (ULONG step = 0; step < limit; step++) {
        ULONG runnable = 0;
        for (size_t i = 0; i < processors.size(); i++) {
            if (next[i] < processors[i].size()) runnable |= 2u << i;
        }
        if (runnable == 0) return schedule;
        if (quota != 0 && !yield && (runnable & 1u << current) != 0) {
            quota--;
            strategy.Skip(1);
        } else {
            current = strategy.Choose({step, current, runnable, yield});
            quota = skip ? strategy.Stay(step + 1) : 0;
        }
        if (current >= KX_PROCESSORS || (runnable & 1u << current) == 0)
            return schedule + "!"; // not one of those asked
        schedule += char('0' + current);
        yield = !processors[current - 1][next[current - 1]]();
        if (!yield) next[current - 1]++;
    }
    return schedule + "?"; // no end
}

/// So many processors with so many steps each that do nothing.
inline std::vector<std::vector<Step>> Steps(const std::vector<size_t>& counts) {
    std::vector<std::vector<Step>> processors;
    for (const size_t count : counts)
        processors.emplace_back(count, [] { return true; });
    return processors;
}

/// The lost update: each of two processors does some steps, reads a counter, writes it, does some steps.
class LostUpdate {
public:
    explicit LostUpdate(size_t around) {
        for (int i = 0; i < 2; i++) {
            std::vector<Step> steps(around, [] { return true; });
            steps.emplace_back([this, i] {
                m_read[i] = m_counter;
                return true;
            });
            steps.emplace_back([this, i] {
                m_counter = m_read[i] + 1;
                return true;
            });
            steps.insert(steps.end(), around, [] { return true; });
            m_processors.push_back(steps);
        }
    }
    /// Whether an update is lost under this seed.
    bool IsLost(KxStrategy& strategy, ULONG seed) {
        m_counter = 0;
        RunOnce(strategy, seed, m_processors);
        return m_counter != 2;
    }
    [[nodiscard]] ULONG Length() const { return ULONG(2 * m_processors[0].size()); }

private:
    int m_counter = 0;
    int m_read[2] = {};
    std::vector<std::vector<Step>> m_processors;
};

} // namespace explore_test
