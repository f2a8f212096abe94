// RtlFindOption: the boot options, `/NAME` and `/NAME=value` separated by blanks.
//
// In the books: "startup: boot options". EXE-01
#include "rtl/string.h"

namespace {

CHAR UpperCase(CHAR character) {
    return character >= 'a' && character <= 'z' ? static_cast<CHAR>(character - 'a' + 'A') : character;
}

bool EndsOption(CHAR character) { return character == 0 || character == ' ' || character == '\t'; }

/// @returns what follows `name` at the start of `option`, nullptr if another option stands there.
PCSTR SkipName(PCSTR option, PCSTR name) {
    for (; *name; option++, name++) {
        if (UpperCase(*option) != UpperCase(*name)) return nullptr;
    }
    return EndsOption(*option) || *option == '=' ? option : nullptr;
}

void CopyValue(PCSTR from, PSTR value, SIZE_T size) {
    for (; size > 1 && !EndsOption(*from); size--)
        *value++ = *from++;
    if (size) *value = 0;
}

} // namespace

extern "C" BOOLEAN NTAPI RtlFindOption(PCSTR Options, PCSTR Name, PSTR Value, SIZE_T ValueSize) {
    for (PCSTR at = Options; *at; at++) {
        const bool starts = *at == '/' && (at == Options || EndsOption(at[-1]));
        const PCSTR rest = starts ? SkipName(at + 1, Name) : nullptr;
        if (!rest) continue;
        if (Value) CopyValue(*rest == '=' ? rest + 1 : rest, Value, ValueSize);
        return TRUE;
    }
    return FALSE;
}
