// nt::InterruptsOff: keeps the processor's interrupts off (the hardware flag, not the IRQL) for a few instructions.
//
// For code that must work at any IRQL, with interrupts on or off, below the HAL's lazy IRQL: the event ring, the
// debugger's output. Nests: the flag is put back as it was found. Host tests have no interrupts.
// In the books: "interrupt flag (EFLAGS.IF)". INT-02
#pragma once

#include "nt/types.h"

namespace nt {

/// Keeps this processor's interrupts off for as long as it lives.
class InterruptsOff {
public:
#if defined(__i386__)
    InterruptsOff() { __asm__ __volatile__("pushfl; popl %0; cli" : "=r"(m_flags) : : "memory"); }
    ~InterruptsOff() { __asm__ __volatile__("pushl %0; popfl" : : "r"(m_flags) : "memory", "cc"); }
#else
    InterruptsOff() = default;
    ~InterruptsOff() {}
#endif
    InterruptsOff(const InterruptsOff&) = delete;
    InterruptsOff& operator=(const InterruptsOff&) = delete;

#if defined(__i386__)
private:
    ULONG m_flags;
#endif
};

} // namespace nt
