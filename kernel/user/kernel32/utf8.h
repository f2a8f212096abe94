// UTF-8 and UTF-16. What is not well formed becomes U+FFFD. Both routines count what does not fit, too.
#pragma once

#include "nt/types.h"

namespace nt {

/// @param room characters of `to`. @returns the characters that are needed
ULONG Utf8ToWide(PCSTR from, ULONG bytes, WCHAR* to, ULONG room);
/// @param room bytes of `to`; no part of a character is written. @returns the bytes that are needed
ULONG WideToUtf8(const WCHAR* from, ULONG characters, PSTR to, ULONG room);

} // namespace nt
