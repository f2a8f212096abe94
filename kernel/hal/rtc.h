// The registers of the CMOS real-time clock, and their meaning.
#pragma once

#include "nt/types.h"
#include "rtl/time.h"

/// The time registers as read, and status register B, which says how they are coded.
struct HALP_RTC_REGISTERS {
    UCHAR Second, Minute, Hour, Weekday, Day, Month, Year, Century, StatusB;
    bool operator==(const HALP_RTC_REGISTERS&) const = default;
};

constexpr UCHAR RTC_B_24_HOURS = 0x02;
constexpr UCHAR RTC_B_BINARY = 0x04;
constexpr UCHAR RTC_HOUR_PM = 0x80;

/// BCD or binary, 12 or 24 hours, two-digit year with or without a century register (0: none; years below 80 are
/// 20xx then). @returns false if the registers are not a date and time.
bool HalpDecodeRtc(const HALP_RTC_REGISTERS& registers, TIME_FIELDS* fields);
