// The C library's conversions between text and numbers.
//
// In the books: "executive support: run-time library". EXE-01
#include "ctext.h"

namespace text = nt::text;

namespace {

constexpr ULONG BITS = 32;
constexpr ULONG LARGEST = 0xFFFFFFFF;
constexpr ULONG NOT_A_DIGIT = 99;

bool IsBlank(LONG character) { return character == ' ' || (character >= '\t' && character <= '\r'); }

ULONG DigitValue(LONG character) {
    if (character >= '0' && character <= '9') return ULONG(character - '0');
    if (character >= 'A' && character <= 'Z') return ULONG(character - 'A' + 10);
    return character >= 'a' && character <= 'z' ? ULONG(character - 'a' + 10) : NOT_A_DIGIT;
}

/// The sign in front of a number; `at` is moved behind blanks and sign.
template <typename Char> bool SkipToDigits(const Char*& at) {
    while (IsBlank(text::Value(*at)))
        at++;
    const bool negative = *at == '-';
    if (negative || *at == '+') at++;
    return negative;
}

template <typename Char> LONG Decimal(const Char* at) {
    const bool negative = SkipToDigits(at);
    ULONG number = 0;
    for (ULONG digit; (digit = DigitValue(text::Value(*at))) < 10; at++)
        number = number * 10 + digit;
    return static_cast<LONG>(negative ? 0 - number : number);
}

template <typename Char> Char* Write(LONG value, Char* to, ULONG radix) {
    Char* const start = to;
    auto bits = static_cast<ULONG>(value);
    if (radix == 10 && value < 0) {
        *to++ = '-';
        bits = 0 - bits;
    }
    Char digits[BITS];
    ULONG count = 0;
    do {
        digits[count++] = static_cast<Char>("0123456789abcdefghijklmnopqrstuvwxyz"[bits % radix]);
        bits /= radix;
    } while (bits);
    while (count)
        *to++ = digits[--count];
    *to = 0;
    return start;
}

bool HasHexDigits(PCWSTR at) { return at[0] == '0' && (at[1] | 0x20) == 'x' && DigitValue(at[2]) < 16; }

} // namespace

#if defined(MICA_HOST)
namespace crt {
#else
extern "C" {
#endif

int CDECL atoi(const char* text) { return Decimal(text); }
LONG CDECL atol(const char* text) { return Decimal(text); }
int CDECL _wtoi(PCWSTR text) { return Decimal(text); }
LONG CDECL _wtol(PCWSTR text) { return Decimal(text); }
char* CDECL _itoa(int value, char* text, int radix) { return Write(value, text, ULONG(radix)); }
PWSTR CDECL _itow(int value, PWSTR text, int radix) { return Write(value, text, ULONG(radix)); }

ULONG CDECL wcstoul(PCWSTR text, PWSTR* end, int base) {
    PCWSTR at = text;
    const bool negative = SkipToDigits(at);
    if ((base == 0 || base == 16) && HasHexDigits(at)) {
        at += 2;
        base = 16;
    } else if (base == 0) {
        base = *at == '0' ? 8 : 10;
    }
    PCWSTR const first = at;
    ULONGLONG number = 0; // of 32 bits and one digit, or `LARGEST` and more for ever
    for (ULONG digit; (digit = DigitValue(*at)) < ULONG(base); at++)
        number = number > LARGEST ? number : number * ULONG(base) + digit;
    if (end) *end = const_cast<PWSTR>(at == first ? text : at);
    if (number > LARGEST) return LARGEST;
    return negative ? 0 - static_cast<ULONG>(number) : static_cast<ULONG>(number);
}
}
