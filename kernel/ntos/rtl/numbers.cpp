// RtlCharToInteger: an unsigned number from text, all of it or nothing.
//
// In the books: "executive support: run-time library". EXE-01
#include "rtl/string.h"

namespace {

constexpr ULONG NOT_A_DIGIT = 99;

ULONG DigitValue(CHAR character) {
    if (character >= '0' && character <= '9') return character - '0';
    if (character >= 'a' && character <= 'f') return character - 'a' + 10;
    if (character >= 'A' && character <= 'F') return character - 'A' + 10;
    return NOT_A_DIGIT;
}

bool HasHexPrefix(PCSTR text) { return text[0] == '0' && (text[1] == 'x' || text[1] == 'X'); }

} // namespace

extern "C" NTSTATUS NTAPI RtlCharToInteger(PCSTR Text, ULONG Base, ULONG* Value) {
    if (Base == 0) {
        Base = 10;
        if (HasHexPrefix(Text)) {
            Base = 16;
            Text += 2;
        }
    }
    if ((Base != 10 && Base != 16) || *Text == 0) return STATUS_INVALID_PARAMETER;

    ULONGLONG value = 0; // one digit more than ULONG never overflows it
    for (; *Text; Text++) {
        const ULONG digit = DigitValue(*Text);
        if (digit >= Base) return STATUS_INVALID_PARAMETER;
        value = value * Base + digit;
        if (value > 0xFFFFFFFF) return STATUS_INVALID_PARAMETER;
    }
    *Value = static_cast<ULONG>(value);
    return STATUS_SUCCESS;
}
