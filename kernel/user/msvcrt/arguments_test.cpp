// A command line as arguments, against the documented table.
#include "msvcrt/arguments.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace {

std::vector<std::string> Split(const std::string& line) {
    SIZE_T bytes = 0, again = 0;
    const int count = CrtSplit(line.c_str(), nullptr, nullptr, &bytes);
    std::vector<char*> vector(count);
    std::vector<char> texts(bytes);
    EXPECT_EQ(CrtSplit(line.c_str(), vector.data(), texts.data(), &again), count);
    EXPECT_EQ(bytes, again);
    return {vector.begin(), vector.end()};
}

using Texts = std::vector<std::string>;

} // namespace

// SYS-01
TEST(ArgumentsTest, BlanksSeparateAndQuotesHoldTogether) {
    EXPECT_EQ(Split("p"), (Texts{"p"}));
    EXPECT_EQ(Split("p  a\tb "), (Texts{"p", "a", "b"}));
    EXPECT_EQ(Split("p \"a b\" c"), (Texts{"p", "a b", "c"}));
    EXPECT_EQ(Split("p a\"b c\"d"), (Texts{"p", "ab cd"}));
    EXPECT_EQ(Split("p \"\" x"), (Texts{"p", "", "x"}));
    EXPECT_EQ(Split(""), (Texts{""}));
}

// SYS-01: the table of the public documentation
TEST(ArgumentsTest, BackslashesCountBeforeAQuoteOnly) {
    EXPECT_EQ(Split(R"(p "abc" d e)"), (Texts{"p", "abc", "d", "e"}));
    EXPECT_EQ(Split(R"(p a\\\b d"e f"g h)"), (Texts{"p", R"(a\\\b)", "de fg", "h"}));
    EXPECT_EQ(Split(R"(p a\\\"b c d)"), (Texts{"p", R"(a\"b)", "c", "d"}));
    EXPECT_EQ(Split(R"(p a\\\\"b c" d e)"), (Texts{"p", R"(a\\b c)", "d", "e"}));
    EXPECT_EQ(Split(R"(p a\\)"), (Texts{"p", R"(a\\)"}));
}

// SYS-01
TEST(ArgumentsTest, TwoQuotesInsideOfQuotesAreOne) {
    EXPECT_EQ(Split(R"(p "a""b" c)"), (Texts{"p", R"(a"b)", "c"}));
    EXPECT_EQ(Split(R"(p "open end)"), (Texts{"p", "open end"}));
}

// SYS-01: backslashes of a path are no escapes
TEST(ArgumentsTest, NameOfTheProgramIsAPath) {
    EXPECT_EQ(Split(R"("C:\Program Files\p.exe" a)"), (Texts{R"(C:\Program Files\p.exe)", "a"}));
    EXPECT_EQ(Split(R"(C:\dir\ a)"), (Texts{R"(C:\dir\)", "a"}));
}
