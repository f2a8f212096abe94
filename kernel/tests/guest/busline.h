// A line of the ISA bus, as the HAL names it to drivers.
#pragma once

#include "hal.h"

/// The vector and level of a line.
struct BusLine {
    ULONG Vector;
    KIRQL Irql;
    KAFFINITY Affinity;
    explicit BusLine(ULONG line) {
        Vector = HalGetInterruptVector(INTERFACE_TYPE::Isa, 0, line, line, &Irql, &Affinity);
    }
};
