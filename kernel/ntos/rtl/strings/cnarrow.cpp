// The C library's routines for narrow text and characters, as drivers import them.
//
// In the books: "executive support: run-time library". EXE-01
#include "ctext.h"

namespace text = nt::text;

#if defined(MICA_HOST)
namespace crt {
#else
extern "C" {
#endif

NO_BUILTIN char* CDECL strcpy(char* destination, const char* source) { return text::Copy(destination, source); }

NO_BUILTIN char* CDECL strncpy(char* destination, const char* source, SIZE_T count) {
    return text::CopyCounted(destination, source, count);
}

NO_BUILTIN char* CDECL strcat(char* destination, const char* source) {
    return text::AppendCounted(destination, source, ALL_CHARACTERS);
}

NO_BUILTIN char* CDECL strncat(char* destination, const char* source, SIZE_T count) {
    return text::AppendCounted(destination, source, count);
}

NO_BUILTIN char* CDECL strchr(const char* text, int character) {
    return text::Find(text, static_cast<char>(character));
}

NO_BUILTIN char* CDECL strrchr(const char* text, int character) {
    return text::FindLast(text, static_cast<char>(character));
}

NO_BUILTIN char* CDECL strstr(const char* text, const char* wanted) { return text::FindText(text, wanted); }

NO_BUILTIN SIZE_T CDECL strspn(const char* text, const char* set) { return text::Span(text, set, true); }

NO_BUILTIN int CDECL _strnicmp(const char* left, const char* right, SIZE_T count) {
    return text::Compare(left, right, count, [](char c) { return static_cast<char>(tolower(c)); });
}

NO_BUILTIN int CDECL _stricmp(const char* left, const char* right) { return _strnicmp(left, right, ALL_CHARACTERS); }

NO_BUILTIN char* CDECL _strlwr(char* text) {
    return text::Change(text, ALL_CHARACTERS, [](char c) { return static_cast<char>(tolower(c)); });
}

NO_BUILTIN char* CDECL _strupr(char* text) {
    return text::Change(text, ALL_CHARACTERS, [](char c) { return static_cast<char>(toupper(c)); });
}

NO_BUILTIN char* CDECL _strnset(char* text, int character, SIZE_T count) {
    return text::Change(text, count, [character](char) { return static_cast<char>(character); });
}

NO_BUILTIN char* CDECL _strset(char* text, int character) { return _strnset(text, character, ALL_CHARACTERS); }

NO_BUILTIN char* CDECL _strrev(char* text) { return text::Reverse(text); }

NO_BUILTIN void* CDECL memchr(const void* buffer, int byte, SIZE_T count) {
    const auto* at = static_cast<const UCHAR*>(buffer);
    for (; count; at++, count--) {
        if (*at == static_cast<UCHAR>(byte)) return const_cast<UCHAR*>(at);
    }
    return nullptr;
}

int CDECL isdigit(int character) { return character >= '0' && character <= '9'; }
int CDECL islower(int character) { return character >= 'a' && character <= 'z'; }
int CDECL isupper(int character) { return character >= 'A' && character <= 'Z'; }
int CDECL isxdigit(int character) {
    return isdigit(character) || (tolower(character) >= 'a' && tolower(character) <= 'f');
}
int CDECL isspace(int character) { return character == ' ' || (character >= '\t' && character <= '\r'); }
int CDECL isprint(int character) { return character >= ' ' && character <= '~'; }
int CDECL tolower(int character) { return isupper(character) ? character + ('a' - 'A') : character; }
int CDECL toupper(int character) { return islower(character) ? character - ('a' - 'A') : character; }
}
