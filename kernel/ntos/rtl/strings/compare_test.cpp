// Comparing counted strings, their hash, and capitals.
// EXE-01
#include "fakepool.h"
#include "rtl/ustring.h"

#include <gtest/gtest.h>
#include <string>

namespace {

UNICODE_STRING Of(const std::u16string& text) {
    return {USHORT(text.size() * sizeof(WCHAR)), USHORT(text.size() * sizeof(WCHAR)), const_cast<PWSTR>(text.data())};
}
UNICODE_STRING Of(PCWSTR text) {
    UNICODE_STRING string;
    RtlInitUnicodeString(&string, text);
    return string;
}
STRING Of(const char* text) {
    STRING string;
    RtlInitString(&string, text);
    return string;
}
STRING Of(const std::string& text) { return {USHORT(text.size()), USHORT(text.size()), const_cast<PSTR>(text.data())}; }

LONG Compare(const std::u16string& left, const std::u16string& right, bool insensitive) {
    const UNICODE_STRING l = Of(left);
    const UNICODE_STRING r = Of(right);
    const LONG order = RtlCompareUnicodeString(&l, &r, insensitive);
    EXPECT_EQ(RtlEqualUnicodeString(&l, &r, insensitive), order == 0);
    return order;
}

LONG Compare(const std::string& left, const std::string& right, bool insensitive) {
    const STRING l = Of(left);
    const STRING r = Of(right);
    const LONG order = RtlCompareString(&l, &r, insensitive);
    EXPECT_EQ(RtlEqualString(&l, &r, insensitive), order == 0);
    return order;
}

ULONG Hash(const std::u16string& text, bool insensitive) {
    const UNICODE_STRING string = Of(text);
    ULONG hash = 0;
    EXPECT_EQ(RtlHashUnicodeString(&string, insensitive, HASH_STRING_ALGORITHM_X65599, &hash), STATUS_SUCCESS);
    return hash;
}

} // namespace

TEST(CompareTest, TheFirstDifferenceDecidesThenTheLength) {
    EXPECT_EQ(Compare(u"abc", u"abc", false), 0);
    EXPECT_EQ(Compare(u"abc", u"abd", false), -1);
    EXPECT_EQ(Compare(u"b", u"abc", false), 1);
    EXPECT_EQ(Compare(u"abc", u"abcd", false), -2) << "bytes";
    EXPECT_EQ(Compare(u"\xFF00", u"a", false), 0xFF00 - 'a');
    EXPECT_EQ(Compare("abc", "abcd", false), -1);
    EXPECT_GT(Compare("\x80", "\x7F", false), 0) << "as unsigned characters";
    EXPECT_EQ(Compare(u"", u"", true), 0);
    EXPECT_EQ(Compare(std::u16string(u"a\0b", 3), std::u16string(u"a\0c", 3), false), -1) << "a 0 ends nothing";
}

TEST(CompareTest, CaseCountsOnlyIfAsked) {
    EXPECT_EQ(Compare(u"MiCa", u"mIcA", true), 0);
    EXPECT_LT(Compare(u"MiCa", u"mIcA", false), 0);
    EXPECT_EQ(Compare(u"ÄÖÜ Ω Я", u"äöü ω я", true), 0);
    EXPECT_EQ(Compare("MiCa", "mIcA", true), 0);
    EXPECT_EQ(Compare("\xC4", "\xE4", true), 0) << "A umlaut in code page 1252";
    EXPECT_GT(Compare(u"_", u"a", true), 0) << "'_' lies behind 'A', into which 'a' is folded";
}

TEST(CompareTest, APrefixIsAsLongAsItIs) {
    const std::u16string whole = u"\\Device\\Null";
    const UNICODE_STRING string = Of(whole);
    for (const auto& [text, insensitive, expected] : {std::tuple(std::u16string(u"\\Device"), false, true),
                                                      {u"\\device", false, false},
                                                      {u"\\device", true, true},
                                                      {u"", false, true},
                                                      {whole, false, true},
                                                      {whole + u"x", false, false}}) {
        const UNICODE_STRING prefix = Of(text);
        EXPECT_EQ(RtlPrefixUnicodeString(&prefix, &string, insensitive), expected);
    }
    const STRING narrow = Of("Mica");
    const STRING prefix = Of("mi");
    EXPECT_TRUE(RtlPrefixString(&prefix, &narrow, true));
    EXPECT_FALSE(RtlPrefixString(&prefix, &narrow, false));
    EXPECT_FALSE(RtlPrefixString(&narrow, &prefix, true));
}

TEST(CompareTest, HashIsThatOfTheNamedAlgorithm) {
    EXPECT_EQ(Hash(u"", false), 0u);
    EXPECT_EQ(Hash(u"a", false), 97u);
    EXPECT_EQ(Hash(u"ab", false), 97u * 65599 + 98);
    EXPECT_EQ(Hash(u"ab", true), 65u * 65599 + 66);
    EXPECT_EQ(Hash(u"Device", true), Hash(u"dEVICE", true));
    const UNICODE_STRING string = Of(u"x");
    ULONG hash = 7;
    EXPECT_EQ(RtlHashUnicodeString(&string, false, HASH_STRING_ALGORITHM_DEFAULT, &hash), STATUS_SUCCESS);
    EXPECT_EQ(hash, ULONG('x'));
    EXPECT_EQ(RtlHashUnicodeString(&string, false, HASH_STRING_ALGORITHM_INVALID, &hash), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(RtlHashUnicodeString(nullptr, false, 0, &hash), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(RtlHashUnicodeString(&string, false, 0, nullptr), STATUS_INVALID_PARAMETER);
}

TEST(CasingTest, EachCapitalLeadsBackToItsLetter) {
    ULONG letters = 0;
    for (ULONG c = 0; c < 0x10000; c++) {
        const WCHAR up = RtlUpcaseUnicodeChar(WCHAR(c));
        EXPECT_EQ(RtlUpcaseUnicodeChar(up), up) << c;
        if (up == c) continue;
        letters++;
        EXPECT_EQ(RtlDowncaseUnicodeChar(up), c);
    }
    EXPECT_EQ(letters, 675u);
}

TEST(CasingTest, LettersOfManyScripts) {
    for (const auto& [small, capital] : {std::pair<WCHAR, WCHAR>{'a', 'A'},
                                         {'z', 'Z'},
                                         {0xE4, 0xC4},
                                         {0xFF, 0x178},
                                         {0x3C9, 0x3A9},
                                         {0x44F, 0x42F},
                                         {0x561, 0x531},
                                         {0xFF41, 0xFF21}}) {
        EXPECT_EQ(RtlUpcaseUnicodeChar(small), capital);
        EXPECT_EQ(RtlDowncaseUnicodeChar(capital), small);
    }
    for (const WCHAR same : {u'@', u'[', u'`', u'{', u'1', u'ß', u'×', u'÷', u'ı', u'ſ', u'一', u'\uFFFF'})
        EXPECT_TRUE(RtlUpcaseUnicodeChar(same) == same) << ULONG(same);
}

TEST(CasingTest, NarrowCapitalsStayInTheCodePage) {
    EXPECT_EQ(RtlUpperChar('q'), 'Q');
    EXPECT_EQ(RtlUpperChar('\xE4'), '\xC4');
    EXPECT_EQ(RtlUpperChar('\xFF'), '\x9F') << "y with diaeresis has its capital elsewhere";
    EXPECT_EQ(RtlUpperChar('\x83'), '\x83') << "the capital of the florin sign is not in the code page";
    CHAR buffer[] = "------";
    STRING to = {0, 3, buffer};
    const STRING from = Of("abcd");
    RtlUpperString(&to, &from);
    EXPECT_EQ(to.Length, 3);
    EXPECT_STREQ(buffer, "ABC---");
}

TEST(CasingTest, WholeStringsNeedTheirRoom) {
    const std::u16string text = u"Straße";
    const UNICODE_STRING from = Of(text);
    UNICODE_STRING to;
    ASSERT_EQ(RtlUpcaseUnicodeString(&to, &from, TRUE), STATUS_SUCCESS);
    EXPECT_EQ(to.MaximumLength, from.Length);
    EXPECT_EQ(std::u16string(to.Buffer, to.Length / 2), u"STRAßE");
    EXPECT_EQ(RtlDowncaseUnicodeString(&to, &to, FALSE), STATUS_SUCCESS) << "in place";
    EXPECT_EQ(std::u16string(to.Buffer, to.Length / 2), u"straße");
    to.MaximumLength -= 2;
    EXPECT_EQ(RtlUpcaseUnicodeString(&to, &from, FALSE), STATUS_BUFFER_OVERFLOW);
    RtlFreeUnicodeString(&to);
    host::PoolFailures = 1;
    EXPECT_EQ(RtlUpcaseUnicodeString(&to, &from, TRUE), STATUS_NO_MEMORY);
}
