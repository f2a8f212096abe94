// Numbers and boot options from text.
// EXE-01
#include "machine.h"
#include "rtl/string.h"

#include <random>

namespace {

constexpr ULONG UNTOUCHED = 0xDEADBEEF;

void ExpectNumber(const char* text, ULONG base, ULONG expected) {
    ULONG value = UNTOUCHED;
    EXPECT_EQ(nt::ReadNumber(text, base, &value), STATUS_SUCCESS) << text;
    EXPECT_EQ(value, expected) << text;
}

void ExpectRefused(const char* text, ULONG base) {
    ULONG value = UNTOUCHED;
    EXPECT_EQ(nt::ReadNumber(text, base, &value), STATUS_INVALID_PARAMETER) << text << " base " << base;
    EXPECT_EQ(value, UNTOUCHED) << text;
}

} // namespace

TEST(NumbersTest, ReadsBothBases) {
    ExpectNumber("0", 0, 0);
    ExpectNumber("4294967295", 0, 0xFFFFFFFF);
    ExpectNumber("0x0", 0, 0);
    ExpectNumber("0xFfFfFfFf", 0, 0xFFFFFFFF);
    ExpectNumber("0X1a", 0, 0x1A);
    ExpectNumber("ff", 16, 0xFF);
    ExpectNumber("0000000000000000000007", 10, 7);
}

TEST(NumbersTest, RefusesWhatIsNotAllANumber) {
    for (const char* text :
         {"", "0x", " 1", "1 ", "-1", "+1", "12a", "0x12g", "4294967296", "99999999999999999999", "x1"})
        ExpectRefused(text, 0);
    ExpectRefused("0x10", 16);
    ExpectRefused("ff", 10);
    ExpectRefused("0x100000000", 0);
    ExpectRefused("7", 8);
}

TEST(NumbersTest, ReadsWhatPrintfPrints) {
    std::mt19937 random(host::Seed());
    for (int i = 0; i < 2000; i++) {
        const ULONG value = random() >> (random() % 32);
        ExpectNumber(std::to_string(value).c_str(), 10, value);
        char hex[16];
        std::snprintf(hex, sizeof(hex), i % 2 ? "0x%x" : "0X%X", value);
        ExpectNumber(hex, 0, value);
    }
}

namespace {

/// The value of an option, "(none)" if it is not there.
std::string Option(const char* options, const char* name, SIZE_T room = 16) {
    char value[16] = "untouched";
    return RtlFindOption(options, name, value, room) ? value : "(none)";
}

} // namespace

TEST(OptionsTest, FindsWholeNamesOnly) {
    EXPECT_EQ(Option("/TEST /SEED=7", "SEED"), "7");
    EXPECT_EQ(Option("/TEST /SEED=7", "TEST"), "");
    EXPECT_EQ(Option("/test\t/seed=7", "SEED"), "7");
    EXPECT_EQ(Option("/SEEDS=7 /SEE=1", "SEED"), "(none)");
    EXPECT_EQ(Option("", "SEED"), "(none)");
    EXPECT_EQ(Option("SEED=7", "SEED"), "(none)");
    EXPECT_EQ(Option("/X=/SEED=7", "SEED"), "(none)");
    EXPECT_EQ(Option("/SEED=1 /SEED=2", "SEED"), "1");
    EXPECT_EQ(Option("/SEED= /X", "SEED"), "");
}

TEST(OptionsTest, CutsTheValueToFit) {
    EXPECT_EQ(Option("/HAL=ABCDEF", "HAL", 4), "ABC");
    EXPECT_EQ(Option("/HAL=ABCDEF", "HAL", 1), "");
    EXPECT_EQ(Option("/HAL=ABCDEF", "HAL", 0), "untouched");
    EXPECT_TRUE(RtlFindOption("/HAL=ABCDEF", "HAL", nullptr, 0));
}
