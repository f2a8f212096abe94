// Codes of a PS/2 keyboard, as somebody presses and releases keys.
// SYS-05
#include "io/console/keymap.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace {

std::string Typed(const std::vector<int>& codes) {
    nt::KeyMap keys;
    std::string all;
    for (const int code : codes) {
        CHAR typed[nt::KeyMap::MOST];
        keys.Take(UCHAR(code), typed);
        all += typed;
    }
    return all;
}

} // namespace

TEST(KeyMapTest, KeysTypeWhenTheyGoDown) {
    EXPECT_EQ(Typed({0x23, 0xA3, 0x12, 0x92, 0x26, 0xA6, 0x39, 0xB9, 0x0B, 0x8B, 0x1C, 0x9C}), "hel 0\r");
    EXPECT_EQ(Typed({0x2B, 0x0E, 0x0F, 0x35, 0x01}), "\\\b\t/\x1b");
}

TEST(KeyMapTest, ShiftAndCapsLockChangeLetters) {
    EXPECT_EQ(Typed({0x2A, 0x1E, 0x02, 0xAA, 0x1E, 0x36, 0x28, 0xB6, 0x28}), "A!a\"'");
    EXPECT_EQ(Typed({0x3A, 0xBA, 0x1E, 0x02, 0x2A, 0x1E, 0xAA, 0x3A, 0xBA, 0x1E}), "A1aa");
}

TEST(KeyMapTest, ControlMakesControlCharacters) {
    EXPECT_EQ(Typed({0x1D, 0x2E, 0x1B, 0x9D, 0x2E}), "\x03\x1d\x63");
    EXPECT_EQ(Typed({0xE0, 0x1D, 0x2E, 0xE0, 0x9D, 0x02}), "\x03\x31"); // the right one
}

TEST(KeyMapTest, ArrowsAreSequencesAndOtherKeysTypeNothing) {
    EXPECT_EQ(Typed({0xE0, 0x48, 0xE0, 0xC8, 0xE0, 0x50}), "\x1b[A\x1b[B");
    EXPECT_EQ(Typed({0xE0, 0x2A, 0xE0, 0x4B, 0x3B, 0x58, 0x7F, 0x38, 0x1E}),
              "a");                                    // made-up shift, left, F1, F12, none, Alt
    EXPECT_EQ(Typed({0xE0, 0x1C, 0xE0, 0x35}), "\r/"); // of the keypad
}
