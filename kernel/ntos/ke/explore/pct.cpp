// PCT: random priorities that change at a few random steps.
//
// The processors get distinct priorities above the depth; the highest runnable one runs. At depth - 1 random steps the
// runner falls to one of the priorities depth - 1 .. 1, and a runner that gives way falls below all of these, so
// that a spin loop does not keep off the actor that it waits for.
// In the books: none. SYH-01
#include "strategy.h"

void KxPct::Configure(ULONG depth, ULONG steps) {
    m_depth = depth < 1 ? 1 : depth > MaximumDepth ? MaximumDepth : depth;
    m_steps = steps != 0 ? steps : 1;
}

void KxPct::Begin(ULONG seed) {
    m_random.Seed(seed);
    m_lowest = 0;
    for (ULONG i = 0; i < KX_PROCESSORS; i++) { // a random permutation, made as it grows
        const ULONG place = m_random.Below(i + 1);
        m_priority[i] = m_priority[place];
        m_priority[place] = LONG(m_depth + i);
    }
    for (ULONG i = 0; i + 1 < m_depth; i++)
        m_change[i] = 1 + m_random.Below(m_steps);
}

ULONG KxPct::Choose(const KX_CHOICE& choice) {
    if (choice.Step != 0) {
        for (ULONG i = 0; i + 1 < m_depth; i++) {
            if (m_change[i] == choice.Step) m_priority[choice.Current] = LONG(m_depth - 1 - i);
        }
        if (choice.Yield) m_priority[choice.Current] = --m_lowest;
    }
    return Best(choice.Runnable);
}

ULONG KxPct::Stay(ULONG step) const {
    ULONG questions = FOR_LONG;
    for (ULONG i = 0; i + 1 < m_depth; i++) {
        if (m_change[i] >= step && m_change[i] - step < questions) questions = m_change[i] - step;
    }
    return questions;
}

ULONG KxPct::Best(ULONG runnable) const {
    ULONG best = ULONG(__builtin_ctz(runnable));
    for (ULONG i = best + 1; i < KX_PROCESSORS; i++) {
        if ((runnable & Bit(i)) && m_priority[i] > m_priority[best]) best = i;
    }
    return best;
}
