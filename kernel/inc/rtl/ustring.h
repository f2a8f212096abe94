// Counted strings: UNICODE_STRING and STRING (ANSI and OEM), and the routines that make, compare and convert them.
//
// Invariants: Length and MaximumLength count bytes; Length <= MaximumLength; a UNICODE_STRING has an even Length. A counted
// string need not end with a 0: where a routine adds one, Length does not count it.
// The ANSI code page is 1252, the OEM code page 437: one byte is one character. A character that a code page lacks becomes '?'.
// Routines that allocate take paged pool (tag `Strg`) and run at PASSIVE_LEVEL or APC_LEVEL; the others run at any IRQL as
// long as the strings are resident.
// In the books: "executive support: run-time library", "string handling". EXE-01
#pragma once

#include "ntstatus.h"

using PWCH = WCHAR*;
using PCWCH = const WCHAR*;
using PWSTR = WCHAR*;
using PCWSTR = const WCHAR*;

/// Text of one-byte characters with its length.
struct STRING {
    USHORT Length;        ///< bytes in use
    USHORT MaximumLength; ///< bytes of room
    PSTR Buffer;
};
using PSTRING = STRING*;
using PCSTRING = const STRING*;
using ANSI_STRING = STRING; ///< in the ANSI code page
using PANSI_STRING = ANSI_STRING*;
using PCANSI_STRING = const ANSI_STRING*;
using OEM_STRING = STRING; ///< in the OEM code page
using POEM_STRING = OEM_STRING*;
using PCOEM_STRING = const OEM_STRING*;

/// UTF-16 text with its length.
struct UNICODE_STRING {
    USHORT Length;        ///< bytes in use
    USHORT MaximumLength; ///< bytes of room
    PWSTR Buffer;
};
using PUNICODE_STRING = UNICODE_STRING*;
using PCUNICODE_STRING = const UNICODE_STRING*;
#if defined(__i386__)
static_assert(sizeof(UNICODE_STRING) == 8 && offsetof(UNICODE_STRING, Buffer) == 4 && sizeof(STRING) == 8);
#endif

constexpr ULONG MAXIMUM_USHORT = 0xFFFF; ///< no counted string has more bytes

constexpr ULONG HASH_STRING_ALGORITHM_DEFAULT = 0; ///< the one that the system prefers: X65599
constexpr ULONG HASH_STRING_ALGORITHM_X65599 = 1;  ///< hash = hash * 65599 + character
constexpr ULONG HASH_STRING_ALGORITHM_INVALID = 0xFFFFFFFF;

constexpr ULONG RTL_DUPLICATE_UNICODE_STRING_NULL_TERMINATE = 1; ///< adds a 0 behind the copy
constexpr ULONG RTL_DUPLICATE_UNICODE_STRING_ALLOCATE_NULL_STRING =
    2; ///< an empty source gets a buffer too (with flag 1)

extern "C" {

// ---- make, copy, append ----------------------------------------------------------------------------------------------

/// Describes text that ends with a 0; the text is not copied. A nullptr gives an empty string. Text that is too long is
/// described as far as a counted string reaches.
NTKERNELAPI void NTAPI RtlInitString(PSTRING DestinationString, PCSTR SourceString);
NTKERNELAPI void NTAPI RtlInitAnsiString(PANSI_STRING DestinationString, PCSTR SourceString);
NTKERNELAPI void NTAPI RtlInitUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString);
/// As the two above. @returns STATUS_NAME_TOO_LONG for text that is too long: the string is unchanged then
NTKERNELAPI NTSTATUS NTAPI RtlInitAnsiStringEx(PANSI_STRING DestinationString, PCSTR SourceString);
NTKERNELAPI NTSTATUS NTAPI RtlInitUnicodeStringEx(PUNICODE_STRING DestinationString, PCWSTR SourceString);

/// Copies as many characters as there is room for. A nullptr as source makes the destination empty. The Unicode form adds a 0
/// if there is room for it.
NTKERNELAPI void NTAPI RtlCopyString(PSTRING DestinationString, PCSTRING SourceString);
NTKERNELAPI void NTAPI RtlCopyUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString);

/// Appends. @returns STATUS_BUFFER_TOO_SMALL if there is no room for all of it: the destination is unchanged then. The Unicode
/// forms add a 0 if there is room for it.
NTKERNELAPI NTSTATUS NTAPI RtlAppendStringToString(PSTRING Destination, PCSTRING Source);
NTKERNELAPI NTSTATUS NTAPI RtlAppendAsciizToString(PSTRING Destination, PCSTR Source);
NTKERNELAPI NTSTATUS NTAPI RtlAppendUnicodeStringToString(PUNICODE_STRING Destination, PCUNICODE_STRING Source);
NTKERNELAPI NTSTATUS NTAPI RtlAppendUnicodeToString(PUNICODE_STRING Destination, PCWSTR Source);

/// Copies text that ends with a 0 into a buffer from pool. @returns false without memory, or if the text is too long.
/// @irql <= APC_LEVEL
NTKERNELAPI BOOLEAN NTAPI RtlCreateUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString);
/// Copies a string into a buffer from pool. @param Flags RTL_DUPLICATE_UNICODE_STRING_XXX.
/// @returns STATUS_NO_MEMORY, STATUS_INVALID_PARAMETER, STATUS_NAME_TOO_LONG (no room for the 0). @irql <= APC_LEVEL
NTKERNELAPI NTSTATUS NTAPI RtlDuplicateUnicodeString(ULONG Flags, PCUNICODE_STRING StringIn, PUNICODE_STRING StringOut);
/// Frees a buffer that one of these routines took from pool, and makes the string empty. @irql <= APC_LEVEL
NTKERNELAPI void NTAPI RtlFreeUnicodeString(PUNICODE_STRING UnicodeString);
NTKERNELAPI void NTAPI RtlFreeAnsiString(PANSI_STRING AnsiString);
NTKERNELAPI void NTAPI RtlFreeOemString(POEM_STRING OemString);

// ---- compare ---------------------------------------------------------------------------------------------------------

/// @returns < 0, 0, > 0: the difference of the first two characters that differ, or else of the lengths in bytes
NTKERNELAPI LONG NTAPI RtlCompareString(PCSTRING String1, PCSTRING String2, BOOLEAN CaseInSensitive);
NTKERNELAPI LONG NTAPI RtlCompareUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2,
                                               BOOLEAN CaseInSensitive);
NTKERNELAPI BOOLEAN NTAPI RtlEqualString(PCSTRING String1, PCSTRING String2, BOOLEAN CaseInSensitive);
NTKERNELAPI BOOLEAN NTAPI RtlEqualUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2,
                                                BOOLEAN CaseInSensitive);
/// @returns whether `String2` begins with `String1`
NTKERNELAPI BOOLEAN NTAPI RtlPrefixString(PCSTRING String1, PCSTRING String2, BOOLEAN CaseInSensitive);
NTKERNELAPI BOOLEAN NTAPI RtlPrefixUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2,
                                                 BOOLEAN CaseInSensitive);
/// @param HashAlgorithm HASH_STRING_ALGORITHM_XXX. @returns STATUS_INVALID_PARAMETER for an unknown one or a nullptr
NTKERNELAPI NTSTATUS NTAPI RtlHashUnicodeString(PCUNICODE_STRING String, BOOLEAN CaseInSensitive, ULONG HashAlgorithm,
                                                ULONG* HashValue);

// ---- case ------------------------------------------------------------------------------------------------------------

/// The other case of a character, or the character itself. Each upcased letter is downcased to the same letter again.
NTKERNELAPI WCHAR NTAPI RtlUpcaseUnicodeChar(WCHAR SourceCharacter);
NTKERNELAPI WCHAR NTAPI RtlDowncaseUnicodeChar(WCHAR SourceCharacter);
NTKERNELAPI CHAR NTAPI RtlUpperChar(CHAR Character);
/// Upcases as many characters as there is room for.
NTKERNELAPI void NTAPI RtlUpperString(PSTRING DestinationString, PCSTRING SourceString);
/// @param AllocateDestinationString takes a buffer of just the length from pool (@irql <= APC_LEVEL).
/// @returns STATUS_BUFFER_OVERFLOW if there is no room, STATUS_NO_MEMORY
NTKERNELAPI NTSTATUS NTAPI RtlUpcaseUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString,
                                                  BOOLEAN AllocateDestinationString);
NTKERNELAPI NTSTATUS NTAPI RtlDowncaseUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString,
                                                    BOOLEAN AllocateDestinationString);

// ---- convert ---------------------------------------------------------------------------------------------------------

/// Whether a code page has characters of two bytes: ours have none.
NTKERNELAPI extern BOOLEAN NlsMbCodePageTag;
NTKERNELAPI extern BOOLEAN NlsMbOemCodePageTag;

/// Converts without counting a 0: as many characters as fit. All lengths in bytes. @param BytesInXxx receives the length;
/// may be nullptr. @returns STATUS_BUFFER_OVERFLOW if some did not fit
NTKERNELAPI NTSTATUS NTAPI RtlMultiByteToUnicodeN(PWCH UnicodeString, ULONG MaxBytesInUnicodeString,
                                                  ULONG* BytesInUnicodeString, const CHAR* MultiByteString,
                                                  ULONG BytesInMultiByteString);
NTKERNELAPI NTSTATUS NTAPI RtlUnicodeToMultiByteN(PSTR MultiByteString, ULONG MaxBytesInMultiByteString,
                                                  ULONG* BytesInMultiByteString, PCWCH UnicodeString,
                                                  ULONG BytesInUnicodeString);
NTKERNELAPI NTSTATUS NTAPI RtlUpcaseUnicodeToMultiByteN(PSTR MultiByteString, ULONG MaxBytesInMultiByteString,
                                                        ULONG* BytesInMultiByteString, PCWCH UnicodeString,
                                                        ULONG BytesInUnicodeString);
NTKERNELAPI NTSTATUS NTAPI RtlOemToUnicodeN(PWCH UnicodeString, ULONG MaxBytesInUnicodeString,
                                            ULONG* BytesInUnicodeString, const CHAR* OemString, ULONG BytesInOemString);
NTKERNELAPI NTSTATUS NTAPI RtlUnicodeToOemN(PSTR OemString, ULONG MaxBytesInOemString, ULONG* BytesInOemString,
                                            PCWCH UnicodeString, ULONG BytesInUnicodeString);
NTKERNELAPI NTSTATUS NTAPI RtlUpcaseUnicodeToOemN(PSTR OemString, ULONG MaxBytesInOemString, ULONG* BytesInOemString,
                                                  PCWCH UnicodeString, ULONG BytesInUnicodeString);
/// The bytes that the conversion needs.
NTKERNELAPI NTSTATUS NTAPI RtlMultiByteToUnicodeSize(ULONG* BytesInUnicodeString, const CHAR* MultiByteString,
                                                     ULONG BytesInMultiByteString);
NTKERNELAPI NTSTATUS NTAPI RtlUnicodeToMultiByteSize(ULONG* BytesInMultiByteString, PCWCH UnicodeString,
                                                     ULONG BytesInUnicodeString);
/// Takes the next character from ANSI text and moves the pointer behind it.
NTKERNELAPI WCHAR NTAPI RtlAnsiCharToUnicodeChar(PSTR* SourceCharacter);

/// Bytes that the converted text needs, with its final 0.
NTKERNELAPI ULONG NTAPI RtlxAnsiStringToUnicodeSize(PCANSI_STRING AnsiString);
NTKERNELAPI ULONG NTAPI RtlxUnicodeStringToAnsiSize(PCUNICODE_STRING UnicodeString);
NTKERNELAPI ULONG NTAPI RtlxOemStringToUnicodeSize(PCOEM_STRING OemString);
NTKERNELAPI ULONG NTAPI RtlxUnicodeStringToOemSize(PCUNICODE_STRING UnicodeString);

/// Convert whole strings and end them with a 0; the Counted forms add none.
/// @param AllocateDestinationString takes a buffer from pool (@irql <= APC_LEVEL); else the destination's own is used.
/// @returns STATUS_BUFFER_OVERFLOW if there is no room, STATUS_NO_MEMORY, STATUS_INVALID_PARAMETER_2 if the result is longer
/// than a counted string can be
NTKERNELAPI NTSTATUS NTAPI RtlAnsiStringToUnicodeString(PUNICODE_STRING DestinationString, PCANSI_STRING SourceString,
                                                        BOOLEAN AllocateDestinationString);
NTKERNELAPI NTSTATUS NTAPI RtlUnicodeStringToAnsiString(PANSI_STRING DestinationString, PCUNICODE_STRING SourceString,
                                                        BOOLEAN AllocateDestinationString);
NTKERNELAPI NTSTATUS NTAPI RtlUpcaseUnicodeStringToAnsiString(PANSI_STRING DestinationString,
                                                              PCUNICODE_STRING SourceString,
                                                              BOOLEAN AllocateDestinationString);
NTKERNELAPI NTSTATUS NTAPI RtlOemStringToUnicodeString(PUNICODE_STRING DestinationString, PCOEM_STRING SourceString,
                                                       BOOLEAN AllocateDestinationString);
NTKERNELAPI NTSTATUS NTAPI RtlUnicodeStringToOemString(POEM_STRING DestinationString, PCUNICODE_STRING SourceString,
                                                       BOOLEAN AllocateDestinationString);
NTKERNELAPI NTSTATUS NTAPI RtlUpcaseUnicodeStringToOemString(POEM_STRING DestinationString,
                                                             PCUNICODE_STRING SourceString,
                                                             BOOLEAN AllocateDestinationString);
NTKERNELAPI NTSTATUS NTAPI RtlOemStringToCountedUnicodeString(PUNICODE_STRING DestinationString,
                                                              PCOEM_STRING SourceString,
                                                              BOOLEAN AllocateDestinationString);
NTKERNELAPI NTSTATUS NTAPI RtlUnicodeStringToCountedOemString(POEM_STRING DestinationString,
                                                              PCUNICODE_STRING SourceString,
                                                              BOOLEAN AllocateDestinationString);
NTKERNELAPI NTSTATUS NTAPI RtlUpcaseUnicodeStringToCountedOemString(POEM_STRING DestinationString,
                                                                    PCUNICODE_STRING SourceString,
                                                                    BOOLEAN AllocateDestinationString);

// ---- numbers ---------------------------------------------------------------------------------------------------------

/// Reads a number: blanks, a sign, then digits up to the first character that is none. Numbers wrap at 32 bits.
/// @param Base 2, 8, 10, 16; 0: a prefix 0b, 0o or 0x says it, else 10. @returns STATUS_INVALID_PARAMETER for other bases
NTKERNELAPI NTSTATUS NTAPI RtlUnicodeStringToInteger(PCUNICODE_STRING String, ULONG Base, ULONG* Value);
/// Writes a number, its letters in capitals, and a 0 if there is room for it. @param Base 2, 8, 10, 16; 0 is 10.
/// @returns STATUS_INVALID_PARAMETER for other bases, STATUS_BUFFER_OVERFLOW if there is no room
NTKERNELAPI NTSTATUS NTAPI RtlIntegerToUnicodeString(ULONG Value, ULONG Base, PUNICODE_STRING String);
NTKERNELAPI NTSTATUS NTAPI RtlInt64ToUnicodeString(ULONGLONG Value, ULONG Base, PUNICODE_STRING String);

// ---- supplied by the executive ---------------------------------------------------------------------------------------

/// Memory for strings: paged pool. @returns nullptr if there is none. @irql <= APC_LEVEL
PVOID NTAPI RtlAllocateStringRoutine(SIZE_T NumberOfBytes);
void NTAPI RtlFreeStringRoutine(PVOID Buffer);
}

/// The bytes of a converted string, with its final 0: both code pages have characters of one byte only.
inline ULONG RtlAnsiStringToUnicodeSize(PCANSI_STRING String) { return RtlxAnsiStringToUnicodeSize(String); }
inline ULONG RtlUnicodeStringToAnsiSize(PCUNICODE_STRING String) { return RtlxUnicodeStringToAnsiSize(String); }
inline ULONG RtlOemStringToUnicodeSize(PCOEM_STRING String) { return RtlxOemStringToUnicodeSize(String); }
inline ULONG RtlUnicodeStringToOemSize(PCUNICODE_STRING String) { return RtlxUnicodeStringToOemSize(String); }
