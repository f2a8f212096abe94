// The C library's routines that drivers import from the kernel: text that ends with a 0, numbers, sorting, printf.
//
// They do what ISO C says; those whose names begin with `_` do what Microsoft's documentation says. None knows how long a
// destination is, unless it is told: prefer counted strings (rtl/ustring.h) and RtlStringCbPrintf. What the compiler itself
// calls (memcpy, memset, strlen ...) is in rtl/string.h.
// Wide characters are UTF-16. Case: narrow text knows ASCII letters only, wide text those of RtlUpcaseUnicodeChar. Any IRQL.
// On the host they live in a namespace: the host has routines of these names itself.
// In the books: "executive support: run-time library". EXE-01
#pragma once

#include "rtl/string.h"
#include "rtl/ustring.h"

#if defined(MICA_HOST)
namespace crt {
#else
extern "C" {
#endif

// ---- narrow text -----------------------------------------------------------------------------------------------------

NTKERNELAPI char* CDECL strcpy(char* destination, const char* source);
/// Copies `count` characters: fills up with zeros, and does not end a text that is as long as `count` or longer.
NTKERNELAPI char* CDECL strncpy(char* destination, const char* source, SIZE_T count);
NTKERNELAPI char* CDECL strcat(char* destination, const char* source);
/// Appends at most `count` characters, and then a 0.
NTKERNELAPI char* CDECL strncat(char* destination, const char* source, SIZE_T count);
/// @returns the first place of the character (the final 0 too), or nullptr
NTKERNELAPI char* CDECL strchr(const char* text, int character);
NTKERNELAPI char* CDECL strrchr(const char* text, int character);
NTKERNELAPI char* CDECL strstr(const char* text, const char* wanted);
/// @returns how many characters at the start are all of `set`
NTKERNELAPI SIZE_T CDECL strspn(const char* text, const char* set);
NTKERNELAPI int CDECL _stricmp(const char* left, const char* right);
NTKERNELAPI int CDECL _strnicmp(const char* left, const char* right, SIZE_T count);
NTKERNELAPI char* CDECL _strlwr(char* text);
NTKERNELAPI char* CDECL _strupr(char* text);
/// Replaces the characters of the text, with `n` at most `count`, by one.
NTKERNELAPI char* CDECL _strset(char* text, int character);
NTKERNELAPI char* CDECL _strnset(char* text, int character, SIZE_T count);
NTKERNELAPI char* CDECL _strrev(char* text);
NTKERNELAPI void* CDECL memchr(const void* buffer, int byte, SIZE_T count);

// ---- wide text: as the narrow ones -----------------------------------------------------------------------------------

NTKERNELAPI SIZE_T CDECL wcslen(PCWSTR text);
NTKERNELAPI int CDECL wcscmp(PCWSTR left, PCWSTR right);
NTKERNELAPI int CDECL wcsncmp(PCWSTR left, PCWSTR right, SIZE_T count);
NTKERNELAPI PWSTR CDECL wcscpy(PWSTR destination, PCWSTR source);
NTKERNELAPI PWSTR CDECL wcsncpy(PWSTR destination, PCWSTR source, SIZE_T count);
NTKERNELAPI PWSTR CDECL wcscat(PWSTR destination, PCWSTR source);
NTKERNELAPI PWSTR CDECL wcsncat(PWSTR destination, PCWSTR source, SIZE_T count);
NTKERNELAPI PWSTR CDECL wcschr(PCWSTR text, WCHAR character);
NTKERNELAPI PWSTR CDECL wcsrchr(PCWSTR text, WCHAR character);
NTKERNELAPI PWSTR CDECL wcsstr(PCWSTR text, PCWSTR wanted);
NTKERNELAPI SIZE_T CDECL wcsspn(PCWSTR text, PCWSTR set);
/// @returns how many characters at the start are none of `set`
NTKERNELAPI SIZE_T CDECL wcscspn(PCWSTR text, PCWSTR set);
NTKERNELAPI int CDECL _wcsicmp(PCWSTR left, PCWSTR right);
NTKERNELAPI int CDECL _wcsnicmp(PCWSTR left, PCWSTR right, SIZE_T count);
NTKERNELAPI PWSTR CDECL _wcslwr(PWSTR text);
NTKERNELAPI PWSTR CDECL _wcsupr(PWSTR text);
NTKERNELAPI PWSTR CDECL _wcsnset(PWSTR text, WCHAR character, SIZE_T count);
NTKERNELAPI PWSTR CDECL _wcsrev(PWSTR text);

// ---- between narrow and wide -----------------------------------------------------------------------------------------

/// Converts up to and with the final 0, at most `count` characters. @param destination nullptr: only counts.
/// @returns the number of characters without the 0
NTKERNELAPI SIZE_T CDECL mbstowcs(PWSTR destination, const char* source, SIZE_T count);
NTKERNELAPI SIZE_T CDECL wcstombs(char* destination, PCWSTR source, SIZE_T count);
/// Converts one character. @returns its bytes: 1; 0 at the end of the text; -1 if `count` is 0 (or, of wctomb, if the code
/// page lacks the character)
NTKERNELAPI int CDECL mbtowc(PWSTR destination, const char* source, SIZE_T count);
NTKERNELAPI int CDECL wctomb(char* destination, WCHAR character);

// ---- characters ------------------------------------------------------------------------------------------------------

NTKERNELAPI int CDECL isdigit(int character);
NTKERNELAPI int CDECL isxdigit(int character);
NTKERNELAPI int CDECL islower(int character);
NTKERNELAPI int CDECL isupper(int character);
NTKERNELAPI int CDECL isspace(int character);
NTKERNELAPI int CDECL isprint(int character);
NTKERNELAPI int CDECL tolower(int character);
NTKERNELAPI int CDECL toupper(int character);
NTKERNELAPI WCHAR CDECL towlower(WCHAR character);
NTKERNELAPI WCHAR CDECL towupper(WCHAR character);

// ---- numbers, sorting, luck ------------------------------------------------------------------------------------------

/// Blanks, a sign, decimal digits; what follows is ignored. No digit: 0.
NTKERNELAPI int CDECL atoi(const char* text);
NTKERNELAPI LONG CDECL atol(const char* text);
NTKERNELAPI int CDECL _wtoi(PCWSTR text);
NTKERNELAPI LONG CDECL _wtol(PCWSTR text);
/// @param radix 2..36; 10 writes a sign, the others the 32 bits. @param text room for 33 characters. @returns `text`
NTKERNELAPI char* CDECL _itoa(int value, char* text, int radix);
NTKERNELAPI PWSTR CDECL _itow(int value, PWSTR text, int radix);
/// Blanks, a sign, digits. @param base 2..36; 0: as the prefix 0x or 0 says, else 10. @param end receives where the number
/// ends (at `text` if there is none); may be nullptr. @returns 0xFFFFFFFF for a number that is too large
NTKERNELAPI ULONG CDECL wcstoul(PCWSTR text, PWSTR* end, int base);

/// Sorts in place: no recursion, no memory, n log n comparisons also in the worst case (a heap).
NTKERNELAPI void CDECL qsort(void* base, SIZE_T count, SIZE_T size, int(CDECL* compare)(const void*, const void*));
/// @returns an element of the sorted array that equals the key, or nullptr
NTKERNELAPI void* CDECL bsearch(const void* key, const void* base, SIZE_T count, SIZE_T size,
                                int(CDECL* compare)(const void*, const void*));
/// A weak series of numbers 0..32767: the same after the same `srand`.
NTKERNELAPI int CDECL rand();
NTKERNELAPI void CDECL srand(unsigned int seed);

// ---- printf ----------------------------------------------------------------------------------------------------------
// Conversions: %d %i %u %o %x %X %p %c %s %C %S %Z %%; flags - 0 + blank #; width and precision (numbers or *); lengths h, l,
// ll, I64, I32, w. %s is text of the function's own characters, %S of the other; %hs is narrow and %ls or %ws wide in each.
// %Z takes an ANSI_STRING, %wZ a UNICODE_STRING. No floating point.

/// Write the text and its final 0, however long it is. @returns the number of characters without the 0
NTKERNELAPI int CDECL sprintf(char* buffer, const char* format, ...);
NTKERNELAPI int CDECL vsprintf(char* buffer, const char* format, va_list arguments);
NTKERNELAPI int CDECL swprintf(PWSTR buffer, PCWSTR format, ...);
NTKERNELAPI int CDECL vswprintf(PWSTR buffer, PCWSTR format, va_list arguments);
/// Write at most `count` characters, and a final 0 only if the text is shorter than that.
/// @returns the number of characters without the 0; -1 if the text was cut
NTKERNELAPI int CDECL _snprintf(char* buffer, SIZE_T count, const char* format, ...);
NTKERNELAPI int CDECL _vsnprintf(char* buffer, SIZE_T count, const char* format, va_list arguments);
NTKERNELAPI int CDECL _snwprintf(PWSTR buffer, SIZE_T count, PCWSTR format, ...);
NTKERNELAPI int CDECL _vsnwprintf(PWSTR buffer, SIZE_T count, PCWSTR format, va_list arguments);
}
