// Numbers of a command line, read and written.
#pragma once

#include "ntdll.h"

/// Reads the number behind the next blank. @param text moves behind it
inline ULONG NextNumber(PCWSTR* text) {
    ULONG value = 0;
    while (**text != 0 && **text != u' ')
        ++*text;
    while (**text == u' ')
        ++*text;
    for (; **text >= u'0' && **text <= u'9'; ++*text)
        value = value * 10 + (**text - u'0');
    return value;
}

/// Writes a number in the place of zeros. @param last of them
inline void WriteNumber(PWSTR last, ULONG value) {
    for (; value != 0; value /= 10)
        *last-- = WCHAR(u'0' + value % 10);
}
