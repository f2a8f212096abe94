// Times of the calendar, in seconds since 1970; on its own, so that the host can test it.
#pragma once

#include "nt/types.h"

/// A date and time, as programs know it (documented layout).
struct TM {
    int tm_sec;   ///< 0..59
    int tm_min;   ///< 0..59
    int tm_hour;  ///< 0..23
    int tm_mday;  ///< 1..31
    int tm_mon;   ///< 0..11
    int tm_year;  ///< since 1900
    int tm_wday;  ///< 0 Sunday
    int tm_yday;  ///< 0..365
    int tm_isdst; ///< 0: there is no summer time
};

/// @param seconds since 1970, before it negative
void CrtDivideTime(LONGLONG seconds, TM* time);
/// A date and time in seconds since 1970. A field may lie outside of its range: month 12 is next year's first. tm_wday, tm_yday are not looked at.
LONGLONG CrtJoinTime(const TM& time);
/// A date and time in words, by the conversions of strftime in the locale "C".
/// @returns characters without the 0; 0: they do not fit into `room`, or the format names no conversion
SIZE_T CrtFormatTime(char* text, SIZE_T room, const char* format, const TM& time);
