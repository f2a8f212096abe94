// Which IRQL a bus interrupt line has, and which pending level is served next: arithmetic without hardware.
//
// Lines 0..15 are the ISA lines, 16..23 the further inputs of the first I/O APIC. Every line has a level of its own, so
// a bit of KPCR::IRR says everything about a held-back interrupt: line 0 (the clock) CLOCK_LEVEL, line n 27 - n.
// In the books: "hardware interrupt processing: IRQLs". INT-01, HAL-05
#pragma once

#include "ke/irql.h"

constexpr ULONG HALP_LINES = 24;
constexpr ULONG HALP_CLOCK_LINE = 0;
constexpr ULONG HALP_CASCADE_LINE = 2; ///< connects the slave PIC: no device is on it

constexpr ULONG HalpNumber(KIRQL irql) { return static_cast<ULONG>(irql); }

/// @returns PASSIVE_LEVEL if there is no such line.
constexpr KIRQL HalpIrqlOfLine(ULONG line) {
    if (line >= HALP_LINES) return PASSIVE_LEVEL;
    return line == HALP_CLOCK_LINE ? CLOCK_LEVEL : static_cast<KIRQL>(HalpNumber(PROFILE_LEVEL) - line);
}

/// @returns HALP_LINES if no line has this level.
constexpr ULONG HalpLineOfIrql(KIRQL irql) {
    if (irql == CLOCK_LEVEL) return HALP_CLOCK_LINE;
    const ULONG line = HalpNumber(PROFILE_LEVEL) - HalpNumber(irql);
    return irql < PROFILE_LEVEL && line < HALP_LINES ? line : HALP_LINES;
}

/// The bit of a level in KPCR::IRR, IrrActive and IDR.
constexpr ULONG HalpBit(KIRQL irql) { return 1u << HalpNumber(irql); }

/// The levels above `irql`.
constexpr ULONG HalpAbove(KIRQL irql) { return irql == HIGH_LEVEL ? 0 : ~0u << (HalpNumber(irql) + 1); }

/// The highest level in `pending` that a processor at `irql` takes; PASSIVE_LEVEL if there is none.
constexpr KIRQL HalpHighestAbove(ULONG pending, KIRQL irql) {
    const ULONG deliverable = pending & HalpAbove(irql);
    return deliverable ? static_cast<KIRQL>(31 - __builtin_clz(deliverable)) : PASSIVE_LEVEL;
}
