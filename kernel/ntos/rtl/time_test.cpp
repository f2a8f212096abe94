// Calendar time and system time, checked against each other and against known dates. HAL-07
#include "rtl/time.h"

#include <gtest/gtest.h>

namespace {

LONGLONG Time(SHORT year, SHORT month, SHORT day, SHORT hour = 0, SHORT minute = 0, SHORT second = 0, SHORT ms = 0) {
    const TIME_FIELDS fields{year, month, day, hour, minute, second, ms, 0};
    LARGE_INTEGER time;
    return RtlTimeFieldsToTime(&fields, &time) ? time.QuadPart : -1;
}

constexpr LONGLONG DAY = 24 * 60 * 60 * TIME_UNITS_PER_SECOND;

} // namespace

// HAL-07
TEST(SystemTime, KnownDates) {
    EXPECT_EQ(Time(1601, 1, 1), 0);
    EXPECT_EQ(Time(1601, 1, 1, 0, 0, 1), TIME_UNITS_PER_SECOND);
    EXPECT_EQ(Time(1970, 1, 1), 116'444'736'000'000'000); // the UNIX epoch
    EXPECT_EQ(Time(2000, 1, 1), 125'911'584'000'000'000);
    EXPECT_EQ(Time(2000, 1, 1, 0, 0, 0, 1) - Time(2000, 1, 1), 10'000);
}

// HAL-07
TEST(SystemTime, LeapYears) {
    EXPECT_EQ(Time(2000, 3, 1) - Time(2000, 2, 28), 2 * DAY);
    EXPECT_EQ(Time(1900, 3, 1) - Time(1900, 2, 28), DAY);
    EXPECT_EQ(Time(2024, 3, 1) - Time(2024, 2, 28), 2 * DAY);
    EXPECT_EQ(Time(1900, 2, 29), -1);
    EXPECT_EQ(Time(2100, 2, 29), -1);
    EXPECT_NE(Time(2400, 2, 29), -1);
}

// HAL-07
TEST(SystemTime, OutOfRangeIsRefused) {
    EXPECT_EQ(Time(1600, 12, 31), -1);
    EXPECT_EQ(Time(2000, 0, 1), -1);
    EXPECT_EQ(Time(2000, 13, 1), -1);
    EXPECT_EQ(Time(2000, 4, 31), -1);
    EXPECT_EQ(Time(2000, 1, 1, 24), -1);
    EXPECT_EQ(Time(2000, 1, 1, 0, 60), -1);
    EXPECT_EQ(Time(2000, 1, 1, 0, 0, 60), -1);
    EXPECT_EQ(Time(2000, 1, 1, 0, 0, 0, 1000), -1);
}

// HAL-07: every day of 800 years follows the one before and comes back as itself
TEST(SystemTime, RoundTripsThroughEveryDay) {
    LARGE_INTEGER time{};
    SHORT weekday = 1; // 1 January 1601 was a Monday
    for (LONG day = 0; day < 2 * 146097; ++day, time.QuadPart += DAY) {
        TIME_FIELDS fields;
        RtlTimeToTimeFields(&time, &fields);
        LARGE_INTEGER back;
        ASSERT_TRUE(RtlTimeFieldsToTime(&fields, &back)) << day;
        ASSERT_EQ(back.QuadPart, time.QuadPart) << fields.Year << "-" << fields.Month << "-" << fields.Day;
        ASSERT_EQ(fields.Weekday, weekday);
        weekday = SHORT((weekday + 1) % 7);
    }
    TIME_FIELDS last;
    RtlTimeToTimeFields(&time, &last);
    EXPECT_EQ(last.Year, 2401);
    EXPECT_EQ(last.Month, 1);
    EXPECT_EQ(last.Day, 1);
}

// HAL-07
TEST(SystemTime, TimeOfDay) {
    LARGE_INTEGER time;
    time.QuadPart = Time(2026, 11, 21, 23, 35, 59, 999);
    TIME_FIELDS f;
    RtlTimeToTimeFields(&time, &f);
    EXPECT_EQ(f.Hour, 23);
    EXPECT_EQ(f.Minute, 35);
    EXPECT_EQ(f.Second, 59);
    EXPECT_EQ(f.Milliseconds, 999);
    EXPECT_EQ(f.Weekday, 6); // a Saturday
}

// HAL-07: whole seconds of 32 bits, and nothing outside of them
TEST(SystemTime, SecondsSinceAnEpoch) {
    LARGE_INTEGER time;
    ULONG seconds = 7;
    time.QuadPart = Time(1970, 1, 1);
    EXPECT_TRUE(RtlTimeToSecondsSince1970(&time, &seconds));
    EXPECT_EQ(seconds, 0u);
    EXPECT_FALSE(RtlTimeToSecondsSince1980(&time, &seconds));
    time.QuadPart -= 1;
    seconds = 7;
    EXPECT_FALSE(RtlTimeToSecondsSince1970(&time, &seconds));
    EXPECT_EQ(seconds, 7u);
    time.QuadPart = Time(1980, 1, 1, 0, 0, 59, 999);
    EXPECT_TRUE(RtlTimeToSecondsSince1980(&time, &seconds));
    EXPECT_EQ(seconds, 59u);
    RtlSecondsSince1980ToTime(59, &time);
    EXPECT_EQ(time.QuadPart, Time(1980, 1, 1, 0, 0, 59));
    RtlSecondsSince1970ToTime(0xFFFFFFFF, &time);
    EXPECT_EQ(time.QuadPart, Time(2106, 2, 7, 6, 28, 15));
    EXPECT_TRUE(RtlTimeToSecondsSince1970(&time, &seconds));
    EXPECT_EQ(seconds, 0xFFFFFFFFu);
    time.QuadPart += TIME_UNITS_PER_SECOND;
    EXPECT_FALSE(RtlTimeToSecondsSince1970(&time, &seconds));
}

// HAL-07
TEST(SystemTime, ElapsedTimeHasDays) {
    LARGE_INTEGER time;
    time.QuadPart = (((3 * 24 + 4) * 60LL + 5) * 60 + 6) * TIME_UNITS_PER_SECOND + 70'000;
    TIME_FIELDS f;
    RtlTimeToElapsedTimeFields(&time, &f);
    EXPECT_TRUE(f.Year == 0 && f.Month == 0 && f.Weekday == 0);
    EXPECT_TRUE(f.Day == 3 && f.Hour == 4 && f.Minute == 5 && f.Second == 6 && f.Milliseconds == 7);
}
