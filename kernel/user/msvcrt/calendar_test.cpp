// Times of the calendar, against the host's library. SYS-01
#include "msvcrt/calendar.h"

#include <cstring>
#include <ctime>
#include <gtest/gtest.h>
#include <string>

namespace {

std::tm Host(const TM& time) {
    std::tm host{};
    host.tm_sec = time.tm_sec, host.tm_min = time.tm_min, host.tm_hour = time.tm_hour, host.tm_mday = time.tm_mday;
    host.tm_mon = time.tm_mon, host.tm_year = time.tm_year, host.tm_wday = time.tm_wday, host.tm_yday = time.tm_yday;
    return host;
}

void Same(LONGLONG seconds) {
    TM time;
    CrtDivideTime(seconds, &time);
    const time_t hostSeconds = seconds;
    std::tm host{};
    gmtime_r(&hostSeconds, &host);
    ASSERT_EQ(host.tm_sec, time.tm_sec) << seconds;
    ASSERT_EQ(host.tm_min, time.tm_min) << seconds;
    ASSERT_EQ(host.tm_hour, time.tm_hour) << seconds;
    ASSERT_EQ(host.tm_mday, time.tm_mday) << seconds;
    ASSERT_EQ(host.tm_mon, time.tm_mon) << seconds;
    ASSERT_EQ(host.tm_year, time.tm_year) << seconds;
    ASSERT_EQ(host.tm_wday, time.tm_wday) << seconds;
    ASSERT_EQ(host.tm_yday, time.tm_yday) << seconds;
    ASSERT_EQ(0, time.tm_isdst);
    ASSERT_EQ(seconds, CrtJoinTime(time));
}

constexpr LONGLONG DAY = 86'400;

} // namespace

TEST(Calendar, EveryDayOfACycleIsTheHosts) {
    for (LONGLONG day = -200'000; day < 200'000; day++)
        Same(day * DAY + (day * 7919 % DAY + DAY) % DAY);
}
TEST(Calendar, TheLastSecondBefore1970IsAWednesday) {
    Same(-1);
    Same(0);
    Same(DAY - 1);
}
TEST(Calendar, FieldsOutsideOfTheirRangeAreCarriedOver) {
    for (const TM& time :
         {TM{0, 0, 0, 1, 12, 124, 0, 0, 0}, TM{0, 0, 0, 0, 0, 124, 0, 0, 0}, TM{-1, 70, 25, 31, 1, 124, 0, 0, 0},
          TM{0, 0, 0, 1, -1, 70, 0, 0, 0}, TM{90'000, 0, 0, 400, -30, 99, 0, 0, 0}}) {
        std::tm host = Host(time);
        EXPECT_EQ(timegm(&host), CrtJoinTime(time));
    }
}
TEST(Calendar, ConversionsAreTheHosts) {
    constexpr const char* conversions = "aAbBdHIjmMpSUwWyY%";
    for (LONGLONG day = 0; day < 1500; day++) {
        TM time;
        CrtDivideTime(day * DAY * 13 + day * 3607 % DAY, &time);
        const std::tm host = Host(time);
        for (const char* at = conversions; *at; at++) {
            const std::string format = std::string("<%") + *at + ">";
            char ours[64], hosts[64];
            ASSERT_EQ(strftime(hosts, sizeof(hosts), format.c_str(), &host),
                      CrtFormatTime(ours, sizeof(ours), format.c_str(), time));
            ASSERT_STREQ(hosts, ours) << format;
        }
    }
}
TEST(Calendar, WhatDoesNotFitIsNothing) {
    const TM time{5, 4, 3, 2, 0, 124, 2, 1, 0};
    char text[20];
    EXPECT_EQ(17u, CrtFormatTime(text, 18, "%c", time));
    EXPECT_STREQ("01/02/24 03:04:05", text);
    std::memset(text, '?', sizeof(text));
    EXPECT_EQ(0u, CrtFormatTime(text, 17, "%c", time));
    EXPECT_EQ('?', text[17]);
    EXPECT_EQ(0u, CrtFormatTime(text, sizeof(text), "%", time));
    EXPECT_EQ(0u, CrtFormatTime(text, sizeof(text), "%Q", time));
}
