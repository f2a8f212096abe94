// An unsigned number from text, all of it or nothing.
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

NTSTATUS nt::ReadNumber(PCSTR text, ULONG base, ULONG* value) {
    if (base == 0) {
        base = 10;
        if (HasHexPrefix(text)) {
            base = 16;
            text += 2;
        }
    }
    if ((base != 10 && base != 16) || *text == 0) return STATUS_INVALID_PARAMETER;

    ULONGLONG number = 0; // one digit more than ULONG never overflows it
    for (; *text; text++) {
        const ULONG digit = DigitValue(*text);
        if (digit >= base) return STATUS_INVALID_PARAMETER;
        number = number * base + digit;
        if (number > 0xFFFFFFFF) return STATUS_INVALID_PARAMETER;
    }
    *value = static_cast<ULONG>(number);
    return STATUS_SUCCESS;
}
