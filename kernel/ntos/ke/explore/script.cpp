// The strategies without chance: a script, and the stock timer for comparison.
//
// In the books: none. SYH-01
#include "nt/timestamp.h"
#include "strategy.h"

ULONG KxScript::Choose(const KX_CHOICE& choice) {
    while (m_next < m_length && m_script[m_next].Step < choice.Step)
        m_next++;
    if (m_next < m_length && m_script[m_next].Step == choice.Step) {
        const ULONG wanted = m_script[m_next].Processor;
        if (wanted < KX_PROCESSORS && (choice.Runnable & Bit(wanted))) return wanted;
    }
    return Default(choice);
}

ULONG KxScript::Stay(ULONG step) const {
    ULONG next = m_next;
    while (next < m_length && m_script[next].Step < step)
        next++;
    return next < m_length ? m_script[next].Step - step : FOR_LONG;
}

void KxTimer::Begin(ULONG seed) {
    KxRandom phase;
    phase.Seed(seed);
    m_next = nt::ReadTimeStamp() + phase.Below(m_period != 0 ? m_period : 1);
}

ULONG KxTimer::Choose(const KX_CHOICE& choice) {
    const bool canStay = (choice.Runnable & Bit(choice.Current)) != 0; // a spinning actor spins until its time is over
    const ULONGLONG now = nt::ReadTimeStamp();
    if (canStay && now < m_next) return choice.Current;
    while (m_next <= now)
        m_next += m_period != 0 ? m_period : 1;
    KX_CHOICE change = choice;
    change.Yield = true;
    return Default(change);
}
