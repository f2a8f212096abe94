// The C library's routines against the host's own, on random texts; then what Microsoft's documentation says of the rest.
// EXE-01
#include "rtl/cstring.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <strings.h>
#include <vector>

namespace {

/// Short texts of few different letters, so that equal ones and matches are common.
std::string RandomText(std::mt19937& random) {
    std::string text(random() % 6, ' ');
    for (char& character : text)
        character = "aAbB\xE4z"[random() % 6];
    return text;
}

int Sign(int value) { return (value > 0) - (value < 0); }

std::u16string Wide(const std::string& text) {
    std::u16string wide;
    for (const char character : text)
        wide += static_cast<UCHAR>(character);
    return wide;
}

std::ptrdiff_t Place(const void* found, const void* start, std::size_t size = 1) {
    return found ? (static_cast<const char*>(found) - static_cast<const char*>(start)) / std::ptrdiff_t(size) : -1;
}

} // namespace

TEST(CStringTest, NarrowAndWideDoWhatTheHostDoes) {
    std::mt19937 random(20260601);
    for (int i = 0; i < 20'000; i++) {
        const std::string a = RandomText(random);
        const std::string b = RandomText(random);
        const std::u16string wa = Wide(a);
        const std::u16string wb = Wide(b);
        const SIZE_T n = random() % 7;
        ASSERT_EQ(crt::wcslen(wa.c_str()), a.size());
        ASSERT_EQ(crt::wcscmp(wa.c_str(), wb.c_str()), Sign(std::strcmp(a.c_str(), b.c_str()))) << a << " " << b;
        ASSERT_EQ(crt::wcsncmp(wa.c_str(), wb.c_str(), n), Sign(std::strncmp(a.c_str(), b.c_str(), n)));
        ASSERT_EQ(crt::_stricmp(a.c_str(), b.c_str()), Sign(strcasecmp(a.c_str(), b.c_str())));
        ASSERT_EQ(crt::_strnicmp(a.c_str(), b.c_str(), n), Sign(strncasecmp(a.c_str(), b.c_str(), n)));
        ASSERT_EQ(crt::_wcsnicmp(wa.c_str(), wb.c_str(), n), Sign(strncasecmp(a.c_str(), b.c_str(), n)));
        const std::ptrdiff_t first = Place(std::strstr(a.c_str(), b.c_str()), a.c_str());
        ASSERT_EQ(Place(crt::strstr(a.c_str(), b.c_str()), a.c_str()), first) << a << " in " << b;
        ASSERT_EQ(Place(crt::wcsstr(wa.c_str(), wb.c_str()), wa.c_str(), 2), first);
        ASSERT_EQ(crt::strspn(a.c_str(), b.c_str()), std::strspn(a.c_str(), b.c_str()));
        ASSERT_EQ(crt::wcsspn(wa.c_str(), wb.c_str()), std::strspn(a.c_str(), b.c_str()));
        ASSERT_EQ(crt::wcscspn(wa.c_str(), wb.c_str()), std::strcspn(a.c_str(), b.c_str()));
        for (const char c : {'a', 'z', '\xE4', '\0'}) {
            const std::ptrdiff_t place = Place(std::strchr(a.c_str(), c), a.c_str());
            const std::ptrdiff_t last = Place(std::strrchr(a.c_str(), c), a.c_str());
            ASSERT_EQ(Place(crt::strchr(a.c_str(), c), a.c_str()), place);
            ASSERT_EQ(Place(crt::strrchr(a.c_str(), c), a.c_str()), last);
            ASSERT_EQ(Place(crt::wcschr(wa.c_str(), static_cast<UCHAR>(c)), wa.c_str(), 2), place);
            ASSERT_EQ(Place(crt::wcsrchr(wa.c_str(), static_cast<UCHAR>(c)), wa.c_str(), 2), last);
            ASSERT_EQ(crt::memchr(a.data(), c, a.size()), std::memchr(a.data(), c, a.size()));
        }
    }
}

TEST(CStringTest, CopiesLeaveTheRestAlone) {
    char buffer[12];
    const auto fresh = [&buffer] { std::memcpy(buffer, "-----------", 12); };
    fresh();
    EXPECT_EQ(crt::strcpy(buffer, "abc"), buffer);
    EXPECT_EQ(std::string(buffer, 6), std::string("abc\0--", 6));
    EXPECT_EQ(crt::strcat(buffer, "de"), buffer);
    EXPECT_EQ(std::string(buffer, 7), std::string("abcde\0-", 7));
    EXPECT_EQ(crt::strncat(buffer, "fgh", 1), buffer);
    EXPECT_EQ(std::string(buffer, 8), std::string("abcdef\0-", 8)) << "one character and a 0";
    fresh();
    EXPECT_EQ(crt::strncpy(buffer, "abc", 3), buffer);
    EXPECT_EQ(std::string(buffer, 5), "abc--") << "as long as the count: no 0";
    EXPECT_EQ(crt::strncpy(buffer, "x", 4), buffer);
    EXPECT_EQ(std::string(buffer, 5), std::string("x\0\0\0-", 5)) << "filled up with zeros";

    WCHAR wide[8] = u"-------";
    EXPECT_EQ(crt::wcsncpy(wide, u"abc", 2), wide);
    EXPECT_EQ(wide[2], '-');
    EXPECT_EQ(std::u16string(crt::wcscpy(wide, u"ab")), u"ab");
    EXPECT_EQ(std::u16string(crt::wcscat(wide, u"cd")), u"abcd");
    EXPECT_EQ(std::u16string(crt::wcsncat(wide, u"efgh", 2)), u"abcdef");
    EXPECT_EQ(wide[7], 0);
}

TEST(CStringTest, ChangesInPlace) {
    char text[] = "Mica";
    EXPECT_STREQ(crt::_strupr(text), "MICA");
    EXPECT_STREQ(crt::_strlwr(text), "mica");
    EXPECT_STREQ(crt::_strrev(text), "acim");
    EXPECT_STREQ(crt::_strnset(text, 'x', 2), "xxim");
    EXPECT_STREQ(crt::_strset(text, 'y'), "yyyy");
    char three[] = "abc";
    EXPECT_STREQ(crt::_strrev(three), "cba");
    EXPECT_STREQ(crt::_strnset(three, 'x', 99), "xxx");
    WCHAR wide[] = u"Mäß";
    EXPECT_EQ(std::u16string(crt::_wcsupr(wide)), u"MÄß");
    EXPECT_EQ(std::u16string(crt::_wcslwr(wide)), u"mäß");
    EXPECT_EQ(std::u16string(crt::_wcsrev(wide)), u"ßäm");
    EXPECT_EQ(std::u16string(crt::_wcsnset(wide, 'x', 1)), u"xäm");
    EXPECT_EQ(crt::_wcsicmp(u"ÄRGER", u"ärger"), 0);
}

TEST(CStringTest, CharactersAreAsTheHostSeesAscii) {
    for (int c = 0; c < 128; c++) {
        EXPECT_EQ(crt::isdigit(c) != 0, std::isdigit(c) != 0) << c;
        EXPECT_EQ(crt::isxdigit(c) != 0, std::isxdigit(c) != 0) << c;
        EXPECT_EQ(crt::islower(c) != 0, std::islower(c) != 0) << c;
        EXPECT_EQ(crt::isupper(c) != 0, std::isupper(c) != 0) << c;
        EXPECT_EQ(crt::isspace(c) != 0, std::isspace(c) != 0) << c;
        EXPECT_EQ(crt::isprint(c) != 0, std::isprint(c) != 0) << c;
        EXPECT_EQ(crt::tolower(c), std::tolower(c)) << c;
        EXPECT_EQ(crt::toupper(c), std::toupper(c)) << c;
    }
    EXPECT_EQ(crt::towupper(0xE4), 0xC4);
    EXPECT_EQ(crt::towlower(0xC4), 0xE4);
}

TEST(CStringTest, NarrowAndWideConvert) {
    WCHAR wide[8];
    EXPECT_EQ(crt::mbstowcs(wide, "a\x80", 8), 2u);
    EXPECT_EQ(std::u16string(wide), u"a€");
    wide[2] = '-';
    EXPECT_EQ(crt::mbstowcs(wide, "xyz", 2), 2u);
    EXPECT_EQ(wide[2], '-') << "no 0 beyond the count";
    EXPECT_EQ(crt::mbstowcs(nullptr, "xyz", 0), 3u);
    char narrow[8];
    EXPECT_EQ(crt::wcstombs(narrow, u"€Ω", 8), 2u);
    EXPECT_STREQ(narrow, "\x80?");
    EXPECT_EQ(crt::wcstombs(nullptr, u"xyz", 0), 3u);
    EXPECT_EQ(crt::mbtowc(wide, "\x80", 1), 1);
    EXPECT_EQ(wide[0], u'€');
    EXPECT_EQ(crt::mbtowc(wide, "", 1), 0);
    EXPECT_EQ(crt::mbtowc(wide, "x", 0), -1);
    EXPECT_EQ(crt::wctomb(narrow, u'€'), 1);
    EXPECT_EQ(crt::wctomb(narrow, u'Ω'), -1);
    EXPECT_EQ(crt::wctomb(narrow, 0), 1);
}

TEST(CStringTest, NumbersFromAndToText) {
    for (const char* text : {"0", "42", "-42", " \t+7x", "x", "", "2147483647", "-2147483648"}) {
        EXPECT_EQ(crt::atoi(text), std::atoi(text)) << text;
        EXPECT_EQ(crt::atol(text), std::atoi(text)) << text;
        EXPECT_EQ(crt::_wtoi(Wide(text).c_str()), std::atoi(text)) << text;
        EXPECT_EQ(crt::_wtol(Wide(text).c_str()), std::atoi(text)) << text;
    }
    char buffer[34];
    EXPECT_STREQ(crt::_itoa(-255, buffer, 10), "-255");
    EXPECT_STREQ(crt::_itoa(255, buffer, 16), "ff");
    EXPECT_STREQ(crt::_itoa(-1, buffer, 2), std::string(32, '1').c_str());
    EXPECT_STREQ(crt::_itoa(35, buffer, 36), "z");
    EXPECT_STREQ(crt::_itoa(INT32_MIN, buffer, 10), "-2147483648");
    WCHAR wide[34];
    EXPECT_EQ(std::u16string(crt::_itow(0, wide, 10)), u"0");
    for (const auto& [text, base] : {std::pair("0x1Fg", 0),
                                     {"0x1F", 16},
                                     {"017", 0},
                                     {"zz", 36},
                                     {" -1", 10},
                                     {"0x", 0},
                                     {"0xg", 16},
                                     {"", 10},
                                     {"4294967295", 10},
                                     {"0", 0}}) {
        const std::u16string source = Wide(text);
        PWSTR end = nullptr;
        char* hostEnd = nullptr;
        const auto expected = static_cast<ULONG>(std::strtoul(text, &hostEnd, base));
        EXPECT_EQ(crt::wcstoul(source.c_str(), &end, base), expected) << text;
        EXPECT_EQ(end - source.c_str(), hostEnd - text) << text;
    }
    EXPECT_EQ(crt::wcstoul(u"4294967296", nullptr, 10), 0xFFFFFFFFu);
    EXPECT_EQ(crt::wcstoul(u"99999999999999999999999999", nullptr, 10), 0xFFFFFFFFu);
}

namespace {

struct Element {
    int Key;
    char Rest[3];
};

int CompareElements(const void* left, const void* right) {
    return static_cast<const Element*>(left)->Key - static_cast<const Element*>(right)->Key;
}

} // namespace

TEST(CSortTest, SortsEveryLengthAndFindsEveryKey) {
    std::mt19937 random(7);
    for (SIZE_T count = 0; count < 70; count++) {
        std::vector<Element> elements(count);
        std::vector<int> keys;
        for (Element& element : elements) {
            element.Key = static_cast<int>(random() % (count + 1)) * 2;
            keys.push_back(element.Key);
        }
        crt::qsort(elements.data(), count, sizeof(Element), CompareElements);
        std::sort(keys.begin(), keys.end());
        for (SIZE_T i = 0; i < count; i++)
            ASSERT_EQ(elements[i].Key, keys[i]) << "of " << count;
        for (int key = -1; key < static_cast<int>(count) * 2 + 3; key++) {
            const Element wanted = {key, {}};
            const auto* const found = static_cast<const Element*>(
                crt::bsearch(&wanted, elements.data(), count, sizeof(Element), CompareElements));
            ASSERT_EQ(found != nullptr, std::binary_search(keys.begin(), keys.end(), key));
            if (found) ASSERT_EQ(found->Key, key);
        }
    }
}

TEST(CSortTest, LuckRepeatsAfterItsSeed) {
    crt::srand(5);
    const int first = crt::rand();
    const int second = crt::rand();
    EXPECT_NE(first, second);
    crt::srand(5);
    EXPECT_EQ(crt::rand(), first);
    EXPECT_EQ(crt::rand(), second);
    for (int i = 0; i < 1000; i++) {
        const int number = crt::rand();
        ASSERT_TRUE(number >= 0 && number <= 32767);
    }
}

TEST(CPrintfTest, TheZeroIsWrittenOnlyIfItFits) {
    char buffer[8];
    const auto fresh = [&buffer] { std::memset(buffer, '-', sizeof(buffer)); };
    fresh();
    EXPECT_EQ(crt::_snprintf(buffer, 4, "%d", 123), 3);
    EXPECT_EQ(std::string(buffer, 5), std::string("123\0-", 5));
    fresh();
    EXPECT_EQ(crt::_snprintf(buffer, 4, "%d", 1234), 4);
    EXPECT_EQ(std::string(buffer, 5), "1234-") << "just full: no 0";
    fresh();
    EXPECT_EQ(crt::_snprintf(buffer, 4, "%d", 12345), -1);
    EXPECT_EQ(std::string(buffer, 5), "1234-");
    EXPECT_EQ(crt::_snprintf(buffer, 0, "x"), -1);
    EXPECT_EQ(crt::_snprintf(buffer, 0, ""), 0);
    EXPECT_EQ(std::string(buffer, 5), "1234-") << "nothing is written into no room";
    EXPECT_EQ(crt::sprintf(buffer, "%s", "abc"), 3);
    EXPECT_STREQ(buffer, "abc");
    WCHAR wide[8] = u"-------";
    EXPECT_EQ(crt::_snwprintf(wide, 3, u"%d", 1234), -1);
    EXPECT_EQ(std::u16string(wide, 4), u"123-");
    EXPECT_EQ(crt::swprintf(wide, u"%u", 42u), 2);
    EXPECT_EQ(std::u16string(wide), u"42");
}

TEST(CPrintfTest, EachKindOfTextInEachKind) {
    char buffer[64];
    WCHAR wide[64];
    WCHAR letters[] = {'a', 'b', u'€', 'x'};
    const UNICODE_STRING counted = {6, 8, letters};
    CHAR bytes[] = {'a', 'b', '\x80', 'x'};
    const STRING narrow = {3, 4, bytes};
    EXPECT_EQ(crt::sprintf(buffer, "%s|%S|%ls|%ws|%hs", "n", u"w", u"l", u"ws", "h"), 10);
    EXPECT_STREQ(buffer, "n|w|l|ws|h");
    crt::sprintf(buffer, "[%wZ][%Z][%.2wZ][%5Z]", &counted, &narrow, &counted, &narrow);
    EXPECT_STREQ(buffer, "[ab\x80][ab\x80][ab][  ab\x80]");
    crt::swprintf(wide, u"%s|%S|%hs|%ls|%wZ|%Z|%c%C", u"w", "n", "h", u"l", &counted, &narrow, 'y', 'z');
    EXPECT_EQ(std::u16string(wide), u"w|n|h|l|ab€|ab€|yz");
    crt::sprintf(buffer, "%c%C%lc", 'a', u'€', u'Ω');
    EXPECT_STREQ(buffer, "a\x80?");
    crt::sprintf(buffer, "%wZ %S", static_cast<void*>(nullptr), static_cast<void*>(nullptr));
    EXPECT_STREQ(buffer, "(null) (null)");
    crt::sprintf(buffer, "%q%y!");
    EXPECT_STREQ(buffer, "qy!") << "an unknown conversion is its character";
}

TEST(CPrintfTest, FlagsAreAsTheHostsPrintf) {
    std::mt19937 random(11);
    for (int i = 0; i < 20'000; i++) {
        std::string format = "%";
        const bool octalOrHex = random() % 2;
        for (const char flag : {'-', '0', '+', ' ', '#'}) {
            if (random() % 3 == 0 && (octalOrHex || flag != '#')) format += flag;
        }
        if (random() % 2) format += std::to_string(random() % 12 + 1);
        if (random() % 3 == 0) format += "." + std::to_string(random() % 12);
        format += octalOrHex ? "oxX"[random() % 3] : "diu"[random() % 3];
        const int value = static_cast<int>(random() >> random() % 32) * (random() % 2 ? 1 : -1);
        char expected[64];
        char seen[64];
        const int length = std::snprintf(expected, sizeof(expected), format.c_str(), value);
        ASSERT_EQ(crt::_snprintf(seen, sizeof(seen), format.c_str(), value), length) << format << " of " << value;
        ASSERT_STREQ(seen, expected) << format << " of " << value;
    }
}
