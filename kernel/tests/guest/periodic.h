// A second device that interrupts on request: the CMOS clock's periodic interrupt, on line 8, below the UART's level.
#pragma once

#include "guest_test.h"
#include "hal.h"

namespace periodic {

constexpr ULONG LINE = 8;
constexpr USHORT INDEX = 0x70, DATA = 0x71;
constexpr UCHAR STATUS_A = 0x0A, STATUS_B = 0x0B, STATUS_C = 0x0C;
constexpr UCHAR RATE = 0x0F, RATE_1024_HZ = 0x06;
constexpr UCHAR PERIODIC_INTERRUPT = 0x40;
constexpr ULONG LONGER_THAN_A_PERIOD = 1100; ///< microseconds

inline UCHAR Read(UCHAR index) {
    WRITE_PORT_UCHAR(INDEX, index);
    return READ_PORT_UCHAR(DATA);
}
inline void Write(UCHAR index, UCHAR value) {
    WRITE_PORT_UCHAR(INDEX, index);
    WRITE_PORT_UCHAR(DATA, value);
}

inline void Quiet() {
    Write(STATUS_B, Read(STATUS_B) & UCHAR(~PERIODIC_INTERRUPT));
    (void)Read(STATUS_C);
}

/// Asks within a period; once, because the request stays until the cause is read.
inline void RequestAndWait() {
    Write(STATUS_A, UCHAR((Read(STATUS_A) & ~RATE) | RATE_1024_HZ));
    (void)Read(STATUS_C);
    Write(STATUS_B, Read(STATUS_B) | PERIODIC_INTERRUPT);
    KeStallExecutionProcessor(LONGER_THAN_A_PERIOD);
}

/// Reads the cause. @returns whether the device was asking.
inline bool Withdraw() { return (Read(STATUS_C) & PERIODIC_INTERRUPT) != 0; }

} // namespace periodic
