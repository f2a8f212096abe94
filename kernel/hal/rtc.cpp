// Decoding the real-time clock's registers: runs on the host too. HAL-07
#include "rtc.h"

namespace {

/// -1 if the digits are not decimal.
LONG Decode(UCHAR value, bool binary) {
    if (binary) return value;
    const LONG high = value >> 4, low = value & 0xF;
    return high > 9 || low > 9 ? -1 : high * 10 + low;
}

/// 12-hour clocks count 12, 1, 2 ... 11 and mark the afternoon.
LONG DecodeHour(UCHAR value, UCHAR statusB) {
    const bool binary = statusB & RTC_B_BINARY;
    if (statusB & RTC_B_24_HOURS) return Decode(value, binary);
    const LONG hour = Decode(value & ~RTC_HOUR_PM, binary);
    if (hour < 1 || hour > 12) return -1;
    return hour % 12 + ((value & RTC_HOUR_PM) ? 12 : 0);
}

LONG DecodeYear(LONG year, LONG century) {
    constexpr LONG pivot = 80;
    if (century >= 19 && century <= 21) return century * 100 + year;
    return year < pivot ? 2000 + year : 1900 + year;
}

} // namespace

bool HalpDecodeRtc(const HALP_RTC_REGISTERS& registers, TIME_FIELDS* fields) {
    const bool binary = registers.StatusB & RTC_B_BINARY;
    const LONG year = Decode(registers.Year, binary);
    if (year < 0 || year > 99) return false;
    fields->Year = SHORT(DecodeYear(year, Decode(registers.Century, binary)));
    fields->Month = SHORT(Decode(registers.Month, binary));
    fields->Day = SHORT(Decode(registers.Day, binary));
    fields->Hour = SHORT(DecodeHour(registers.Hour, registers.StatusB));
    fields->Minute = SHORT(Decode(registers.Minute, binary));
    fields->Second = SHORT(Decode(registers.Second, binary));
    fields->Milliseconds = 0;
    fields->Weekday = SHORT(Decode(registers.Weekday, binary) - 1);
    LARGE_INTEGER time; // the calendar decides
    return RtlTimeFieldsToTime(fields, &time);
}
