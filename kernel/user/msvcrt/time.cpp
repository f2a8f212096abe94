// The time, and how long the program runs. Contract: the C standard.
//
// imports: kernel32
// Simplified: a local time is UTC; there is no time zone, and no summer time.
// In the books: "system time". HAL-07
#include "perthread.h"

#include "kernel32.h"
#include "ke/shareddata.h"

namespace {

constexpr LONGLONG UNITS_PER_SECOND = 10'000'000;
constexpr LONGLONG SECONDS_TO_1970 = 11'644'473'600; ///< since 1601

ULONG Begin; ///< the machine's count of milliseconds when the process began

/// In 100 ns since 1601.
LONGLONG NowInUnits() {
    LARGE_INTEGER time{};
    (void)NtQuerySystemTime(&time);
    return time.QuadPart;
}
LONGLONG Now() { return NowInUnits() / UNITS_PER_SECOND - SECONDS_TO_1970; }

TM* Divide(LONGLONG seconds) {
    if (seconds < 0) { // documented: no time before 1970
        *_errno() = EINVAL;
        return nullptr;
    }
    TM* const time = &CrtPerThread().Time;
    CrtDivideTime(seconds, time);
    return time;
}

/// @returns -1: before 1970, or behind what the result can tell
LONGLONG Join(TM* time, LONGLONG last) {
    const LONGLONG seconds = CrtJoinTime(*time);
    if (seconds < 0 || seconds > last) return -1;
    CrtDivideTime(seconds, time);
    return seconds;
}

template <typename T> T Tell(T now, T* seconds) {
    if (seconds) *seconds = now;
    return now;
}

/// What _ftime tells (documented layout).
struct TIMEB {
    LONG Time;
    USHORT Milliseconds;
    SHORT TimeZone, SummerTime; ///< minutes, whether
};
PUBLIC_SIZE(TIMEB, 12);

} // namespace

void CrtBeginClock() { Begin = GetTickCount(); }

extern "C" {

LONG CDECL time(LONG* seconds) { return Tell(LONG(Now()), seconds); }
LONGLONG CDECL _time64(LONGLONG* seconds) { return Tell(Now(), seconds); }
void CDECL _ftime(TIMEB* time) {
    constexpr LONGLONG perMillisecond = UNITS_PER_SECOND / 1000;
    const LONGLONG now = NowInUnits();
    *time = {LONG(now / UNITS_PER_SECOND - SECONDS_TO_1970), USHORT(now % UNITS_PER_SECOND / perMillisecond), 0, 0};
}
/// Documented: not the processor's time, but all that has passed. @returns milliseconds
LONG CDECL clock() { return LONG(GetTickCount() - Begin); }
double CDECL difftime(LONG end, LONG begin) { return double(LONGLONG(end) - begin); }

/// @returns the thread's own TM; nullptr: before 1970
TM* CDECL gmtime(const LONG* seconds) { return Divide(*seconds); }
TM* CDECL localtime(const LONG* seconds) { return Divide(*seconds); }
TM* CDECL _gmtime64(const LONGLONG* seconds) { return Divide(*seconds); }
TM* CDECL _localtime64(const LONGLONG* seconds) { return Divide(*seconds); }
LONG CDECL mktime(TM* time) { return LONG(Join(time, 0x7FFFFFFF)); }
LONGLONG CDECL _mktime64(TM* time) { return Join(time, 0x793582AFF); } // documented: the end of the year 3000

/// "Wed Jan 02 02:03:55 1980\n"
char* CDECL asctime(const TM* time) {
    char* const text = CrtPerThread().TimeText;
    (void)CrtFormatTime(text, sizeof(CrtPerThread().TimeText), "%a %b %d %H:%M:%S %Y\n", *time);
    return text;
}
char* CDECL ctime(const LONG* seconds) {
    const TM* const time = localtime(seconds);
    return time ? asctime(time) : nullptr;
}

SIZE_T CDECL strftime(char* text, SIZE_T room, const char* format, const TM* time) {
    return CrtFormatTime(text, room, format, *time);
}
}
