// Wide characters: streams, classes, comparison, in the locale "C". Contract: the C standard.
//
// Simplified: a wide character of a stream is one byte of the ANSI code page.
#include "calendar.h"
#include "crt.h"

namespace {

constexpr USHORT WEOF = 0xFFFF;
constexpr int EILSEQ = 42;
constexpr WCHAR LAST_ASCII = 0x7F;

// Classes of characters (documented).
constexpr USHORT UPPER = 0x1, LOWER = 0x2, DIGIT = 0x4, SPACE = 0x8, PUNCTUATION = 0x10, CONTROL = 0x20, BLANK = 0x40,
                 HEX = 0x80, ALPHA = 0x100;

USHORT ClassesOf(WCHAR character) {
    const bool upper = towlower(character) != character, lower = towupper(character) != character;
    USHORT classes = USHORT((upper ? UPPER | ALPHA : 0) | (lower ? LOWER | ALPHA : 0));
    if (character > LAST_ASCII) return classes;
    if (isdigit(character)) classes |= DIGIT;
    if (isxdigit(character)) classes |= HEX;
    if (isspace(character)) classes |= SPACE;
    if (ispunct(character)) classes |= PUNCTUATION;
    if (iscntrl(character)) classes |= CONTROL;
    if (character == u' ') classes |= BLANK;
    return classes;
}

} // namespace

extern "C" {

USHORT CDECL fgetwc(FILE* stream) {
    const int byte = getc(stream);
    WCHAR wide = 0;
    const char narrow = char(byte);
    if (byte == EOF) return WEOF;
    return mbtowc(&wide, &narrow, 1) < 0 ? WEOF : wide;
}
USHORT CDECL getwc(FILE* stream) { return fgetwc(stream); }
USHORT CDECL fputwc(WCHAR character, FILE* stream) {
    char narrow[4];
    if (wctomb(narrow, character) == 1) return fputc(narrow[0], stream) == EOF ? WEOF : character;
    *_errno() = EILSEQ;
    return WEOF;
}
USHORT CDECL putwc(WCHAR character, FILE* stream) { return fputwc(character, stream); }
USHORT CDECL ungetwc(USHORT character, FILE* stream) {
    char narrow[4];
    if (character == WEOF || wctomb(narrow, character) != 1) return WEOF;
    return ungetc(UCHAR(narrow[0]), stream) == EOF ? WEOF : character;
}

FILE* CDECL _wfopen(const WCHAR* name, const WCHAR* mode) {
    const CRT_NARROW narrowName(name), narrowMode(mode);
    return narrowName.Get() && narrowMode.Get() ? fopen(narrowName.Get(), narrowMode.Get()) : nullptr;
}

/// @param classes which are asked for. @returns those that the character has
int CDECL iswctype(WCHAR character, USHORT classes) { return ClassesOf(character) & classes; }

int CDECL wcscoll(const WCHAR* left, const WCHAR* right) { return wcscmp(left, right); }
SIZE_T CDECL wcsxfrm(WCHAR* to, const WCHAR* from, SIZE_T room) {
    const SIZE_T length = wcslen(from);
    for (SIZE_T i = 0; i <= length && i < room; i++)
        to[i] = from[i];
    return length;
}

SIZE_T CDECL wcsftime(WCHAR* text, SIZE_T room, const WCHAR* format, const TM* time) {
    const CRT_NARROW narrow(format);
    auto* const made = static_cast<char*>(malloc(room));
    const SIZE_T length = made && narrow.Get() ? CrtFormatTime(made, room, narrow.Get(), *time) : 0;
    for (SIZE_T i = 0; length != 0 && i <= length; i++)
        text[i] = UCHAR(made[i]);
    free(made);
    return length;
}
}
