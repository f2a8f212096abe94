// Formatted output against the host's own snprintf, on random directives and sizes; then what only ours knows.
// EXE-01
#include "machine.h"
#include "rtl/string.h"

#include <random>

namespace {

std::string Format(SIZE_T size, NTSTATUS* status, const char* format, ...) {
    std::string buffer(size + 8, '\xAA');
    va_list arguments;
    va_start(arguments, format);
    *status = RtlStringCbVPrintf(buffer.data(), size, format, arguments);
    va_end(arguments);
    EXPECT_EQ(buffer.substr(size), std::string(8, '\xAA')) << "wrote behind the buffer: " << format;
    EXPECT_NE(buffer.substr(0, size).find('\0'), std::string::npos) << "no end: " << format;
    return buffer.c_str();
}

/// A random directive: flags, width, precision and one of `conversions`.
std::string RandomDirective(std::mt19937& random, const std::string& length, const std::string& conversions) {
    std::string text = "%";
    if (random() % 3 == 0) text += '-';
    if (random() % 3 == 0) text += '0';
    if (random() % 2) text += std::to_string(random() % 24 + 1);
    if (random() % 3 == 0) text += "." + std::to_string(random() % 24);
    return text + length + conversions[random() % conversions.size()];
}

/// A number with as many bits as luck wants, so that small and large ones are equally common.
unsigned long long RandomNumber(std::mt19937& random) {
    const unsigned long long bits = (static_cast<unsigned long long>(random()) << 32 | random()) >> (random() % 64);
    return random() % 2 ? bits : 0 - bits;
}

template <typename T> void CompareWithHost(const char* length, const char* conversions) {
    std::mt19937 random(host::Seed());
    for (int i = 0; i < 3000; i++) {
        const std::string format = "<" + RandomDirective(random, length, conversions) + ">";
        const T value = static_cast<T>(RandomNumber(random));
        const SIZE_T size = random() % 40 + 1;
        char expected[64];
        const int whole = std::snprintf(expected, size, format.c_str(), value);
        NTSTATUS status;
        const std::string seen = Format(size, &status, format.c_str(), value);
        ASSERT_EQ(seen, expected) << format << " size " << size;
        ASSERT_EQ(status, static_cast<SIZE_T>(whole) < size ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW) << format;
    }
}

std::string Formatted(const char* format, auto... arguments) {
    NTSTATUS status;
    std::string text = Format(256, &status, format, arguments...);
    EXPECT_EQ(status, STATUS_SUCCESS) << format;
    return text;
}

} // namespace

TEST(PrintfTest, IntegersAreAsTheHostPrintsThem) {
    CompareWithHost<int>("", "di");
    CompareWithHost<unsigned>("", "uxX");
    CompareWithHost<long>("l", "di");
    CompareWithHost<unsigned long>("l", "uxX");
    CompareWithHost<long long>("ll", "di");
    CompareWithHost<unsigned long long>("ll", "uxX");
    CompareWithHost<int>("h", "di");
    CompareWithHost<unsigned>("h", "uxX");
}

TEST(PrintfTest, TextIsAsTheHostPrintsIt) {
    std::mt19937 random(host::Seed());
    for (int i = 0; i < 2000; i++) {
        std::string format = RandomDirective(random, "", "s");
        std::erase(format, '0'); // a zero flag means nothing for text
        const std::string text(random() % 20, 'x');
        char expected[64];
        std::snprintf(expected, sizeof(expected), format.c_str(), text.c_str());
        NTSTATUS status;
        ASSERT_EQ(Format(sizeof(expected), &status, format.c_str(), text.c_str()), expected) << format;
    }
}

TEST(PrintfTest, StarsTakeWidthAndPrecision) {
    EXPECT_EQ(Formatted("[%*d]", 5, 42), "[   42]");
    EXPECT_EQ(Formatted("[%*d]", -5, 42), "[42   ]");
    EXPECT_EQ(Formatted("[%.*d]", 4, 42), "[0042]");
    EXPECT_EQ(Formatted("[%.*d]", -1, 42), "[42]");
    EXPECT_EQ(Formatted("[%.*s]", 2, "abc"), "[ab]");
}

TEST(PrintfTest, PrecisionBoundsTextThatDoesNotEnd) {
    const char letters[] = {'a', 'b', 'c'};
    EXPECT_EQ(Formatted("%.3s", letters), "abc");
}

TEST(PrintfTest, WhatOnlyOursKnows) {
    EXPECT_EQ(Formatted("%I64d", -5LL), "-5");
    EXPECT_EQ(Formatted("%I64x", 0x123456789ABCDEFULL), "123456789abcdef");
    EXPECT_EQ(Formatted("%s", static_cast<const char*>(nullptr)), "(null)");
    EXPECT_EQ(Formatted("%c%c%%", 'o', 'k'), "ok%");
    EXPECT_EQ(Formatted("[%3c|%-3c]", 'a', 'b'), "[  a|b  ]");
    const std::string pointer = Formatted("%p", reinterpret_cast<void*>(0xBEEF));
    EXPECT_EQ(pointer, std::string(2 * sizeof(void*) - 4, '0') + "beef");
}

TEST(PrintfTest, UnknownDirectivesAreRefused) {
    NTSTATUS status;
    for (const char* format : {"a%q", "a%", "a%-", "a%ll", "a%I33d", "a%5.2f", "a%n"}) {
        EXPECT_EQ(Format(16, &status, format, 1), "a") << format;
        EXPECT_EQ(status, STATUS_INVALID_PARAMETER) << format;
    }
    EXPECT_EQ(RtlStringCbPrintf(nullptr, 0, "x"), STATUS_INVALID_PARAMETER);
}

TEST(PrintfTest, AbsurdWidthsFillTheBufferAndNoMore) {
    NTSTATUS status;
    EXPECT_EQ(Format(10, &status, "%99999999999999999999d", 1), std::string(9, ' '));
    EXPECT_EQ(status, STATUS_BUFFER_OVERFLOW);
    EXPECT_EQ(Format(10, &status, "%.*d", 0x7FFFFFFF, 1), std::string(9, '0'));
    EXPECT_EQ(status, STATUS_BUFFER_OVERFLOW);
    EXPECT_EQ(Format(10, &status, "%*d", -0x7FFFFFFF - 1, 1), "1        ");
    EXPECT_EQ(status, STATUS_BUFFER_OVERFLOW);
}
