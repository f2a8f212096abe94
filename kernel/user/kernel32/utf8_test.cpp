// UTF-8 and UTF-16: each character there and back, what is not well formed, too little room.
// EXE-01
#include "kernel32/utf8.h"

#include <gtest/gtest.h>
#include <string>

namespace {

std::u16string Wide(const std::string& text) {
    std::u16string wide(nt::Utf8ToWide(text.data(), ULONG(text.size()), nullptr, 0), 0);
    EXPECT_EQ(nt::Utf8ToWide(text.data(), ULONG(text.size()), wide.data(), ULONG(wide.size())), wide.size());
    return wide;
}
std::string Narrow(const std::u16string& wide) {
    std::string text(nt::WideToUtf8(wide.data(), ULONG(wide.size()), nullptr, 0), 0);
    EXPECT_EQ(nt::WideToUtf8(wide.data(), ULONG(wide.size()), text.data(), ULONG(text.size())), text.size());
    return text;
}

TEST(Utf8Test, EachCharacterComesBack) {
    for (ULONG character = 1; character <= 0x10FFFF; character += character < 0x900 ? 1 : 61) {
        if (character >= 0xD800 && character < 0xE000) continue;
        std::u16string wide;
        if (character < 0x10000) {
            wide = {char16_t(character)};
        } else {
            wide = {char16_t(0xD800 + ((character - 0x10000) >> 10)),
                    char16_t(0xDC00 + ((character - 0x10000) & 0x3FF))};
        }
        const std::string text = Narrow(wide);
        ASSERT_EQ(text.size(), character < 0x80      ? 1u
                               : character < 0x800   ? 2u
                               : character < 0x10000 ? 3u
                                                     : 4u)
            << character;
        ASSERT_EQ(Wide(text), wide) << character;
    }
}

TEST(Utf8Test, KnownTexts) {
    EXPECT_EQ(Wide("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), u"a\u00E9\u20AC\U0001F600");
    EXPECT_EQ(Narrow(u"\u07FF\u0800\uFFFF\U00010000"), "\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF0\x90\x80\x80");
}

TEST(Utf8Test, WhatIsNotWellFormedBecomesTheReplacement) {
    EXPECT_EQ(Wide("\x80"), u"\uFFFD") << "no first byte";
    EXPECT_EQ(Wide("\xE2\x82"), u"\uFFFD\uFFFD") << "cut off";
    EXPECT_EQ(Wide("\xE2\x82z"), u"\uFFFD\uFFFDz");
    EXPECT_EQ(Wide("\xC0\x80"), u"\uFFFD\uFFFD") << "longer than need be";
    EXPECT_EQ(Wide("\xED\xA0\x80"), u"\uFFFD\uFFFD\uFFFD") << "half of a pair";
    EXPECT_EQ(Wide("\xF4\x90\x80\x80"), u"\uFFFD\uFFFD\uFFFD\uFFFD") << "beyond the last character";
    EXPECT_EQ(Narrow(u"\xD800"), "\xEF\xBF\xBD");
    EXPECT_EQ(Narrow(u"\xDC00z"), "\xEF\xBF\xBDz");
    EXPECT_EQ(Narrow(u"\xD800z"), "\xEF\xBF\xBDz");
}

TEST(Utf8Test, NothingIsWrittenBeyondTheRoom) {
    WCHAR wide[3] = {1, 1, 1};
    EXPECT_EQ(nt::Utf8ToWide("abc", 3, wide, 2), 3u);
    EXPECT_EQ(wide[2], 1);
    CHAR text[4] = {1, 1, 1, 1};
    EXPECT_EQ(nt::WideToUtf8(u"a\u20AC", 2, text, 3), 4u);
    EXPECT_EQ(text[0], 'a');
    EXPECT_EQ(text[1], 1) << "no part of a character";
}

} // namespace
