// What the two kinds of counted strings have in common: characters of one or of two bytes.
// In the books: "executive support: run-time library". EXE-01
#pragma once

#include "rtl/string.h"
#include "rtl/ustring.h"

namespace nt {

/// The bytes of text up to its final 0, or `limit` if it has more.
template <typename Char> ULONG TextBytes(const Char* text, ULONG limit) {
    ULONG bytes = 0;
    while (bytes < limit && *text) {
        text++;
        bytes += sizeof(Char);
    }
    return bytes;
}

/// Most bytes of text that a counted string can hold together with a final 0.
template <typename Char> constexpr ULONG MaximumText = (MAXIMUM_USHORT / sizeof(Char) - 1) * sizeof(Char);

/// Describes text that ends with a 0, as far as a counted string reaches.
template <typename String, typename Char> void Describe(String* string, Char* text) {
    const ULONG bytes = text ? TextBytes(text, MaximumText<Char>) : 0;
    string->Length = USHORT(bytes);
    string->MaximumLength = USHORT(text ? bytes + sizeof(Char) : 0);
    string->Buffer = text;
}

/// As Describe. @returns false if the text is too long
template <typename String, typename Char> bool DescribeWhole(String* string, Char* text) {
    if (text && TextBytes(text, MaximumText<Char> + sizeof(Char)) > MaximumText<Char>) return false;
    Describe(string, text);
    return true;
}

/// Appends bytes. @returns false if there is no room for all of them
template <typename String> bool Append(String* string, const void* text, ULONG bytes) {
    if (string->Length > string->MaximumLength || bytes > ULONG(string->MaximumLength - string->Length)) return false;
    memmove(reinterpret_cast<CHAR*>(string->Buffer) + string->Length, text, bytes); // the source may be the destination
    string->Length = USHORT(string->Length + bytes);
    return true;
}

/// Copies as many whole characters as there is room for; a nullptr makes the string empty.
template <typename String> void Copy(String* to, const String* from) {
    ULONG bytes = from ? from->Length : 0;
    const ULONG room = to->MaximumLength / sizeof(*to->Buffer) * sizeof(*to->Buffer);
    if (bytes > room) bytes = room;
    if (bytes) memmove(to->Buffer, from->Buffer, bytes);
    to->Length = USHORT(bytes);
}

/// Ends the text with a 0 if there is room for it.
inline void Terminate(PUNICODE_STRING string) {
    if (string->Length + sizeof(WCHAR) <= string->MaximumLength) string->Buffer[string->Length / sizeof(WCHAR)] = 0;
}

} // namespace nt
