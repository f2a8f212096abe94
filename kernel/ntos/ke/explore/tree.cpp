// The bounded search: all schedules with a few choices against the default, depth first.
//
// A run is a row of choices. The search keeps the row of the last run with, at each place, the processors that were not tried
// there yet. The next run repeats the row up to the last place where one is left, takes it there, and goes on by default.
// Invariant: every run follows m_nodes[0..m_prefix) exactly, for the same choices lead to the same questions.
// In the books: none. SYH-01
#include "strategy.h"

void KxTree::Configure(ULONG bound) {
    m_bound = bound;
    m_prefix = m_length = 0;
}

void KxTree::Begin(ULONG) { m_length = 0; }

ULONG KxTree::Choose(const KX_CHOICE& choice) {
    const ULONG usual = Default(choice);
    if (m_length >= MaximumSteps) return usual;
    Node& node = m_nodes[m_length];
    if (m_length++ < m_prefix) {
        if (choice.Runnable & Bit(node.Chosen)) return node.Chosen;
        node.Untried = 0; // cannot be, unless something beside the schedule decides too: then this branch is over
        node.Chosen = UCHAR(usual);
        return usual;
    }
    node.Chosen = node.Default = UCHAR(usual);
    node.Free = choice.Step == 0 || (choice.Runnable & Bit(choice.Current)) == 0;
    node.Spent = UCHAR(m_length > 1 ? Spent(m_nodes[m_length - 2]) : 0);
    ULONG untried = choice.Runnable & ~Bit(usual);
    if (choice.Yield) untried &= ~Bit(choice.Current); // it would only find again that it has to wait
    node.Untried = UCHAR(node.Free || node.Spent < m_bound ? untried : 0);
    return usual;
}

bool KxTree::Advance() {
    for (ULONG i = m_length; i-- > 0;) {
        Node& node = m_nodes[i];
        if (node.Untried == 0) continue;
        node.Chosen = UCHAR(__builtin_ctz(node.Untried));
        node.Untried = UCHAR(node.Untried & (node.Untried - 1));
        m_prefix = i + 1;
        return true;
    }
    return false;
}

ULONG KxTree::Describe(KX_SCRIPT_ENTRY* script, ULONG size) const {
    ULONG length = 0;
    for (ULONG i = 0; i < m_length && length < size; i++) {
        // the i-th question is asked at step i: every step asks one
        if (m_nodes[i].Chosen != m_nodes[i].Default) script[length++] = {.Step = i, .Processor = m_nodes[i].Chosen};
    }
    return length;
}
