// Strategies: which processor goes on after a point.
//
// A strategy sees the step, which processor runs, which could run and whether the runner gives way. It answers with one
// that could run. Its answers follow from the seed and from what it was asked, so a run can be repeated.
// Pure code: also built for the host, where its tests are.
// Locks: none, the baton's holder asks. IRQL: any.
// In the books: none. "A randomized scheduler with probabilistic guarantees of finding bugs" (Burckhardt and others, 2010)
// is PCT; "Finding and reproducing Heisenbugs in concurrent programs" (Musuvathi and others, 2008) bounds preemptions.
#pragma once

#include "ke/explore.h"
#include "random.h"

/// What is asked at a point.
struct KX_CHOICE {
    ULONG Step;     ///< 1, 2, 3 ... of this run; 0: which processor begins
    ULONG Current;  ///< processor at the point
    ULONG Runnable; ///< set of processors that can go on, not empty; without Current it cannot
    bool Yield;     ///< Current waits for another processor: a spin loop's turn, a tick's end
};

/// Decides which processor goes on at a preemption point.
class KxStrategy {
public:
    virtual void Begin(ULONG seed) = 0;
    virtual ULONG Choose(const KX_CHOICE& choice) = 0;
    /// How many of the next questions, the first at step `step`, it would answer with the actor that runs now, as long as that
    /// one can go on and no other comes: they need not be asked. Skip says how many were not.
    [[nodiscard]] virtual ULONG Stay(ULONG step) const { return 0; }
    virtual void Skip(ULONG questions) {}

    static constexpr ULONG FOR_LONG = 1u << 30; ///< of Stay: no end in sight

protected:
    ~KxStrategy() = default;

    static constexpr ULONG Bit(ULONG processor) { return 1u << processor; }
    static bool CanStay(const KX_CHOICE& choice) {
        return (choice.Runnable & Bit(choice.Current)) != 0 &&
               (!choice.Yield || choice.Runnable == Bit(choice.Current));
    }
    /// Those that could run instead of the current one; if there is none, the current one.
    static ULONG Others(const KX_CHOICE& choice) {
        const ULONG others = choice.Runnable & ~Bit(choice.Current);
        return others != 0 ? others : choice.Runnable;
    }
    /// The processor that goes on when nothing speaks for a change: the current one, or the next in turn.
    static ULONG Default(const KX_CHOICE& choice) {
        if (CanStay(choice)) return choice.Current;
        const ULONG others = Others(choice);
        const ULONG behind = others & ~(Bit(choice.Current + 1) - 1);
        return ULONG(__builtin_ctz(behind != 0 ? behind : others));
    }
};

/// Another processor after a number of points that is drawn each time.
class KxByChance : public KxStrategy {
public:
    void Begin(ULONG seed) final;
    ULONG Choose(const KX_CHOICE& choice) final;
    [[nodiscard]] ULONG Stay(ULONG step) const final { return m_left != 0 ? m_left - 1 : 0; }
    void Skip(ULONG questions) final { m_left -= questions; }

protected:
    ~KxByChance() = default;
    /// At least 1.
    virtual ULONG Draw() = 0;
    KxRandom m_random;

private:
    ULONG m_left = 0; ///< points to go
};

/// Every number within bounds is as likely.
class KxJitter final : public KxByChance {
public:
    void Configure(ULONG least, ULONG most);

private:
    ULONG Draw() override { return m_least + m_random.Below(m_most - m_least + 1); }
    ULONG m_least = 1, m_most = 1;
};

/// At every point another processor with one probability.
class KxWalk final : public KxByChance {
public:
    void Configure(ULONG probability) { m_probability = probability; }

private:
    ULONG Draw() override;
    ULONG m_probability = 0; ///< of 65536
};

/// Probabilistic concurrency testing: finds a mistake that `depth` ordered steps make with probability 1 / (n k^(d-1)).
class KxPct final : public KxStrategy {
public:
    static constexpr ULONG MaximumDepth = 8;
    void Configure(ULONG depth, ULONG steps);
    void Begin(ULONG seed) override;
    ULONG Choose(const KX_CHOICE& choice) override;
    [[nodiscard]] ULONG Stay(ULONG step) const override;

private:
    [[nodiscard]] ULONG Best(ULONG runnable) const;
    KxRandom m_random;
    ULONG m_depth = 1, m_steps = 1;
    LONG m_priority[KX_PROCESSORS] = {};
    ULONG m_change[MaximumDepth] = {}; ///< steps at which the runner falls to priority depth - 1 - index
    LONG m_lowest = 0;                 ///< below all others: for a runner that gives way
};

/// Like a stock timer: another processor every `period` counts of the time-stamp counter, whatever they do.
class KxTimer final : public KxStrategy {
public:
    void Configure(ULONG period) { m_period = period; }
    void Begin(ULONG seed) override;
    ULONG Choose(const KX_CHOICE& choice) override;

private:
    ULONG m_period = 1;
    ULONGLONG m_next = 0;
};

/// What a list says; else as long as it goes.
class KxScript final : public KxStrategy {
public:
    void Configure(const KX_SCRIPT_ENTRY* script, ULONG length) { m_script = script, m_length = length; }
    void Begin(ULONG seed) override { m_next = 0; }
    ULONG Choose(const KX_CHOICE& choice) override;
    [[nodiscard]] ULONG Stay(ULONG step) const override;

private:
    const KX_SCRIPT_ENTRY* m_script = nullptr;
    ULONG m_length = 0, m_next = 0;
};

/// Every schedule with at most `bound` choices against the default, depth first. Begin takes the next one; its seed is
/// not used. A processor that is blocked or has ended leaves a free choice; a preemption, and another choice than the
/// next in turn where a spin loop gives way, cost one each.
class KxTree final : public KxStrategy {
public:
    static constexpr ULONG MaximumSteps = 8192; ///< choices beyond are not varied
    /// Begins the search. @param bound choices against the default in one schedule
    void Configure(ULONG bound);
    void Begin(ULONG seed) override;
    ULONG Choose(const KX_CHOICE& choice) override;
    /// Goes to the next schedule. @returns false when there is none
    bool Advance();
    /// What the script of the current schedule is. @returns its length, cut to `size`
    ULONG Describe(KX_SCRIPT_ENTRY* script, ULONG size) const;

private:
    struct Node {
        UCHAR Chosen;
        UCHAR Default;
        UCHAR Untried; ///< set of processors
        bool Free;     ///< a choice here costs nothing
        UCHAR Spent;   ///< choices against the default before this one
    };
    ULONG Spent(const Node& node) const { return node.Spent + (!node.Free && node.Chosen != node.Default); }
    Node m_nodes[MaximumSteps];
    ULONG m_length = 0; ///< choices of the current run
    ULONG m_prefix = 0; ///< of these, decided beforehand
    ULONG m_bound = 0;
};
