// Formatted output: one interpreter of format strings for narrow and wide text, and for every way to end it.
//
// Invariant: never writes beyond the capacity that it is given, whatever the format says; writes no final 0: that is the
// caller's. No allocation, no lock, no global: usable at any IRQL and in a bugcheck.
// In the books: "executive support: run-time library". EXE-01
#pragma once

#include "codepage.h"

namespace nt::format {

/// The destination: counts what fits and remembers whether something did not.
template <typename Char> class Output {
public:
    Output(Char* buffer, SIZE_T capacity) : m_buffer(buffer), m_capacity(capacity) {}

    void Put(Char character) {
        if (m_count == m_capacity) {
            m_cut = true;
        } else {
            m_buffer[m_count++] = character;
        }
    }
    void Repeat(Char character, LONG count) {
        for (; count > 0 && !m_cut; count--)
            Put(character);
    }
    [[nodiscard]] SIZE_T Count() const { return m_count; }
    [[nodiscard]] bool IsCut() const { return m_cut; }

private:
    Char* const m_buffer;
    const SIZE_T m_capacity;
    SIZE_T m_count = 0;
    bool m_cut = false;
};

constexpr SIZE_T UNLIMITED = ~SIZE_T(0);

/// The letters before a conversion that say how wide its argument is: h, l, ll or I64, w.
enum class Length { None, Short, Long, LongLong, Wide };
constexpr LONG NO_PRECISION = -1;

/// One directive: %[flags][width][.precision][length]conversion
struct Directive {
    bool LeftAlign = false;
    bool ZeroPad = false;
    bool Alternate = false; ///< 0x in front of hexadecimal numbers, 0 in front of octal ones
    CHAR Plus = 0;          ///< '+' or ' ' in front of numbers that are not negative
    LONG Width = 0;
    LONG Precision = NO_PRECISION;
    Length Size = Length::None;
    WCHAR Conversion = 0;
};

/// A va_list in a structure: on some hosts the type is an array, which cannot be passed on by reference.
struct Arguments {
    va_list List;

    ULONGLONG Unsigned(Length size) {
        switch (size) {
        case Length::Short: return static_cast<USHORT>(va_arg(List, unsigned));
        case Length::Long: return va_arg(List, unsigned long);
        case Length::LongLong: return va_arg(List, unsigned long long);
        default: return va_arg(List, unsigned);
        }
    }
    LONGLONG Signed(Length size) {
        switch (size) {
        case Length::Short: return static_cast<SHORT>(va_arg(List, int));
        case Length::Long: return va_arg(List, long);
        case Length::LongLong: return va_arg(List, long long);
        default: return va_arg(List, int);
        }
    }
};

/// A number or `*` at `format`, which is moved behind it. Numbers stop growing where no buffer is that long.
template <typename Char> LONG ParseNumber(const Char*& format, Arguments& arguments) {
    if (*format == '*') {
        format++;
        return va_arg(arguments.List, int);
    }
    LONG number = 0;
    for (; *format >= '0' && *format <= '9'; format++) {
        if (number < 100'000) number = number * 10 + (*format - '0');
    }
    return number;
}

template <typename Char> Length ParseLength(const Char*& format) {
    switch (*format) {
    case 'h': format++; return Length::Short;
    case 'w': format++; return Length::Wide;
    case 'l':
        format++;
        if (*format != 'l') return Length::Long;
        format++;
        return Length::LongLong;
    case 'I':
        if (format[1] == '6' && format[2] == '4') {
            format += 3;
            return Length::LongLong;
        }
        if (format[1] == '3' && format[2] == '2') format += 3;
        break;
    }
    return Length::None;
}

/// Takes one flag. @returns whether there was one
template <typename Char> bool ParseFlag(Char character, Directive& directive) {
    switch (character) {
    case '-': directive.LeftAlign = true; return true;
    case '0': directive.ZeroPad = true; return true;
    case '#': directive.Alternate = true; return true;
    case '+': directive.Plus = '+'; return true;
    case ' ':
        if (!directive.Plus) directive.Plus = ' ';
        return true;
    default: return false;
    }
}

/// Reads the directive after a `%`; `format` is left behind its conversion character.
template <typename Char> Directive ParseDirective(const Char*& format, Arguments& arguments) {
    Directive directive;
    while (ParseFlag(*format, directive))
        format++;
    directive.Width = ParseNumber(format, arguments);
    if (directive.Width < 0) { // only `*` can say so
        directive.LeftAlign = true;
        directive.Width = directive.Width > -100'000 ? -directive.Width : 100'000;
    }
    if (*format == '.') {
        format++;
        directive.Precision = ParseNumber(format, arguments);
        if (directive.Precision < 0) directive.Precision = NO_PRECISION;
    }
    directive.Size = ParseLength(format);
    directive.Conversion = static_cast<WCHAR>(*format);
    if (*format) format++;
    return directive;
}

inline CHAR Convert(CHAR character, CHAR) { return character; }
inline WCHAR Convert(WCHAR character, WCHAR) { return character; }
inline WCHAR Convert(CHAR character, WCHAR) { return AnsiCodePage.ToUnicode(character); }
inline CHAR Convert(WCHAR character, CHAR) { return AnsiCodePage.FromUnicode(character); }

/// Text of either kind of characters. @param limit its length, if it has one; else it ends with a 0
template <typename Char, typename TextChar>
void PutText(Output<Char>& output, const Directive& directive, const TextChar* text, SIZE_T limit, bool counted) {
    constexpr TextChar NOTHING[] = {'(', 'n', 'u', 'l', 'l', ')', 0};
    if (!text) {
        text = NOTHING;
        counted = false;
        limit = UNLIMITED;
    }
    if (directive.Precision != NO_PRECISION && static_cast<SIZE_T>(directive.Precision) < limit)
        limit = static_cast<SIZE_T>(directive.Precision);
    SIZE_T length = 0; // with a limit the text need not end with a 0
    while (length < limit && (counted || text[length]))
        length++;
    const LONG padding = directive.Width - static_cast<LONG>(length);
    if (!directive.LeftAlign) output.Repeat(' ', padding);
    for (; length && !output.IsCut(); length--)
        output.Put(Convert(*text++, Char()));
    if (directive.LeftAlign) output.Repeat(' ', padding);
}

template <typename Char>
void PutNumber(Output<Char>& output, const Directive& directive, ULONGLONG value, bool negative, ULONG base) {
    const PCSTR alphabet = directive.Conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    CHAR digits[22]; // 2^64 has 20 decimal digits, 22 octal ones
    LONG count = 0;
    const bool prefix = directive.Alternate && base == 16 && value != 0;
    for (; value; value /= base)
        digits[count++] = alphabet[value % base];

    LONG zeros = (directive.Precision == NO_PRECISION ? 1 : directive.Precision) - count;
    if (directive.Alternate && base == 8 && zeros <= 0) zeros = 1;
    if (zeros < 0) zeros = 0;
    const CHAR sign = negative ? '-' : directive.Plus;
    const LONG padding = directive.Width - (sign != 0) - (prefix ? 2 : 0) - zeros - count;
    if (directive.ZeroPad && !directive.LeftAlign && directive.Precision == NO_PRECISION && padding > 0) {
        zeros += padding;
    } else if (!directive.LeftAlign) {
        output.Repeat(' ', padding);
    }
    if (sign) output.Put(static_cast<Char>(sign));
    if (prefix) {
        output.Put('0');
        output.Put(static_cast<Char>(directive.Conversion));
    }
    output.Repeat('0', zeros);
    while (count)
        output.Put(static_cast<Char>(digits[--count]));
    if (directive.LeftAlign) output.Repeat(' ', padding);
}

/// Whether %c or %s means wide characters: %S and %C are the other kind than the function's own, and a length decides.
template <typename Char> bool IsWide(const Directive& directive) {
    if (directive.Size == Length::Short) return false;
    if (directive.Size == Length::Long || directive.Size == Length::Wide) return true;
    const bool other = directive.Conversion == 'S' || directive.Conversion == 'C';
    return other != (sizeof(Char) == sizeof(WCHAR));
}

template <typename Char> void PutString(Output<Char>& output, const Directive& directive, Arguments& arguments) {
    if (IsWide<Char>(directive)) {
        PutText(output, directive, va_arg(arguments.List, PCWSTR), UNLIMITED, false);
    } else {
        PutText(output, directive, va_arg(arguments.List, PCSTR), UNLIMITED, false);
    }
}

template <typename Char> void PutCounted(Output<Char>& output, const Directive& directive, Arguments& arguments) {
    if (directive.Size == Length::Wide || directive.Size == Length::Long) {
        const auto* const string = va_arg(arguments.List, PCUNICODE_STRING);
        PutText(output, directive, static_cast<PCWSTR>(string ? string->Buffer : nullptr),
                string ? string->Length / sizeof(WCHAR) : 0, true);
    } else {
        const auto* const string = va_arg(arguments.List, PCANSI_STRING);
        PutText(output, directive, static_cast<PCSTR>(string ? string->Buffer : nullptr), string ? string->Length : 0,
                true);
    }
}

/// @returns whether the conversion is known.
template <typename Char> bool PutConversion(Output<Char>& output, Directive directive, Arguments& arguments) {
    switch (directive.Conversion) {
    case '%': output.Put('%'); return true;
    case 'c':
    case 'C': {
        const int character = va_arg(arguments.List, int);
        const CHAR narrow = static_cast<CHAR>(character);
        const WCHAR wide = static_cast<WCHAR>(character);
        directive.Precision = NO_PRECISION;
        if (IsWide<Char>(directive)) {
            PutText(output, directive, &wide, 1, true);
        } else {
            PutText(output, directive, &narrow, 1, true);
        }
        return true;
    }
    case 's':
    case 'S': PutString(output, directive, arguments); return true;
    case 'Z': PutCounted(output, directive, arguments); return true;
    case 'd':
    case 'i': {
        const LONGLONG value = arguments.Signed(directive.Size);
        const auto bits = static_cast<ULONGLONG>(value);
        PutNumber(output, directive, value < 0 ? 0 - bits : bits, value < 0, 10);
        return true;
    }
    default: break;
    }
    directive.Plus = 0; // unsigned numbers have no sign
    switch (directive.Conversion) {
    case 'u': PutNumber(output, directive, arguments.Unsigned(directive.Size), false, 10); return true;
    case 'o': PutNumber(output, directive, arguments.Unsigned(directive.Size), false, 8); return true;
    case 'x':
    case 'X': PutNumber(output, directive, arguments.Unsigned(directive.Size), false, 16); return true;
    case 'p': // all digits of an address, as debuggers show it
        directive.Precision = 2 * sizeof(PVOID);
        PutNumber(output, directive, reinterpret_cast<ULONG_PTR>(va_arg(arguments.List, PVOID)), false, 16);
        return true;
    default: return false;
    }
}

/// Writes what the format says. @param stopAtUnknown whether an unknown conversion ends the text; else its character is written.
/// @returns whether every conversion is known, as far as the text was written
template <typename Char> bool Write(Output<Char>& output, const Char* format, va_list list, bool stopAtUnknown) {
    Arguments arguments;
    va_copy(arguments.List, list);
    bool known = true;
    while (*format && (known || !stopAtUnknown) && !output.IsCut()) {
        if (*format != '%') {
            output.Put(*format++);
            continue;
        }
        format++;
        const Directive directive = ParseDirective(format, arguments);
        if (PutConversion(output, directive, arguments)) continue;
        known = false;
        if (!stopAtUnknown && directive.Conversion) output.Put(static_cast<Char>(directive.Conversion));
    }
    va_end(arguments.List);
    return known;
}

} // namespace nt::format
