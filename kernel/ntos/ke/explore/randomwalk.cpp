// Jitter and random walk: a change of processor by chance.
//
// Both draw how many points the next one runs; a walk with probability p at each point is the same as one draw from the
// geometric distribution.
// In the books: none. SYH-01
#include "strategy.h"

void KxByChance::Begin(ULONG seed) {
    m_random.Seed(seed);
    m_left = Draw();
}

ULONG KxByChance::Choose(const KX_CHOICE& choice) {
    if (choice.Step == 0) return m_random.OneOf(choice.Runnable);
    if (m_left > 0) m_left--;
    if (CanStay(choice) && m_left > 0) return choice.Current;
    if (m_left == 0) m_left = Draw();
    return m_random.OneOf(Others(choice));
}

void KxJitter::Configure(ULONG least, ULONG most) {
    m_least = least != 0 ? least : 1;
    m_most = most > m_least ? most : m_least;
}

ULONG KxWalk::Draw() {
    constexpr ULONG one = 65536, longest = 4096;
    ULONG points = 1;
    while (points < longest && m_random.Below(one) >= m_probability)
        points++;
    return points;
}
