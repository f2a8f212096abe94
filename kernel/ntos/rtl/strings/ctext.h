// The C library's text routines, once for both kinds of characters.
//
// Narrow characters compare as unsigned ones. The routines are written as plain loops; `no_builtin` keeps the compiler from
// recognising one and calling the library routine that is made of it.
// In the books: "executive support: run-time library". EXE-01
#pragma once

#include "rtl/cstring.h"

#define NO_BUILTIN __attribute__((no_builtin))

namespace nt::text {

inline LONG Value(CHAR character) { return static_cast<UCHAR>(character); }
inline LONG Value(WCHAR character) { return character; }

template <typename Char> NO_BUILTIN SIZE_T Length(const Char* text) {
    SIZE_T length = 0;
    while (text[length])
        length++;
    return length;
}

template <typename Char> NO_BUILTIN Char* Copy(Char* to, const Char* from) {
    for (Char* at = to; (*at = *from) != 0; at++)
        from++;
    return to;
}

/// Fills up with zeros, and adds none behind `count` characters.
template <typename Char> NO_BUILTIN Char* CopyCounted(Char* to, const Char* from, SIZE_T count) {
    for (SIZE_T i = 0; i < count; i++) {
        to[i] = *from;
        if (*from) from++;
    }
    return to;
}

template <typename Char> NO_BUILTIN Char* AppendCounted(Char* to, const Char* from, SIZE_T count) {
    Char* at = to + Length(to);
    for (; count && *from; count--)
        *at++ = *from++;
    *at = 0;
    return to;
}

/// @param fold is called for both characters that are compared
template <typename Char, typename Fold>
NO_BUILTIN int Compare(const Char* left, const Char* right, SIZE_T count, Fold fold) {
    for (; count; left++, right++, count--) {
        const LONG l = Value(fold(*left));
        const LONG r = Value(fold(*right));
        if (l != r) return l < r ? -1 : 1;
        if (l == 0) break;
    }
    return 0;
}

template <typename Char> NO_BUILTIN Char* Find(const Char* text, Char wanted) {
    for (;; text++) {
        if (*text == wanted) return const_cast<Char*>(text);
        if (!*text) return nullptr;
    }
}

template <typename Char> NO_BUILTIN Char* FindLast(const Char* text, Char wanted) {
    const Char* found = nullptr;
    for (;; text++) {
        if (*text == wanted) found = text;
        if (!*text) return const_cast<Char*>(found);
    }
}

template <typename Char> NO_BUILTIN Char* FindText(const Char* text, const Char* wanted) {
    const SIZE_T length = Length(wanted);
    for (;; text++) {
        SIZE_T same = 0;
        while (same < length && text[same] == wanted[same])
            same++; // a text that ends differs at its 0
        if (same == length) return const_cast<Char*>(text);
        if (!*text) return nullptr;
    }
}

/// How many characters at the start are in the set (`inside`), or are not.
template <typename Char> NO_BUILTIN SIZE_T Span(const Char* text, const Char* set, bool inside) {
    SIZE_T length = 0;
    while (text[length] && (Find(set, text[length]) != nullptr) == inside)
        length++;
    return length;
}

template <typename Char, typename Mapping> NO_BUILTIN Char* Change(Char* text, SIZE_T count, Mapping change) {
    for (SIZE_T i = 0; i < count && text[i]; i++)
        text[i] = change(text[i]);
    return text;
}

template <typename Char> NO_BUILTIN Char* Reverse(Char* text) {
    const SIZE_T length = Length(text);
    for (SIZE_T i = 0; i < length / 2; i++) {
        const Char first = text[i];
        text[i] = text[length - 1 - i];
        text[length - 1 - i] = first;
    }
    return text;
}

} // namespace nt::text

constexpr SIZE_T ALL_CHARACTERS = ~SIZE_T(0);
