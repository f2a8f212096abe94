// Conversion between calendar time and system time.
//
// Days are counted from 1 January 1601. Counting years from 1 March puts the leap day at the end of a year: then the
// lengths of months follow one formula, (153 m + 2) / 5 days before month m.
// HAL-07, EXE-01
#include "rtl/time.h"

namespace {

constexpr LONGLONG UNITS_PER_MILLISECOND = TIME_UNITS_PER_SECOND / 1000;
constexpr LONG SECONDS_PER_DAY = 24 * 60 * 60;
constexpr LONG DAYS_PER_400_YEARS = 146097;
constexpr LONG DAYS_PER_100_YEARS = 36524;
constexpr LONG DAYS_PER_4_YEARS = 1461;
/// 1 March 1600 to 1 January 1601: counting begins there.
constexpr LONG MARCH_1600_TO_1601 = 306;

bool IsLeapYear(LONG year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

LONG DaysInMonth(LONG month, LONG year) {
    if (month == 2) return IsLeapYear(year) ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/// Days from 1 January 1601 to a date.
LONG DaysSince1601(LONG year, LONG month, LONG day) {
    const LONG marchYear = year - (month < 3) - 1600;
    const LONG marchMonth = month < 3 ? month + 9 : month - 3;
    return marchYear * 365 + marchYear / 4 - marchYear / 100 + marchYear / 400 + (153 * marchMonth + 2) / 5 + day - 1 -
           MARCH_1600_TO_1601;
}

constexpr LONGLONG SECONDS_1601_TO_1970 = 134'774LL * SECONDS_PER_DAY; // 369 years, 89 of them with a leap day
constexpr LONGLONG SECONDS_1601_TO_1980 = 138'426LL * SECONDS_PER_DAY;

BOOLEAN SecondsSince(LONGLONG epoch, const LARGE_INTEGER* time, ULONG* seconds) {
    const LONGLONG elapsed = time->QuadPart / TIME_UNITS_PER_SECOND - epoch;
    if (time->QuadPart < 0 || elapsed < 0 || elapsed > 0xFFFFFFFFLL) return FALSE;
    *seconds = ULONG(elapsed);
    return TRUE;
}

bool InRange(LONG value, LONG low, LONG high) { return value >= low && value <= high; }

} // namespace

extern "C" {

BOOLEAN NTAPI RtlTimeFieldsToTime(const TIME_FIELDS* TimeFields, PLARGE_INTEGER Time) {
    const TIME_FIELDS& f = *TimeFields;
    if (!InRange(f.Year, 1601, 30827) || !InRange(f.Month, 1, 12) || !InRange(f.Day, 1, DaysInMonth(f.Month, f.Year)) ||
        !InRange(f.Hour, 0, 23) || !InRange(f.Minute, 0, 59) || !InRange(f.Second, 0, 59) ||
        !InRange(f.Milliseconds, 0, 999))
        return FALSE;
    const LONGLONG seconds =
        LONGLONG(DaysSince1601(f.Year, f.Month, f.Day)) * SECONDS_PER_DAY + (f.Hour * 60 + f.Minute) * 60 + f.Second;
    Time->QuadPart = seconds * TIME_UNITS_PER_SECOND + f.Milliseconds * UNITS_PER_MILLISECOND;
    return TRUE;
}

void NTAPI RtlTimeToTimeFields(const LARGE_INTEGER* Time, PTIME_FIELDS TimeFields) {
    const LONGLONG milliseconds = Time->QuadPart / UNITS_PER_MILLISECOND;
    const LONGLONG seconds = milliseconds / 1000;
    const LONG days = LONG(seconds / SECONDS_PER_DAY);
    const LONG ofDay = LONG(seconds % SECONDS_PER_DAY);

    LONG rest = days + MARCH_1600_TO_1601;
    LONG year = 1600 + rest / DAYS_PER_400_YEARS * 400;
    rest %= DAYS_PER_400_YEARS;
    const LONG centuries = rest / DAYS_PER_100_YEARS - rest / (DAYS_PER_400_YEARS - 1); // the 400th year's leap day
    rest -= centuries * DAYS_PER_100_YEARS;
    year += centuries * 100 + rest / DAYS_PER_4_YEARS * 4;
    rest %= DAYS_PER_4_YEARS;
    const LONG years = rest / 365 - rest / (DAYS_PER_4_YEARS - 1); // and the fourth year's
    rest -= years * 365;
    const LONG marchMonth = (5 * rest + 2) / 153;
    const LONG month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;

    TimeFields->Year = SHORT(year + years + (month < 3));
    TimeFields->Month = SHORT(month);
    TimeFields->Day = SHORT(rest - (153 * marchMonth + 2) / 5 + 1);
    TimeFields->Hour = SHORT(ofDay / 3600);
    TimeFields->Minute = SHORT(ofDay / 60 % 60);
    TimeFields->Second = SHORT(ofDay % 60);
    TimeFields->Milliseconds = SHORT(milliseconds % 1000);
    TimeFields->Weekday = SHORT((days + 1) % 7); // 1 January 1601 was a Monday
}

void NTAPI RtlTimeToElapsedTimeFields(const LARGE_INTEGER* Time, PTIME_FIELDS TimeFields) {
    const LONGLONG milliseconds = Time->QuadPart / UNITS_PER_MILLISECOND;
    const LONGLONG seconds = milliseconds / 1000;
    const LONG ofDay = LONG(seconds % SECONDS_PER_DAY);
    *TimeFields = {};
    TimeFields->Day = SHORT(seconds / SECONDS_PER_DAY);
    TimeFields->Hour = SHORT(ofDay / 3600);
    TimeFields->Minute = SHORT(ofDay / 60 % 60);
    TimeFields->Second = SHORT(ofDay % 60);
    TimeFields->Milliseconds = SHORT(milliseconds % 1000);
}

BOOLEAN NTAPI RtlTimeToSecondsSince1970(const LARGE_INTEGER* Time, ULONG* ElapsedSeconds) {
    return SecondsSince(SECONDS_1601_TO_1970, Time, ElapsedSeconds);
}

BOOLEAN NTAPI RtlTimeToSecondsSince1980(const LARGE_INTEGER* Time, ULONG* ElapsedSeconds) {
    return SecondsSince(SECONDS_1601_TO_1980, Time, ElapsedSeconds);
}

void NTAPI RtlSecondsSince1970ToTime(ULONG ElapsedSeconds, PLARGE_INTEGER Time) {
    Time->QuadPart = (ElapsedSeconds + SECONDS_1601_TO_1970) * TIME_UNITS_PER_SECOND;
}

void NTAPI RtlSecondsSince1980ToTime(ULONG ElapsedSeconds, PLARGE_INTEGER Time) {
    Time->QuadPart = (ElapsedSeconds + SECONDS_1601_TO_1980) * TIME_UNITS_PER_SECOND;
}
}
