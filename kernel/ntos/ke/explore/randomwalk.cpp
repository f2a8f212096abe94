// Jitter and random walk: a change of processor by chance.
//
// In the books: none. SYH-01
#include "strategy.h"

void KxJitter::Configure(ULONG least, ULONG most) {
    m_least = least != 0 ? least : 1;
    m_most = most > m_least ? most : m_least;
}

void KxJitter::Begin(ULONG seed) {
    m_random.Seed(seed);
    m_left = Draw();
}

ULONG KxJitter::Choose(const KX_CHOICE& choice) {
    if (choice.Step == 0) return m_random.OneOf(choice.Runnable);
    if (m_left > 0) m_left--;
    if (CanStay(choice) && m_left > 0) return choice.Current;
    if (m_left == 0) m_left = Draw();
    return m_random.OneOf(Others(choice));
}

ULONG KxWalk::Choose(const KX_CHOICE& choice) {
    constexpr ULONG one = 65536;
    if (choice.Step == 0) return m_random.OneOf(choice.Runnable);
    if (CanStay(choice) && m_random.Below(one) >= m_probability) return choice.Current;
    return m_random.OneOf(Others(choice));
}
