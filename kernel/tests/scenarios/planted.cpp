// Races planted in code of the courseware's own, and their corrected twins: what the explorer must find, and what it must
// never accuse.
#include "scenario_main.h"

namespace {

/// Two increments of one word, not interlocked: one may be lost.
struct LostUpdate {
    static constexpr ULONG Flags = KX_SCENARIO_PLANTED;
    static inline volatile LONG Counter;
    static void Add() { Counter = Counter + 1; }
    static void Setup() { Counter = 0; }
    static void Actor0() { Add(); }
    static void Actor1() { Add(); }
    static void Check() { CHECK_EQUAL(2, Counter); }
};

struct LostUpdateMended {
    static inline volatile LONG Counter;
    static void Setup() { Counter = 0; }
    static void Actor0() { InterlockedIncrement(&Counter); }
    static void Actor1() { InterlockedIncrement(&Counter); }
    static void Check() { CHECK_EQUAL(2, Counter); }
};

} // namespace

SCENARIO(LostUpdate);
SCENARIO(LostUpdateMended);
