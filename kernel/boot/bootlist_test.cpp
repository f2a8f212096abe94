// bootlist_test.cpp - the boot list's text: images in order, options, comments, either line end. BOO-04
#include "bootlist.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

using namespace boot;

namespace {

std::vector<std::string> Lines(const std::string& text) {
    std::vector<std::string> lines;
    const std::vector<char> exact(text.begin(), text.end()); // no terminator: the address sanitizer watches the end
    const char* at = exact.data();
    const char* start;
    ULONG length;
    for (BootLine line; (line = NextBootLine(&at, exact.data() + exact.size(), &start, &length)) != BootLine::End;) {
        lines.push_back((line == BootLine::Options ? "options:" : "") + std::string(start, length));
    }
    return lines;
}

using Expected = std::vector<std::string>;

TEST(BootList, ImagesAndOptionsInOrder) { // BOO-04
    EXPECT_EQ(Lines("# list\r\noptions /DEBUG /SEED=7\r\nntoskrnl.exe\r\nhal.dll\r\n"),
              (Expected{"options:/DEBUG /SEED=7", "ntoskrnl.exe", "hal.dll"}));
}

TEST(BootList, BlanksCommentsAndTheMissingLastLineEnd) { // BOO-04
    EXPECT_EQ(Lines("\n\n  \t\r\n  ntoskrnl.exe  \n#hal.dll\n\toptions\t /X \nlast.sys"),
              (Expected{"ntoskrnl.exe", "options:/X", "last.sys"}));
    EXPECT_EQ(Lines(""), Expected{});
    EXPECT_EQ(Lines("#"), Expected{});
    EXPECT_EQ(Lines("options"), Expected{"options:"});
    EXPECT_EQ(Lines("options.sys\noptionsx"), (Expected{"options.sys", "optionsx"})) << "names that only begin so";
}

} // namespace
