// The two code pages, and the routines that convert runs of characters between them and UTF-16.
//
// Each stops at the last character that fits, and says so.
// In the books: "executive support: run-time library". EXE-01
#include "codepage.h"
#include "codepagetable.h"

namespace nt {

const CodePage AnsiCodePage(AnsiCharacters);
const CodePage OemCodePage(OemCharacters);

WCHAR CodePage::ToUnicode(CHAR byte) const {
    const auto index = static_cast<UCHAR>(byte);
    return index < ASCII_CHARACTERS ? WCHAR(index) : m_upperHalf[index - ASCII_CHARACTERS];
}

CHAR CodePage::FromUnicode(WCHAR character, CHAR otherwise) const {
    if (character < ASCII_CHARACTERS) return static_cast<CHAR>(character);
    for (ULONG i = 0; i < ASCII_CHARACTERS; i++) {
        if (m_upperHalf[i] == character) return static_cast<CHAR>(ASCII_CHARACTERS + i);
    }
    return otherwise;
}

} // namespace nt

namespace {

/// @param room in bytes; a lone last byte of it holds no character
NTSTATUS Widen(const nt::CodePage& page, PWCH to, ULONG room, ULONG* written, const CHAR* from, ULONG length) {
    const ULONG count = length < room / sizeof(WCHAR) ? length : ULONG(room / sizeof(WCHAR));
    for (ULONG i = 0; i < count; i++)
        to[i] = page.ToUnicode(from[i]);
    if (written) *written = count * sizeof(WCHAR);
    return count < length ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

NTSTATUS Narrow(const nt::CodePage& page, bool upcase, PSTR to, ULONG room, ULONG* written, PCWCH from, ULONG bytes) {
    const ULONG length = bytes / sizeof(WCHAR);
    const ULONG count = length < room ? length : room;
    for (ULONG i = 0; i < count; i++)
        to[i] = page.FromUnicode(upcase ? RtlUpcaseUnicodeChar(from[i]) : from[i]);
    if (written) *written = count;
    return count < length ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

} // namespace

extern "C" {

BOOLEAN NlsMbCodePageTag = FALSE;
BOOLEAN NlsMbOemCodePageTag = FALSE;

NTSTATUS NTAPI RtlMultiByteToUnicodeN(PWCH UnicodeString, ULONG MaxBytesInUnicodeString, ULONG* BytesInUnicodeString,
                                      const CHAR* MultiByteString, ULONG BytesInMultiByteString) {
    return Widen(nt::AnsiCodePage, UnicodeString, MaxBytesInUnicodeString, BytesInUnicodeString, MultiByteString,
                 BytesInMultiByteString);
}

NTSTATUS NTAPI RtlOemToUnicodeN(PWCH UnicodeString, ULONG MaxBytesInUnicodeString, ULONG* BytesInUnicodeString,
                                const CHAR* OemString, ULONG BytesInOemString) {
    return Widen(nt::OemCodePage, UnicodeString, MaxBytesInUnicodeString, BytesInUnicodeString, OemString,
                 BytesInOemString);
}

NTSTATUS NTAPI RtlUnicodeToMultiByteN(PSTR MultiByteString, ULONG MaxBytesInMultiByteString,
                                      ULONG* BytesInMultiByteString, PCWCH UnicodeString, ULONG BytesInUnicodeString) {
    return Narrow(nt::AnsiCodePage, false, MultiByteString, MaxBytesInMultiByteString, BytesInMultiByteString,
                  UnicodeString, BytesInUnicodeString);
}

NTSTATUS NTAPI RtlUpcaseUnicodeToMultiByteN(PSTR MultiByteString, ULONG MaxBytesInMultiByteString,
                                            ULONG* BytesInMultiByteString, PCWCH UnicodeString,
                                            ULONG BytesInUnicodeString) {
    return Narrow(nt::AnsiCodePage, true, MultiByteString, MaxBytesInMultiByteString, BytesInMultiByteString,
                  UnicodeString, BytesInUnicodeString);
}

NTSTATUS NTAPI RtlUnicodeToOemN(PSTR OemString, ULONG MaxBytesInOemString, ULONG* BytesInOemString, PCWCH UnicodeString,
                                ULONG BytesInUnicodeString) {
    return Narrow(nt::OemCodePage, false, OemString, MaxBytesInOemString, BytesInOemString, UnicodeString,
                  BytesInUnicodeString);
}

NTSTATUS NTAPI RtlUpcaseUnicodeToOemN(PSTR OemString, ULONG MaxBytesInOemString, ULONG* BytesInOemString,
                                      PCWCH UnicodeString, ULONG BytesInUnicodeString) {
    return Narrow(nt::OemCodePage, true, OemString, MaxBytesInOemString, BytesInOemString, UnicodeString,
                  BytesInUnicodeString);
}

NTSTATUS NTAPI RtlMultiByteToUnicodeSize(ULONG* BytesInUnicodeString, const CHAR*, ULONG BytesInMultiByteString) {
    *BytesInUnicodeString = BytesInMultiByteString * sizeof(WCHAR);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI RtlUnicodeToMultiByteSize(ULONG* BytesInMultiByteString, PCWCH, ULONG BytesInUnicodeString) {
    *BytesInMultiByteString = BytesInUnicodeString / sizeof(WCHAR);
    return STATUS_SUCCESS;
}

WCHAR NTAPI RtlAnsiCharToUnicodeChar(PSTR* SourceCharacter) {
    return nt::AnsiCodePage.ToUnicode(*(*SourceCharacter)++);
}
}
