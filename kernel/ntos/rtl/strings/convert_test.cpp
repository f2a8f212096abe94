// Conversions between the code pages and UTF-16, and between numbers and text.
// EXE-01
#include "fakepool.h"
#include "rtl/string.h"
#include "rtl/ustring.h"

#include <cstring>
#include <gtest/gtest.h>
#include <string>

namespace {

UNICODE_STRING Of(const std::u16string& text) {
    return {USHORT(text.size() * sizeof(WCHAR)), USHORT(text.size() * sizeof(WCHAR)), const_cast<PWSTR>(text.data())};
}
STRING Of(const char* text) {
    STRING string;
    RtlInitString(&string, text);
    return string;
}
STRING Of(const std::string& text) { return {USHORT(text.size()), USHORT(text.size()), const_cast<PSTR>(text.data())}; }
std::u16string Text(const UNICODE_STRING& string) { return {string.Buffer, string.Length / sizeof(WCHAR)}; }
std::string Text(const STRING& string) { return {string.Buffer, string.Length}; }

ULONG Read(const std::u16string& text, ULONG base) {
    const UNICODE_STRING string = Of(text);
    ULONG value = 0xDEADBEEF;
    EXPECT_EQ(RtlUnicodeStringToInteger(&string, base, &value), STATUS_SUCCESS);
    const std::string narrow(text.begin(), text.end());
    ULONG same = 0;
    EXPECT_EQ(RtlCharToInteger(narrow.c_str(), base, &same), STATUS_SUCCESS);
    EXPECT_EQ(same, value);
    return value;
}

std::u16string Written(ULONGLONG value, ULONG base) {
    WCHAR buffer[65];
    UNICODE_STRING string = {0, sizeof(buffer), buffer};
    EXPECT_EQ(RtlInt64ToUnicodeString(value, base, &string), STATUS_SUCCESS);
    EXPECT_EQ(buffer[string.Length / sizeof(WCHAR)], 0);
    return Text(string);
}

} // namespace

TEST(ConvertTest, EveryByteSurvivesTheRoundTrip) {
    CHAR all[256];
    for (ULONG i = 0; i < 256; i++)
        all[i] = static_cast<CHAR>(i);
    WCHAR wide[256];
    CHAR back[256];
    ULONG bytes = 0;
    for (bool oem : {false, true}) {
        EXPECT_EQ((oem ? RtlOemToUnicodeN : RtlMultiByteToUnicodeN)(wide, sizeof(wide), &bytes, all, 256),
                  STATUS_SUCCESS);
        EXPECT_EQ(bytes, 512u);
        EXPECT_EQ((oem ? RtlUnicodeToOemN : RtlUnicodeToMultiByteN)(back, sizeof(back), &bytes, wide, sizeof(wide)),
                  STATUS_SUCCESS);
        EXPECT_EQ(bytes, 256u);
        EXPECT_EQ(std::memcmp(all, back, sizeof(all)), 0);
    }
    EXPECT_EQ(wide[0x84], 0xE4) << "OEM";
}

TEST(ConvertTest, WhatTheCodePageLacksIsAQuestionMark) {
    CHAR text[8] = {};
    ULONG bytes;
    const std::u16string wide = u"a\u03A9\u20AC";
    EXPECT_EQ(RtlUnicodeToMultiByteN(text, sizeof(text), &bytes, wide.data(), 6), STATUS_SUCCESS);
    EXPECT_STREQ(text, "a?\x80");
    EXPECT_EQ(RtlUnicodeToOemN(text, sizeof(text), &bytes, wide.data(), 6), STATUS_SUCCESS);
    EXPECT_STREQ(text, "a\xEA?");
    EXPECT_EQ(RtlUpcaseUnicodeToMultiByteN(text, sizeof(text), nullptr, wide.data(), 2), STATUS_SUCCESS);
    EXPECT_EQ(text[0], 'A');
    EXPECT_EQ(RtlUpcaseUnicodeToOemN(text, sizeof(text), nullptr, u"\u00E4", 2), STATUS_SUCCESS);
    EXPECT_EQ(text[0], '\x8E');
}

TEST(ConvertTest, StopsWhereTheRoomEnds) {
    WCHAR wide[4] = {'-', '-', '-', '-'};
    ULONG bytes;
    EXPECT_EQ(RtlMultiByteToUnicodeN(wide, 5, &bytes, "abc", 3), STATUS_BUFFER_OVERFLOW);
    EXPECT_EQ(bytes, 4u);
    EXPECT_EQ(wide[2], '-');
    CHAR narrow[] = "----";
    EXPECT_EQ(RtlUnicodeToMultiByteN(narrow, 2, &bytes, u"abc", 6), STATUS_BUFFER_OVERFLOW);
    EXPECT_EQ(bytes, 2u);
    EXPECT_STREQ(narrow, "ab--");
    EXPECT_EQ(RtlMultiByteToUnicodeSize(&bytes, "abc", 3), STATUS_SUCCESS);
    EXPECT_EQ(bytes, 6u);
    EXPECT_EQ(RtlUnicodeToMultiByteSize(&bytes, u"abc", 6), STATUS_SUCCESS);
    EXPECT_EQ(bytes, 3u);
    CHAR text[] = "\xE4x";
    PSTR at = text;
    EXPECT_EQ(RtlAnsiCharToUnicodeChar(&at), 0xE4);
    EXPECT_EQ(at, text + 1);
}

TEST(ConvertTest, AllocatedStringsEndWithAZero) {
    const STRING narrow = Of("gr\xFC\xDF");
    UNICODE_STRING wide;
    ASSERT_EQ(RtlAnsiStringToUnicodeString(&wide, &narrow, TRUE), STATUS_SUCCESS);
    EXPECT_EQ(Text(wide), u"grüß");
    EXPECT_EQ(wide.MaximumLength, RtlAnsiStringToUnicodeSize(&narrow));
    EXPECT_EQ(wide.Buffer[4], 0);
    STRING back;
    ASSERT_EQ(RtlUnicodeStringToAnsiString(&back, &wide, TRUE), STATUS_SUCCESS);
    EXPECT_EQ(Text(back), Text(narrow));
    EXPECT_EQ(back.MaximumLength, RtlUnicodeStringToAnsiSize(&wide));
    EXPECT_EQ(back.Buffer[4], 0);
    RtlFreeAnsiString(&back);
    ASSERT_EQ(RtlUpcaseUnicodeStringToOemString(&back, &wide, TRUE), STATUS_SUCCESS);
    EXPECT_STREQ(back.Buffer, "GR\x9A\xE1");
    RtlFreeUnicodeString(&wide);
    ASSERT_EQ(RtlOemStringToCountedUnicodeString(&wide, &back, TRUE), STATUS_SUCCESS);
    EXPECT_EQ(Text(wide), u"GRÜß");
    EXPECT_EQ(wide.MaximumLength, wide.Length) << "counted: no room for a 0";
    RtlFreeOemString(&back);
    EXPECT_EQ(back.Buffer, nullptr);
    RtlFreeUnicodeString(&wide);
    host::PoolFailures = 2;
    EXPECT_EQ(RtlAnsiStringToUnicodeString(&wide, &narrow, TRUE), STATUS_NO_MEMORY);
    EXPECT_EQ(RtlOemStringToUnicodeString(&wide, &narrow, TRUE), STATUS_NO_MEMORY);
}

TEST(ConvertTest, TheCallersBufferNeedsRoomForTheZero) {
    CHAR buffer[] = "-----";
    STRING narrow = {0, 3, buffer};
    const std::u16string text = u"abc";
    const UNICODE_STRING wide = Of(text);
    EXPECT_EQ(RtlUnicodeStringToAnsiString(&narrow, &wide, FALSE), STATUS_BUFFER_OVERFLOW);
    EXPECT_EQ(RtlUnicodeStringToCountedOemString(&narrow, &wide, FALSE), STATUS_SUCCESS);
    EXPECT_STREQ(buffer, "abc--");
    EXPECT_EQ(narrow.Length, 3);
    narrow.MaximumLength = 4;
    EXPECT_EQ(RtlUpcaseUnicodeStringToAnsiString(&narrow, &wide, FALSE), STATUS_SUCCESS);
    EXPECT_STREQ(buffer, "ABC");
    EXPECT_EQ(narrow.Length, 3);
    EXPECT_EQ(RtlUpcaseUnicodeStringToCountedOemString(&narrow, &wide, FALSE), STATUS_SUCCESS);
    EXPECT_EQ(RtlUnicodeStringToOemString(&narrow, &wide, FALSE), STATUS_SUCCESS);
    EXPECT_STREQ(buffer, "abc");
}

TEST(ConvertTest, NoResultIsLongerThanAStringCanBe) {
    const std::string text(32768, 'x');
    const STRING narrow = Of(text);
    UNICODE_STRING wide;
    EXPECT_EQ(RtlAnsiStringToUnicodeString(&wide, &narrow, TRUE), STATUS_INVALID_PARAMETER_2);
    EXPECT_EQ(RtlOemStringToCountedUnicodeString(&wide, &narrow, TRUE), STATUS_INVALID_PARAMETER_2);
}

TEST(IntegerTest, ReadsUpToTheFirstThatIsNoDigit) {
    EXPECT_EQ(Read(u"42", 10), 42u);
    EXPECT_EQ(Read(u" \t+42x", 10), 42u);
    EXPECT_EQ(Read(u"-1", 0), 0xFFFFFFFFu);
    EXPECT_EQ(Read(u"0x1aF", 0), 0x1AFu);
    EXPECT_EQ(Read(u"-0x10", 0), 0u - 16);
    EXPECT_EQ(Read(u"0b101", 0), 5u);
    EXPECT_EQ(Read(u"0o17", 0), 15u);
    EXPECT_EQ(Read(u"017", 0), 17u);
    EXPECT_EQ(Read(u"0x10", 16), 0u) << "a base that is given knows no prefix";
    EXPECT_EQ(Read(u"ff", 16), 255u);
    EXPECT_EQ(Read(u"102", 2), 2u);
    EXPECT_EQ(Read(u"778", 8), 63u);
    EXPECT_EQ(Read(u"", 0), 0u);
    EXPECT_EQ(Read(u"4294967296", 0), 0u) << "wraps";
    ULONG value;
    const std::u16string text = u"12345";
    UNICODE_STRING part = Of(text);
    part.Length = 4;
    EXPECT_EQ(RtlUnicodeStringToInteger(&part, 10, &value), STATUS_SUCCESS);
    EXPECT_EQ(value, 12u) << "the length ends the text";
    EXPECT_EQ(RtlUnicodeStringToInteger(&part, 7, &value), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(RtlCharToInteger("1", 36, &value), STATUS_INVALID_PARAMETER);
}

TEST(IntegerTest, WritesInEveryBase) {
    EXPECT_EQ(Written(0, 0), u"0");
    EXPECT_EQ(Written(42, 10), u"42");
    EXPECT_EQ(Written(0xBEEF, 16), u"BEEF");
    EXPECT_EQ(Written(63, 8), u"77");
    EXPECT_EQ(Written(~0ull, 2), std::u16string(64, '1'));
    EXPECT_EQ(Written(~0ull, 10), u"18446744073709551615");
    WCHAR buffer[3] = {'-', '-', '-'};
    UNICODE_STRING string = {0, 4, buffer};
    EXPECT_EQ(RtlIntegerToUnicodeString(123, 10, &string), STATUS_BUFFER_OVERFLOW);
    EXPECT_EQ(buffer[0], '-');
    EXPECT_EQ(RtlIntegerToUnicodeString(12, 10, &string), STATUS_SUCCESS) << "just full: no 0";
    EXPECT_EQ(buffer[2], '-');
    EXPECT_EQ(RtlIntegerToUnicodeString(12, 3, &string), STATUS_INVALID_PARAMETER);
}
