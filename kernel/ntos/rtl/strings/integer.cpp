// Numbers from text and into it, in the bases that debuggers and registries use.
//
// Reading stops at the first character that is no digit of the base: what follows is the caller's.
// In the books: "executive support: run-time library". EXE-01
#include "rtl/string.h"
#include "rtl/ustring.h"

namespace {

constexpr ULONG MOST_DIGITS = 64; // of 64 bits in base 2
constexpr ULONG NOT_A_DIGIT = 99;

bool IsBase(ULONG base) { return base == 2 || base == 8 || base == 10 || base == 16; }

ULONG DigitValue(WCHAR character) {
    if (character >= '0' && character <= '9') return character - '0';
    const WCHAR letter = character | ('a' - 'A');
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10u : NOT_A_DIGIT;
}

ULONG PrefixBase(WCHAR character) {
    switch (character) {
    case 'b': return 2;
    case 'o': return 8;
    case 'x': return 16;
    default: return 0;
    }
}

/// Text whose end is a length or a 0: a character behind the end reads as 0.
template <typename Char> class Text {
public:
    Text(const Char* text, ULONG length) : m_text(text), m_length(length) {}
    [[nodiscard]] WCHAR At(ULONG index) const { return index < m_length ? WCHAR(m_text[index]) : WCHAR(0); }

private:
    const Char* m_text;
    const ULONG m_length;
};

template <typename Char> NTSTATUS ReadInteger(const Text<Char>& text, ULONG base, ULONG* value) {
    ULONG at = 0;
    while (text.At(at) != 0 && text.At(at) <= ' ')
        at++;
    const bool negative = text.At(at) == '-';
    if (negative || text.At(at) == '+') at++;
    if (base == 0) {
        base = text.At(at) == '0' ? PrefixBase(text.At(at + 1)) : 0;
        if (base == 0)
            base = 10;
        else
            at += 2;
    }
    if (!IsBase(base)) return STATUS_INVALID_PARAMETER;
    ULONG number = 0;
    for (ULONG digit; (digit = DigitValue(text.At(at))) < base; at++)
        number = number * base + digit;
    *value = negative ? 0 - number : number;
    return STATUS_SUCCESS;
}

NTSTATUS WriteInteger(ULONGLONG value, ULONG base, PUNICODE_STRING string) {
    if (base == 0) base = 10;
    if (!IsBase(base)) return STATUS_INVALID_PARAMETER;
    WCHAR digits[MOST_DIGITS];
    ULONG first = MOST_DIGITS;
    do {
        digits[--first] = WCHAR("0123456789ABCDEF"[value % base]);
        value /= base;
    } while (value);
    const ULONG bytes = (MOST_DIGITS - first) * sizeof(WCHAR);
    if (bytes > string->MaximumLength) return STATUS_BUFFER_OVERFLOW;
    memcpy(string->Buffer, digits + first, bytes);
    string->Length = USHORT(bytes);
    if (bytes + sizeof(WCHAR) <= string->MaximumLength) string->Buffer[bytes / sizeof(WCHAR)] = 0;
    return STATUS_SUCCESS;
}

} // namespace

extern "C" {

NTSTATUS NTAPI RtlCharToInteger(PCSTR String, ULONG Base, ULONG* Value) {
    return ReadInteger(Text(String, ~0u), Base, Value);
}

NTSTATUS NTAPI RtlUnicodeStringToInteger(PCUNICODE_STRING String, ULONG Base, ULONG* Value) {
    return ReadInteger(Text(static_cast<PCWSTR>(String->Buffer), String->Length / sizeof(WCHAR)), Base, Value);
}

NTSTATUS NTAPI RtlIntegerToUnicodeString(ULONG Value, ULONG Base, PUNICODE_STRING String) {
    return WriteInteger(Value, Base, String);
}

NTSTATUS NTAPI RtlInt64ToUnicodeString(ULONGLONG Value, ULONG Base, PUNICODE_STRING String) {
    return WriteInteger(Value, Base, String);
}
}
