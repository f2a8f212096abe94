// Patterns of file names: * stands for any characters, ? for one. Letters match in any case.
//
// Besides them there are the three that programs of DOS times are translated to: < is a * that ends before the last dot, > a ? that also
// stands for nothing at a name's end or before a dot, and " a dot that also stands for nothing at the end.
// In the books: "file systems". IOM-03
#pragma once

#include "rtl/ustring.h"

namespace nt {

/// Compares characters from `at` on with a pattern from `from` on. Goes back to the last star alone, so it takes pattern times name steps
/// at most. @returns whether the whole name matches
inline bool MatchesPattern(const UNICODE_STRING& pattern, const UNICODE_STRING& name) {
    const ULONG patternLength = pattern.Length / sizeof(WCHAR), nameLength = name.Length / sizeof(WCHAR);
    constexpr ULONG none = ~0u;
    ULONG lastDot = nameLength;
    for (ULONG i = 0; i < nameLength; i++)
        if (name.Buffer[i] == u'.') lastDot = i;
    ULONG from = 0, at = 0, star = none, starAt = 0;
    for (;;) {
        if (from < patternLength) {
            const WCHAR wanted = pattern.Buffer[from];
            const bool atEnd = at == nameLength;
            if (wanted == u'*' || wanted == u'<') {
                star = from++;
                starAt = at;
                continue;
            }
            if ((wanted == u'>' && (atEnd || name.Buffer[at] == u'.')) || (wanted == u'"' && atEnd)) {
                from++;
                continue;
            }
            const bool one = wanted == u'?' || wanted == u'>' || (wanted == u'"' && !atEnd && name.Buffer[at] == u'.');
            if (!atEnd && (one || RtlUpcaseUnicodeChar(wanted) == RtlUpcaseUnicodeChar(name.Buffer[at]))) {
                from++;
                at++;
                continue;
            }
        } else if (at == nameLength) {
            return true;
        }
        // The last star takes one character more, if it may.
        if (star == none || starAt == nameLength) return false;
        if (pattern.Buffer[star] == u'<' && starAt >= lastDot) return false;
        at = ++starAt;
        from = star + 1;
    }
}

} // namespace nt
