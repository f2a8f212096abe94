// Times of the calendar. Contract: calendar.h.
//
// A year that begins in March has its odd day at its end: so the days before a month are one line of integers, and 400 years are one cycle.
// In the books: none; the C standard, "date and time". SYS-01
#include "calendar.h"

namespace {

constexpr LONGLONG DAY = 86'400; ///< seconds
constexpr int HOUR = 3600, MINUTE = 60;
constexpr LONGLONG CYCLE_DAYS = 146'097, CYCLE_YEARS = 400; ///< of the Gregorian calendar
constexpr LONGLONG DAYS_BEFORE_1970 = 719'468;              ///< since 1 March of the year 0
constexpr int FIRST_YEAR = 1900, WEEK = 7, THURSDAY = 4;    ///< 1 January 1970 was a Thursday

constexpr const char* DAYS[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr const char* MONTHS[] = {"January", "February", "March",     "April",   "May",      "June",
                                  "July",    "August",   "September", "October", "November", "December"};

/// A quotient that is rounded down, and what is left, which is never negative.
LONGLONG Floor(LONGLONG number, LONGLONG by) { return number / by - (number % by < 0); }
LONGLONG Rest(LONGLONG number, LONGLONG by) { return number - Floor(number, by) * by; }

/// Days from 1 January 1970. @param month 0..11
LONGLONG DaysTo(LONGLONG year, int month) {
    const LONGLONG marchYear = month < 2 ? year - 1 : year;
    const int marchMonth = (month + 10) % 12;
    const LONGLONG ofCycle = Rest(marchYear, CYCLE_YEARS);
    const LONGLONG inYear = (153 * marchMonth + 2) / 5; // 31, 30, 31, 30, 31 repeats every 153 days
    return Floor(marchYear, CYCLE_YEARS) * CYCLE_DAYS + ofCycle * 365 + ofCycle / 4 - ofCycle / 100 + inYear -
           DAYS_BEFORE_1970;
}

/// A week's number in the year, by its first day. @param firstDay 0: Sunday
int WeekOf(const TM& time, int firstDay) {
    return (time.tm_yday + WEEK - (time.tm_wday + WEEK - firstDay) % WEEK) / WEEK;
}

/// A text of bounded length.
class WRITER {
public:
    WRITER(char* text, SIZE_T room) : m_text(text), m_room(room) {}

    void Put(char character) {
        if (m_length < m_room) m_text[m_length] = character;
        m_length++;
    }
    /// @param limit characters at most
    void Put(const char* text, int limit = 32) {
        while (*text && limit-- > 0)
            Put(*text++);
    }
    void Number(int number, int digits) {
        for (int i = digits; i > 0; i--) {
            int power = 1;
            for (int j = 1; j < i; j++)
                power *= 10;
            Put(char('0' + number / power % 10));
        }
    }
    /// @returns characters; 0: they did not fit
    SIZE_T End() {
        Put('\0');
        return m_length <= m_room ? m_length - 1 : 0;
    }

private:
    char* m_text;
    SIZE_T m_room, m_length = 0;
};

bool Convert(WRITER& writer, char conversion, const TM& time);

/// Conversions, and what stands between them.
void Several(WRITER& writer, const char* conversions, const TM& time) {
    for (; *conversions; conversions++)
        if (*conversions < 'A' || !Convert(writer, *conversions, time)) writer.Put(*conversions);
}

/// @returns false: there is no such conversion
bool Convert(WRITER& writer, char conversion, const TM& time) {
    constexpr int half = 12, abbreviation = 3;
    const int year = time.tm_year + FIRST_YEAR;
    switch (conversion) {
    case 'a': writer.Put(DAYS[Rest(time.tm_wday, WEEK)], abbreviation); break;
    case 'A': writer.Put(DAYS[Rest(time.tm_wday, WEEK)]); break;
    case 'b': writer.Put(MONTHS[Rest(time.tm_mon, half)], abbreviation); break;
    case 'B': writer.Put(MONTHS[Rest(time.tm_mon, half)]); break;
    case 'c': Several(writer, "m/d/y H:M:S", time); break;
    case 'd': writer.Number(time.tm_mday, 2); break;
    case 'H': writer.Number(time.tm_hour, 2); break;
    case 'I': writer.Number((time.tm_hour + half - 1) % half + 1, 2); break;
    case 'j': writer.Number(time.tm_yday + 1, 3); break;
    case 'm': writer.Number(time.tm_mon + 1, 2); break;
    case 'M': writer.Number(time.tm_min, 2); break;
    case 'p': writer.Put(time.tm_hour < half ? "AM" : "PM"); break;
    case 'S': writer.Number(time.tm_sec, 2); break;
    case 'U': writer.Number(WeekOf(time, 0), 2); break;
    case 'w': writer.Number(time.tm_wday, 1); break;
    case 'W': writer.Number(WeekOf(time, 1), 2); break;
    case 'x': Several(writer, "m/d/y", time); break;
    case 'X': Several(writer, "H:M:S", time); break;
    case 'y': writer.Number(int(Rest(year, 100)), 2); break;
    case 'Y': writer.Number(year, 4); break;
    case 'z': writer.Put("+0000"); break;
    case 'Z': writer.Put("UTC"); break;
    case '%': writer.Put('%'); break;
    default: return false;
    }
    return true;
}

} // namespace

void CrtDivideTime(LONGLONG seconds, TM* time) {
    const LONGLONG days = Floor(seconds, DAY), since0 = days + DAYS_BEFORE_1970;
    const int ofDay = int(Rest(seconds, DAY));
    const LONGLONG ofCycle = Rest(since0, CYCLE_DAYS);
    // Each 4th, but not each 100th year of a cycle has a day more; so has the cycle's last.
    const LONGLONG year = (ofCycle - ofCycle / 1460 + ofCycle / 36524 - ofCycle / 146096) / 365;
    const int inYear = int(ofCycle - (365 * year + year / 4 - year / 100)), march = (5 * inYear + 2) / 153;
    const int month = (march + 2) % 12;
    const LONGLONG of = Floor(since0, CYCLE_DAYS) * CYCLE_YEARS + year + (month < 2);
    *time = {ofDay % MINUTE,
             ofDay % HOUR / MINUTE,
             ofDay / HOUR,
             inYear - (153 * march + 2) / 5 + 1,
             month,
             int(of - FIRST_YEAR),
             int(Rest(days + THURSDAY, WEEK)),
             int(days - DaysTo(of, 0)),
             0};
}

LONGLONG CrtJoinTime(const TM& time) {
    const LONGLONG year = LONGLONG(time.tm_year) + FIRST_YEAR + Floor(time.tm_mon, 12);
    return (DaysTo(year, int(Rest(time.tm_mon, 12))) + time.tm_mday - 1) * DAY + LONGLONG(time.tm_hour) * HOUR +
           LONGLONG(time.tm_min) * MINUTE + time.tm_sec;
}

SIZE_T CrtFormatTime(char* text, SIZE_T room, const char* format, const TM& time) {
    WRITER writer(text, room);
    for (; *format; format++) {
        if (*format != '%') {
            writer.Put(*format);
            continue;
        }
        if (format[1] == '#') format++; // documented: without zeros in front; they are written all the same
        if (!Convert(writer, *++format, time)) return 0;
    }
    return writer.End();
}
