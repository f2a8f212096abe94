// Names of files, as programs write them.
// OBJ-04, IOM-03
#include "files/dospath.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace {

UNICODE_STRING Describe(std::u16string& text) {
    const auto bytes = USHORT(text.size() * sizeof(char16_t));
    return {bytes, bytes, text.data()};
}

/// The name in the name space; "?" if it is refused.
std::u16string Native(std::u16string name, std::u16string current = u"C:\\a\\b\\") {
    std::vector<WCHAR> room(name.size() + current.size() + RTLP_PATH_EXTRA); // the address sanitizer watches its end
    UNICODE_STRING to = {0, USHORT(room.size() * sizeof(WCHAR)), room.data()};
    const UNICODE_STRING from = Describe(name), directory = Describe(current);
    if (RtlpDosPathToNtPath(&from, &directory, &to) != STATUS_SUCCESS) return u"?";
    return {room.data(), to.Length / sizeof(WCHAR)};
}

TEST(DosPathTest, DrivesAndRelativeNames) {
    EXPECT_EQ(Native(u"C:\\x\\y.txt"), u"\\??\\C:\\x\\y.txt");
    EXPECT_EQ(Native(u"d:/x//y"), u"\\??\\d:\\x\\y");
    EXPECT_EQ(Native(u"y"), u"\\??\\C:\\a\\b\\y");
    EXPECT_EQ(Native(u"\\y"), u"\\??\\C:\\y");
    EXPECT_EQ(Native(u"d:y"), u"\\??\\d:\\y");
    EXPECT_EQ(Native(u"y", u"C:\\"), u"\\??\\C:\\y");
    EXPECT_EQ(Native(u"y", u"C:\\a"), u"\\??\\C:\\a\\y");
}

TEST(DosPathTest, DotsGoUpButNotBeyondTheDrive) {
    EXPECT_EQ(Native(u".."), u"\\??\\C:\\a");
    EXPECT_EQ(Native(u"..\\.\\z"), u"\\??\\C:\\a\\z");
    EXPECT_EQ(Native(u"..\\..\\..\\..\\z"), u"\\??\\C:\\z");
    EXPECT_EQ(Native(u"..\\.."), u"\\??\\C:\\");
    EXPECT_EQ(Native(u"C:\\x\\..\\..\\y\\"), u"\\??\\C:\\y\\");
    EXPECT_EQ(Native(u"..z"), u"\\??\\C:\\a\\b\\..z");
}

TEST(DosPathTest, DirectoriesKeepTheirSeparator) {
    EXPECT_EQ(Native(u"C:\\"), u"\\??\\C:\\");
    EXPECT_EQ(Native(u"C:"), u"\\??\\C:\\");
    EXPECT_EQ(Native(u"x\\"), u"\\??\\C:\\a\\b\\x\\");
    EXPECT_EQ(Native(u"."), u"\\??\\C:\\a\\b");
}

TEST(DosPathTest, DevicesAndNamesOfTheNameSpace) {
    EXPECT_EQ(Native(u"con"), u"\\??\\con");
    EXPECT_EQ(Native(u"CONOUT$"), u"\\??\\CONOUT$");
    EXPECT_EQ(Native(u"console"), u"\\??\\C:\\a\\b\\console");
    EXPECT_EQ(Native(u"\\\\?\\C:\\x\\..\\y"), u"\\??\\C:\\x\\..\\y");
    EXPECT_EQ(Native(u"\\\\.\\Pipe"), u"\\??\\Pipe");
    EXPECT_EQ(Native(u"\\??\\C:\\x"), u"\\??\\C:\\x");
    EXPECT_EQ(Native(u""), u"?");
}

TEST(DosPathTest, CurrentDirectoryMayBeOneOfTheNameSpace) {
    EXPECT_EQ(Native(u"hello.exe", u"\\Boot\\"), u"\\Boot\\hello.exe");
    EXPECT_EQ(Native(u"..\\..\\x", u"\\Boot\\"), u"\\x");
    EXPECT_EQ(Native(u"\\Boot\\x", u"\\Boot\\"), u"\\Boot\\x");
    EXPECT_EQ(Native(u"x", u""), u"\\x");
    EXPECT_EQ(Native(u"C:\\x", u"\\Boot\\"), u"\\??\\C:\\x");
}

} // namespace
