// Calendar time and system time.
//
// System time counts 100 ns units since 1 January 1601 (a year after a year divisible by 400, which makes leap years
// regular). Any IRQL.
// In the books: "executive support: run-time library", "system time". HAL-07, EXE-01
#pragma once

#include "nt/types.h"

/// A broken-down time of day.
struct TIME_FIELDS {
    SHORT Year;   ///< 1601 and later
    SHORT Month;  ///< 1..12
    SHORT Day;    ///< 1..31
    SHORT Hour;   ///< 0..23
    SHORT Minute; ///< 0..59
    SHORT Second; ///< 0..59
    SHORT Milliseconds;
    SHORT Weekday; ///< 0 Sunday
};
using PTIME_FIELDS = TIME_FIELDS*;

constexpr LONGLONG TIME_UNITS_PER_SECOND = 10'000'000;

extern "C" {
/// @param TimeFields Weekday is ignored. @returns false if the fields are not a date and time of the calendar.
NTKERNELAPI BOOLEAN NTAPI RtlTimeFieldsToTime(const TIME_FIELDS* TimeFields, PLARGE_INTEGER Time);
/// @param Time not negative.
NTKERNELAPI void NTAPI RtlTimeToTimeFields(const LARGE_INTEGER* Time, PTIME_FIELDS TimeFields);
/// Splits a length of time: the fields count days (Day), hours, minutes, seconds, milliseconds; the others are 0.
NTKERNELAPI void NTAPI RtlTimeToElapsedTimeFields(const LARGE_INTEGER* Time, PTIME_FIELDS TimeFields);
/// Whole seconds since the beginning of 1970 (of 1980). @returns false, and changes nothing, if they do not fit 32 bits
NTKERNELAPI BOOLEAN NTAPI RtlTimeToSecondsSince1970(const LARGE_INTEGER* Time, ULONG* ElapsedSeconds);
NTKERNELAPI BOOLEAN NTAPI RtlTimeToSecondsSince1980(const LARGE_INTEGER* Time, ULONG* ElapsedSeconds);
NTKERNELAPI void NTAPI RtlSecondsSince1970ToTime(ULONG ElapsedSeconds, PLARGE_INTEGER Time);
NTKERNELAPI void NTAPI RtlSecondsSince1980ToTime(ULONG ElapsedSeconds, PLARGE_INTEGER Time);
}
