// Memory and string routines, formatted output.
//
// In the books: "executive support: run-time library". EXE-01
#pragma once

#include "nt/array.h"
#include "ntstatus.h"
#include "rtl/memory.h"

extern "C" {
void* memcpy(void* destination, const void* source, SIZE_T length);
void* memmove(void* destination, const void* source, SIZE_T length);
void* memset(void* destination, int value, SIZE_T length);
int memcmp(const void* left, const void* right, SIZE_T length);
SIZE_T strlen(const char* text);
int strcmp(const char* left, const char* right);
int strncmp(const char* left, const char* right, SIZE_T length);
}

inline void RtlCopyMemory(void* destination, const void* source, SIZE_T length) { memcpy(destination, source, length); }

extern "C" {
/// Formats into `Buffer`, always terminated. Knows %c %s %d %i %u %x %X %p %% with flags `-`, `0`, width, precision
/// (numbers or `*`), and the lengths `h`, `l` and `ll`/`I64`.
/// @returns STATUS_BUFFER_OVERFLOW if the text was cut, STATUS_INVALID_PARAMETER for a directive it does not know.
NTKERNELAPI NTSTATUS CDECL RtlStringCbPrintf(PSTR Buffer, SIZE_T Size, PCSTR Format, ...)
    __attribute__((format(printf, 3, 4)));
NTKERNELAPI NTSTATUS CDECL RtlStringCbVPrintf(PSTR Buffer, SIZE_T Size, PCSTR Format, va_list Arguments);
/// As RtlUnicodeStringToInteger (rtl/ustring.h), of text that ends with a 0.
NTKERNELAPI NTSTATUS NTAPI RtlCharToInteger(PCSTR String, ULONG Base, ULONG* Value);
/// Looks for `/NAME` or `/NAME=value` in an option string, ignoring case. @param Value if not nullptr, receives the
/// value (empty if there is none), cut to fit. @returns whether the option is there.
NTKERNELAPI BOOLEAN NTAPI RtlFindOption(PCSTR Options, PCSTR Name, PSTR Value, SIZE_T ValueSize);
}

namespace nt {
/// Reads an unsigned number. @param base 10, 16, or 0: 0x means 16. @returns STATUS_INVALID_PARAMETER unless all of `text` is
/// a number that fits
NTSTATUS ReadNumber(PCSTR text, ULONG base, ULONG* value);
} // namespace nt
