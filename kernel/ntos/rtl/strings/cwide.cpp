// The C library's routines for wide text, as drivers import them, and those between wide and narrow text.
//
// In the books: "executive support: run-time library". EXE-01
#include "codepage.h"
#include "ctext.h"

namespace text = nt::text;

#if defined(MICA_HOST)
namespace crt {
#else
extern "C" {
#endif

NO_BUILTIN SIZE_T CDECL wcslen(PCWSTR text) { return text::Length(text); }

NO_BUILTIN int CDECL wcsncmp(PCWSTR left, PCWSTR right, SIZE_T count) {
    return text::Compare(left, right, count, [](WCHAR c) { return c; });
}

NO_BUILTIN int CDECL wcscmp(PCWSTR left, PCWSTR right) { return wcsncmp(left, right, ALL_CHARACTERS); }

NO_BUILTIN PWSTR CDECL wcscpy(PWSTR destination, PCWSTR source) { return text::Copy(destination, source); }

NO_BUILTIN PWSTR CDECL wcsncpy(PWSTR destination, PCWSTR source, SIZE_T count) {
    return text::CopyCounted(destination, source, count);
}

NO_BUILTIN PWSTR CDECL wcscat(PWSTR destination, PCWSTR source) {
    return text::AppendCounted(destination, source, ALL_CHARACTERS);
}

NO_BUILTIN PWSTR CDECL wcsncat(PWSTR destination, PCWSTR source, SIZE_T count) {
    return text::AppendCounted(destination, source, count);
}

NO_BUILTIN PWSTR CDECL wcschr(PCWSTR text, WCHAR character) { return text::Find(text, character); }

NO_BUILTIN PWSTR CDECL wcsrchr(PCWSTR text, WCHAR character) { return text::FindLast(text, character); }

NO_BUILTIN PWSTR CDECL wcsstr(PCWSTR text, PCWSTR wanted) { return text::FindText(text, wanted); }

NO_BUILTIN SIZE_T CDECL wcsspn(PCWSTR text, PCWSTR set) { return text::Span(text, set, true); }

NO_BUILTIN SIZE_T CDECL wcscspn(PCWSTR text, PCWSTR set) { return text::Span(text, set, false); }

NO_BUILTIN int CDECL _wcsnicmp(PCWSTR left, PCWSTR right, SIZE_T count) {
    return text::Compare(left, right, count, towlower);
}

NO_BUILTIN int CDECL _wcsicmp(PCWSTR left, PCWSTR right) { return _wcsnicmp(left, right, ALL_CHARACTERS); }

NO_BUILTIN PWSTR CDECL _wcslwr(PWSTR text) { return text::Change(text, ALL_CHARACTERS, towlower); }

NO_BUILTIN PWSTR CDECL _wcsupr(PWSTR text) { return text::Change(text, ALL_CHARACTERS, towupper); }

NO_BUILTIN PWSTR CDECL _wcsnset(PWSTR text, WCHAR character, SIZE_T count) {
    return text::Change(text, count, [character](WCHAR) { return character; });
}

NO_BUILTIN PWSTR CDECL _wcsrev(PWSTR text) { return text::Reverse(text); }

WCHAR CDECL towlower(WCHAR character) { return RtlDowncaseUnicodeChar(character); }

WCHAR CDECL towupper(WCHAR character) { return RtlUpcaseUnicodeChar(character); }

SIZE_T CDECL mbstowcs(PWSTR destination, const char* source, SIZE_T count) {
    if (!destination) return text::Length(source);
    for (SIZE_T i = 0; i < count; i++) {
        destination[i] = nt::AnsiCodePage.ToUnicode(source[i]);
        if (!source[i]) return i;
    }
    return count;
}

SIZE_T CDECL wcstombs(char* destination, PCWSTR source, SIZE_T count) {
    if (!destination) return text::Length(source);
    for (SIZE_T i = 0; i < count; i++) {
        destination[i] = nt::AnsiCodePage.FromUnicode(source[i]);
        if (!source[i]) return i;
    }
    return count;
}

int CDECL mbtowc(PWSTR destination, const char* source, SIZE_T count) {
    if (!source) return 0;
    if (count == 0) return -1;
    if (destination) *destination = nt::AnsiCodePage.ToUnicode(*source);
    return *source ? 1 : 0;
}

int CDECL wctomb(char* destination, WCHAR character) {
    if (!destination) return 0;
    const CHAR converted = nt::AnsiCodePage.FromUnicode(character, 0);
    if (converted == 0 && character != 0) return -1;
    *destination = converted;
    return 1;
}
}
