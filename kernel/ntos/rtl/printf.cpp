// Formatted output: RtlStringCbPrintf and its va_list form.
//
// Invariant: never writes past Size bytes and always ends the text with a 0, whatever the format says. No allocation,
// no lock, no global: usable at any IRQL and in a bugcheck.
// In the books: "executive support: run-time library". EXE-01
#include "rtl/string.h"

namespace {

/// The destination: keeps room for the final 0 and remembers whether something did not fit.
class Output {
public:
    Output(PSTR buffer, SIZE_T size) : m_at(buffer), m_last(buffer + size - 1) {}

    void Put(CHAR character) {
        if (m_at == m_last) {
            m_cut = true;
        } else {
            *m_at++ = character;
        }
    }
    void Repeat(CHAR character, LONG count) {
        for (; count > 0 && !m_cut; count--)
            Put(character);
    }
    void Put(PCSTR text, SIZE_T length) {
        for (; length && !m_cut; length--)
            Put(*text++);
    }
    void Finish() { *m_at = 0; }
    [[nodiscard]] bool IsCut() const { return m_cut; }

private:
    PSTR m_at;
    const PSTR m_last; ///< place of the final 0
    bool m_cut = false;
};

enum class Length { Int, Short, Long, LongLong };
constexpr LONG NO_PRECISION = -1;

/// One directive: %[flags][width][.precision][length]conversion
struct Directive {
    bool LeftAlign = false;
    bool ZeroPad = false;
    LONG Width = 0;
    LONG Precision = NO_PRECISION;
    Length Size = Length::Int;
    CHAR Conversion = 0;
};

/// A va_list in a structure: on some hosts the type is an array, which cannot be passed on by reference.
struct Arguments {
    va_list List;

    ULONGLONG Unsigned(Length size) {
        switch (size) {
        case Length::Short: return static_cast<USHORT>(va_arg(List, unsigned));
        case Length::Long: return va_arg(List, unsigned long);
        case Length::LongLong: return va_arg(List, unsigned long long);
        case Length::Int: break;
        }
        return va_arg(List, unsigned);
    }
    LONGLONG Signed(Length size) {
        switch (size) {
        case Length::Short: return static_cast<SHORT>(va_arg(List, int));
        case Length::Long: return va_arg(List, long);
        case Length::LongLong: return va_arg(List, long long);
        case Length::Int: break;
        }
        return va_arg(List, int);
    }
};

/// A number or `*` at `format`, which is moved behind it. Numbers stop growing where no buffer is that long.
LONG ParseNumber(PCSTR& format, Arguments& arguments) {
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

Length ParseLength(PCSTR& format) {
    switch (*format) {
    case 'h': format++; return Length::Short;
    case 'l':
        format++;
        if (*format != 'l') return Length::Long;
        format++;
        return Length::LongLong;
    case 'I':
        if (format[1] != '6' || format[2] != '4') break;
        format += 3;
        return Length::LongLong;
    }
    return Length::Int;
}

/// Reads the directive after a `%`; `format` is left behind its conversion character.
Directive ParseDirective(PCSTR& format, Arguments& arguments) {
    Directive directive;
    for (;; format++) {
        if (*format == '-') {
            directive.LeftAlign = true;
        } else if (*format == '0') {
            directive.ZeroPad = true;
        } else {
            break;
        }
    }
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
    directive.Conversion = *format;
    if (*format) format++;
    return directive;
}

void PutText(Output& output, const Directive& directive, PCSTR text) {
    if (!text) text = "(null)";
    SIZE_T length = 0; // with a precision the text need not end with a 0
    while ((directive.Precision == NO_PRECISION || length < static_cast<SIZE_T>(directive.Precision)) && text[length])
        length++;
    const LONG padding = directive.Width - static_cast<LONG>(length);
    if (!directive.LeftAlign) output.Repeat(' ', padding);
    output.Put(text, length);
    if (directive.LeftAlign) output.Repeat(' ', padding);
}

void PutNumber(Output& output, const Directive& directive, ULONGLONG value, bool negative, ULONG base) {
    const PCSTR alphabet = directive.Conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    CHAR digits[20]; // 2^64 has 20 decimal digits
    LONG count = 0;
    for (; value; value /= base)
        digits[count++] = alphabet[value % base];

    LONG zeros = (directive.Precision == NO_PRECISION ? 1 : directive.Precision) - count;
    if (zeros < 0) zeros = 0;
    const LONG padding = directive.Width - negative - zeros - count;
    if (directive.ZeroPad && !directive.LeftAlign && directive.Precision == NO_PRECISION && padding > 0) {
        zeros += padding;
    } else if (!directive.LeftAlign) {
        output.Repeat(' ', padding);
    }
    if (negative) output.Put('-');
    output.Repeat('0', zeros);
    while (count)
        output.Put(digits[--count]);
    if (directive.LeftAlign) output.Repeat(' ', padding);
}

/// @returns whether the conversion is known.
bool PutConversion(Output& output, Directive directive, Arguments& arguments) {
    switch (directive.Conversion) {
    case '%': output.Put('%'); return true;
    case 'c': {
        const CHAR character = static_cast<CHAR>(va_arg(arguments.List, int));
        if (!directive.LeftAlign) output.Repeat(' ', directive.Width - 1);
        output.Put(character);
        if (directive.LeftAlign) output.Repeat(' ', directive.Width - 1);
        return true;
    }
    case 's': PutText(output, directive, va_arg(arguments.List, PCSTR)); return true;
    case 'd':
    case 'i': {
        const LONGLONG value = arguments.Signed(directive.Size);
        const auto bits = static_cast<ULONGLONG>(value);
        PutNumber(output, directive, value < 0 ? 0 - bits : bits, value < 0, 10);
        return true;
    }
    case 'u': PutNumber(output, directive, arguments.Unsigned(directive.Size), false, 10); return true;
    case 'x':
    case 'X': PutNumber(output, directive, arguments.Unsigned(directive.Size), false, 16); return true;
    case 'p': // all digits of an address, as debuggers show it
        directive.Precision = 2 * sizeof(PVOID);
        PutNumber(output, directive, reinterpret_cast<ULONG_PTR>(va_arg(arguments.List, PVOID)), false, 16);
        return true;
    }
    return false;
}

} // namespace

extern "C" NTSTATUS CDECL RtlStringCbVPrintf(PSTR Buffer, SIZE_T Size, PCSTR Format, va_list VaList) {
    if (Size == 0) return STATUS_INVALID_PARAMETER;
    Output output(Buffer, Size);
    Arguments arguments;
    va_copy(arguments.List, VaList);
    bool known = true;
    while (*Format && known && !output.IsCut()) {
        if (*Format != '%') {
            output.Put(*Format++);
            continue;
        }
        Format++;
        const Directive directive = ParseDirective(Format, arguments);
        known = PutConversion(output, directive, arguments);
    }
    va_end(arguments.List);
    output.Finish();
    if (!known) return STATUS_INVALID_PARAMETER;
    return output.IsCut() ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

extern "C" NTSTATUS CDECL RtlStringCbPrintf(PSTR Buffer, SIZE_T Size, PCSTR Format, ...) {
    va_list arguments;
    va_start(arguments, Format);
    const NTSTATUS status = RtlStringCbVPrintf(Buffer, Size, Format, arguments);
    va_end(arguments);
    return status;
}
