// The CMOS clock's codings. HAL-07
#include "rtc.h"

#include <gtest/gtest.h>

namespace {

HALP_RTC_REGISTERS Bcd() {
    return {.Second = 0x59,
            .Minute = 0x34,
            .Hour = 0x23,
            .Weekday = 1,
            .Day = 0x29,
            .Month = 0x02,
            .Year = 0x00,
            .Century = 0x20,
            .StatusB = RTC_B_24_HOURS};
}

} // namespace

// HAL-07
TEST(Rtc, BcdTwentyFourHours) {
    TIME_FIELDS t;
    ASSERT_TRUE(HalpDecodeRtc(Bcd(), &t));
    EXPECT_EQ(t.Year, 2000);
    EXPECT_EQ(t.Month, 2);
    EXPECT_EQ(t.Day, 29);
    EXPECT_EQ(t.Hour, 23);
    EXPECT_EQ(t.Minute, 34);
    EXPECT_EQ(t.Second, 59);
    EXPECT_EQ(t.Weekday, 0);
}

// HAL-07
TEST(Rtc, Binary) {
    TIME_FIELDS t;
    ASSERT_TRUE(HalpDecodeRtc({.Second = 59,
                               .Minute = 10,
                               .Hour = 19,
                               .Weekday = 7,
                               .Day = 31,
                               .Month = 12,
                               .Year = 26,
                               .Century = 0,
                               .StatusB = RTC_B_24_HOURS | RTC_B_BINARY},
                              &t));
    EXPECT_EQ(t.Year, 2026);
    EXPECT_EQ(t.Hour, 19);
    EXPECT_EQ(t.Weekday, 6);
}

// HAL-07: 12 AM is hour 0, 12 PM is hour 12
TEST(Rtc, TwelveHours) {
    HALP_RTC_REGISTERS r = Bcd();
    r.StatusB = 0;
    const struct {
        UCHAR Register;
        SHORT Hour;
    } cases[] = {
        {0x12, 0}, {0x01, 1}, {0x11, 11}, {RTC_HOUR_PM | 0x12, 12}, {RTC_HOUR_PM | 0x01, 13}, {RTC_HOUR_PM | 0x11, 23}};
    for (const auto& c : cases) {
        TIME_FIELDS t;
        r.Hour = c.Register;
        ASSERT_TRUE(HalpDecodeRtc(r, &t)) << int(c.Register);
        EXPECT_EQ(t.Hour, c.Hour) << int(c.Register);
    }
    TIME_FIELDS t;
    r.Hour = 0x13;
    EXPECT_FALSE(HalpDecodeRtc(r, &t));
    r.Hour = 0;
    EXPECT_FALSE(HalpDecodeRtc(r, &t));
}

// HAL-07
TEST(Rtc, CenturyRegisterOrPivot) {
    HALP_RTC_REGISTERS r = Bcd();
    TIME_FIELDS t;
    r.Day = 0x01;
    r.Century = 0x19;
    r.Year = 0x99;
    ASSERT_TRUE(HalpDecodeRtc(r, &t));
    EXPECT_EQ(t.Year, 1999);
    r.Century = 0xFF; // not BCD: no such register
    ASSERT_TRUE(HalpDecodeRtc(r, &t));
    EXPECT_EQ(t.Year, 1999);
    r.Year = 0x79;
    ASSERT_TRUE(HalpDecodeRtc(r, &t));
    EXPECT_EQ(t.Year, 2079);
}

// HAL-07
TEST(Rtc, WhatIsNotADateIsRefused) {
    TIME_FIELDS t;
    for (UCHAR HALP_RTC_REGISTERS::*field :
         {&HALP_RTC_REGISTERS::Second, &HALP_RTC_REGISTERS::Minute, &HALP_RTC_REGISTERS::Hour, &HALP_RTC_REGISTERS::Day,
          &HALP_RTC_REGISTERS::Month, &HALP_RTC_REGISTERS::Year}) {
        HALP_RTC_REGISTERS r = Bcd();
        r.*field = 0xFF;
        EXPECT_FALSE(HalpDecodeRtc(r, &t));
    }
    HALP_RTC_REGISTERS r = Bcd();
    r.Year = 0x01; // 2001 has no 29 February
    EXPECT_FALSE(HalpDecodeRtc(r, &t));
}
