// Reading the CMOS real-time clock. HAL-07
#include "hal.h"
#include "rtc.h"

namespace {

constexpr USHORT CMOS_INDEX = 0x70, CMOS_DATA = 0x71;
constexpr UCHAR SECOND = 0x00, MINUTE = 0x02, HOUR = 0x04, WEEKDAY = 0x06, DAY = 0x07, MONTH = 0x08, YEAR = 0x09;
constexpr UCHAR STATUS_A = 0x0A, STATUS_B = 0x0B, STATUS_D = 0x0D, CENTURY = 0x32;
constexpr UCHAR UPDATE_IN_PROGRESS = 0x80, POWER_WAS_KEPT = 0x80;
constexpr ULONG PATIENCE = 1'000'000;

UCHAR ReadCmos(UCHAR index) {
    WRITE_PORT_UCHAR(CMOS_INDEX, index);
    return READ_PORT_UCHAR(CMOS_DATA);
}

HALP_RTC_REGISTERS ReadRegisters() {
    return {
        .Second = ReadCmos(SECOND),
        .Minute = ReadCmos(MINUTE),
        .Hour = ReadCmos(HOUR),
        .Weekday = ReadCmos(WEEKDAY),
        .Day = ReadCmos(DAY),
        .Month = ReadCmos(MONTH),
        .Year = ReadCmos(YEAR),
        .Century = ReadCmos(CENTURY),
        .StatusB = ReadCmos(STATUS_B),
    };
}

} // namespace

extern "C" BOOLEAN NTAPI HalQueryRealTimeClock(TIME_FIELDS* TimeFields) {
    if (!(ReadCmos(STATUS_D) & POWER_WAS_KEPT)) return FALSE;
    // Registers may change while they are read: two equal readings with no update in between are one moment.
    for (ULONG i = 0; i < PATIENCE; ++i) {
        if (ReadCmos(STATUS_A) & UPDATE_IN_PROGRESS) continue;
        const HALP_RTC_REGISTERS first = ReadRegisters();
        if (ReadCmos(STATUS_A) & UPDATE_IN_PROGRESS) continue;
        if (first == ReadRegisters()) return HalpDecodeRtc(first, TimeFields);
    }
    return FALSE;
}
