// From a PS/2 keyboard's codes to characters: US layout, scan code set 1, as the controller gives it. Knows nothing of ports.
//
// In the books: "keyboard driver". SYS-05
#pragma once

#include "nt/types.h"

namespace nt {

/// The keyboard's state, and what its next code types.
class KeyMap {
public:
    static constexpr ULONG MOST = 4; ///< characters that one code types, with a 0

    /// Takes one code. @param typed receives text, "" if the key types none
    void Take(UCHAR code, CHAR (&typed)[MOST]) {
        constexpr UCHAR released = 0x80, extended = 0xE0, pause = 0xE1;
        typed[0] = 0;
        if (code == extended || code == pause) {
            m_extended = true;
            return;
        }
        const bool isExtended = m_extended;
        m_extended = false;
        const UCHAR key = code & ~released;
        if (!Modifier(key, isExtended, (code & released) == 0) && (code & released) == 0) Type(key, isExtended, typed);
    }

private:
    static constexpr UCHAR CONTROL = 0x1D, LEFT_SHIFT = 0x2A, RIGHT_SHIFT = 0x36, CAPS_LOCK = 0x3A, UP = 0x48,
                           DOWN = 0x50, ENTER = 0x1C, SLASH = 0x35;

    /// @returns whether the key is one that changes what others type
    bool Modifier(UCHAR key, bool isExtended, bool down) {
        if (key == CONTROL) {
            m_control = down;
        } else if (!isExtended && (key == LEFT_SHIFT || key == RIGHT_SHIFT)) {
            m_shift = down;
        } else if (!isExtended && key == CAPS_LOCK) {
            m_caps ^= down;
        } else {
            return isExtended && (key == LEFT_SHIFT || key == RIGHT_SHIFT); // a shift that the keyboard makes up
        }
        return true;
    }

    void Type(UCHAR key, bool isExtended, CHAR (&typed)[MOST]) const {
        constexpr CHAR plain[] = "\0\x1b"
                                 "1234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
        constexpr CHAR shifted[] = "\0\x1b"
                                   "!@#$%^&*()_+\b\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";
        if (isExtended && (key == UP || key == DOWN)) {
            typed[0] = '\x1b';
            typed[1] = '[';
            typed[2] = key == UP ? 'A' : 'B';
            typed[3] = 0;
            return;
        }
        if (key >= sizeof(plain) - 1 || (isExtended && key != ENTER && key != SLASH)) return;
        const CHAR small = plain[key];
        const bool letter = small >= 'a' && small <= 'z';
        CHAR character = m_shift != (letter && m_caps) && !isExtended ? shifted[key] : small;
        constexpr CHAR controlBits = 0x1F; // Ctrl+C is 03
        if (m_control && (letter || (small >= '[' && small <= ']'))) character = small & controlBits;
        typed[0] = character;
        typed[1] = 0;
    }

    bool m_shift = false, m_control = false, m_caps = false, m_extended = false;
};

} // namespace nt
