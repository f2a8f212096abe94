// Numbers in texts: strtol, strtoul. Contract: the C standard.
#include "crt.h"

namespace {

constexpr int NO_DIGIT = 36; ///< the value of a character that is none

int DigitOf(char character) {
    if (character >= '0' && character <= '9') return character - '0';
    const char letter = char(character | ' ');
    return letter >= 'a' && letter <= 'z' ? letter - 'a' + 10 : NO_DIGIT;
}

/// What a text begins with.
struct NUMBER {
    ULONG Value;
    bool Negative, TooLarge;
};

/// @param base 0: the text says it, by 0x or 0. @param[out] end behind the number; the begin if there is none
NUMBER Read(const char* text, char** end, int base) {
    const char* at = text;
    NUMBER number{};
    while (isspace(UCHAR(*at)))
        at++;
    if (*at == '-' || *at == '+') number.Negative = *at++ == '-';
    if ((base == 0 || base == 16) && at[0] == '0' && (at[1] | ' ') == 'x' && DigitOf(at[2]) < 16) {
        at += 2;
        base = 16;
    }
    if (base == 0) base = *at == '0' ? 8 : 10;
    const char* const first = at;
    for (int digit; (digit = DigitOf(*at)) < base; at++)
        number.TooLarge |= __builtin_mul_overflow(number.Value, ULONG(base), &number.Value) ||
                           __builtin_add_overflow(number.Value, ULONG(digit), &number.Value);
    if (end) *end = const_cast<char*>(at == first ? text : at);
    return number;
}

} // namespace

extern "C" {

LONG CDECL strtol(const char* text, char** end, int base) {
    constexpr ULONG lowest = 0x80000000;
    const NUMBER number = Read(text, end, base);
    const ULONG limit = number.Negative ? lowest : lowest - 1;
    if (number.TooLarge || number.Value > limit) {
        *_errno() = ERANGE;
        return LONG(limit);
    }
    return LONG(number.Negative ? 0 - number.Value : number.Value);
}

/// A number with a minus wraps around.
ULONG CDECL strtoul(const char* text, char** end, int base) {
    const NUMBER number = Read(text, end, base);
    if (number.TooLarge) {
        *_errno() = ERANGE;
        return ~ULONG(0);
    }
    return number.Negative ? 0 - number.Value : number.Value;
}
}
