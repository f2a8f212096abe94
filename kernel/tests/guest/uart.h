// A device that interrupts on request: COM1's transmitter-empty interrupt, on line 4. The debugger's port works by
// polling, so its interrupts are free; text still goes out while a test uses them.
//
// The request stays up until Quiet() or until the cause is read (Withdraw), as a level-sensitive device's would.
#pragma once

#include "guest_test.h"
#include "hal.h"

namespace uart {

constexpr ULONG LINE = 4;
constexpr USHORT INTERRUPT_ENABLE = 0x3F9, INTERRUPT_IDENTIFICATION = 0x3FA;
constexpr UCHAR TRANSMITTER_EMPTY = 0x02;
constexpr UCHAR NO_INTERRUPT = 0x01;
constexpr ULONG LONG_ENOUGH = 50; ///< microseconds in which a request reaches the processor

inline void Quiet() { WRITE_PORT_UCHAR(INTERRUPT_ENABLE, 0); }

/// Makes the device ask for an interrupt: a new edge, and a level that stays.
inline void Request() {
    Quiet();
    WRITE_PORT_UCHAR(INTERRUPT_ENABLE, TRANSMITTER_EMPTY);
}

/// Asks, and gives the interrupt time to come.
inline void RequestAndWait() {
    Request();
    KeStallExecutionProcessor(LONG_ENOUGH);
}

/// Reads the cause. @returns whether the device was asking; it does not any more.
inline bool Withdraw() { return !(READ_PORT_UCHAR(INTERRUPT_IDENTIFICATION) & NO_INTERRUPT); }

} // namespace uart
