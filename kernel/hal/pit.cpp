// The 8254: channel 0 as clock, channel 2 (the speaker's, polled) as yardstick. HAL-07
#include "pit.h"
#include "hal.h"

namespace {
constexpr USHORT PIT_CHANNEL_0 = 0x40, PIT_CHANNEL_2 = 0x42, PIT_CONTROL = 0x43;
constexpr UCHAR CHANNEL_0_RATE_GENERATOR = 0x34; // both bytes, mode 2
constexpr UCHAR CHANNEL_2_ONE_SHOT = 0xB0;       // both bytes, mode 0
constexpr USHORT SYSTEM_CONTROL_B = 0x61;
constexpr UCHAR GATE_2 = 0x01, SPEAKER = 0x02, OUT_2 = 0x20;
} // namespace

void HalpStartPitClock() {
    WRITE_PORT_UCHAR(PIT_CONTROL, CHANNEL_0_RATE_GENERATOR);
    WRITE_PORT_UCHAR(PIT_CHANNEL_0, UCHAR(PIT_CLOCK_DIVISOR));
    WRITE_PORT_UCHAR(PIT_CHANNEL_0, UCHAR(PIT_CLOCK_DIVISOR >> 8));
}

void HalpStartPitInterval(ULONG counts) {
    const UCHAR control = READ_PORT_UCHAR(SYSTEM_CONTROL_B) & UCHAR(~(GATE_2 | SPEAKER));
    WRITE_PORT_UCHAR(SYSTEM_CONTROL_B, control | GATE_2);
    WRITE_PORT_UCHAR(PIT_CONTROL, CHANNEL_2_ONE_SHOT);
    WRITE_PORT_UCHAR(PIT_CHANNEL_2, UCHAR(counts));
    WRITE_PORT_UCHAR(PIT_CHANNEL_2, UCHAR(counts >> 8));
}

bool HalpPitDone() { return (READ_PORT_UCHAR(SYSTEM_CONTROL_B) & OUT_2) != 0; }
