// Conversions of whole strings between the code pages and UTF-16.
//
// A counted result has no final 0. The others have one, within MaximumLength and beyond Length.
// In the books: "executive support: run-time library". EXE-01
#include "rtl/ustring.h"

namespace {

constexpr ULONG COUNTED = 0;    ///< bytes of the final 0 of a counted result
constexpr ULONG TERMINATED = 1; ///< characters

/// Makes room for a result of `bytes` bytes, `end` of them for the final 0. @returns a failure, or STATUS_SUCCESS
template <typename String> NTSTATUS MakeRoom(String* to, ULONG bytes, ULONG end, bool allocate) {
    if (bytes > MAXIMUM_USHORT) return STATUS_INVALID_PARAMETER_2;
    if (allocate) {
        to->Buffer = static_cast<decltype(to->Buffer)>(RtlAllocateStringRoutine(bytes));
        if (!to->Buffer) return STATUS_NO_MEMORY;
        to->MaximumLength = USHORT(bytes);
    } else if (bytes > to->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    to->Length = USHORT(bytes - end);
    if (end) to->Buffer[to->Length / sizeof(*to->Buffer)] = 0;
    return STATUS_SUCCESS;
}

using WIDEN = NTSTATUS NTAPI(PWCH, ULONG, ULONG*, const CHAR*, ULONG);
using NARROW = NTSTATUS NTAPI(PSTR, ULONG, ULONG*, PCWCH, ULONG);

NTSTATUS Widen(WIDEN* convert, PUNICODE_STRING to, PCSTRING from, ULONG end, bool allocate) {
    NT_TRY(MakeRoom(to, (from->Length + end) * sizeof(WCHAR), end * sizeof(WCHAR), allocate));
    return convert(to->Buffer, to->Length, nullptr, from->Buffer, from->Length);
}

NTSTATUS Narrow(NARROW* convert, PSTRING to, PCUNICODE_STRING from, ULONG end, bool allocate) {
    NT_TRY(MakeRoom(to, ULONG(from->Length / sizeof(WCHAR)) + end, end, allocate));
    return convert(to->Buffer, to->Length, nullptr, from->Buffer, from->Length);
}

} // namespace

extern "C" {

ULONG NTAPI RtlxAnsiStringToUnicodeSize(PCANSI_STRING AnsiString) { return (AnsiString->Length + 1) * sizeof(WCHAR); }

ULONG NTAPI RtlxOemStringToUnicodeSize(PCOEM_STRING OemString) { return (OemString->Length + 1) * sizeof(WCHAR); }

ULONG NTAPI RtlxUnicodeStringToAnsiSize(PCUNICODE_STRING UnicodeString) {
    return ULONG(UnicodeString->Length / sizeof(WCHAR)) + 1;
}

ULONG NTAPI RtlxUnicodeStringToOemSize(PCUNICODE_STRING UnicodeString) {
    return ULONG(UnicodeString->Length / sizeof(WCHAR)) + 1;
}

NTSTATUS NTAPI RtlAnsiStringToUnicodeString(PUNICODE_STRING DestinationString, PCANSI_STRING SourceString,
                                            BOOLEAN AllocateDestinationString) {
    return Widen(RtlMultiByteToUnicodeN, DestinationString, SourceString, TERMINATED, AllocateDestinationString);
}

NTSTATUS NTAPI RtlOemStringToUnicodeString(PUNICODE_STRING DestinationString, PCOEM_STRING SourceString,
                                           BOOLEAN AllocateDestinationString) {
    return Widen(RtlOemToUnicodeN, DestinationString, SourceString, TERMINATED, AllocateDestinationString);
}

NTSTATUS NTAPI RtlOemStringToCountedUnicodeString(PUNICODE_STRING DestinationString, PCOEM_STRING SourceString,
                                                  BOOLEAN AllocateDestinationString) {
    return Widen(RtlOemToUnicodeN, DestinationString, SourceString, COUNTED, AllocateDestinationString);
}

NTSTATUS NTAPI RtlUnicodeStringToAnsiString(PANSI_STRING DestinationString, PCUNICODE_STRING SourceString,
                                            BOOLEAN AllocateDestinationString) {
    return Narrow(RtlUnicodeToMultiByteN, DestinationString, SourceString, TERMINATED, AllocateDestinationString);
}

NTSTATUS NTAPI RtlUpcaseUnicodeStringToAnsiString(PANSI_STRING DestinationString, PCUNICODE_STRING SourceString,
                                                  BOOLEAN AllocateDestinationString) {
    return Narrow(RtlUpcaseUnicodeToMultiByteN, DestinationString, SourceString, TERMINATED, AllocateDestinationString);
}

NTSTATUS NTAPI RtlUnicodeStringToOemString(POEM_STRING DestinationString, PCUNICODE_STRING SourceString,
                                           BOOLEAN AllocateDestinationString) {
    return Narrow(RtlUnicodeToOemN, DestinationString, SourceString, TERMINATED, AllocateDestinationString);
}

NTSTATUS NTAPI RtlUpcaseUnicodeStringToOemString(POEM_STRING DestinationString, PCUNICODE_STRING SourceString,
                                                 BOOLEAN AllocateDestinationString) {
    return Narrow(RtlUpcaseUnicodeToOemN, DestinationString, SourceString, TERMINATED, AllocateDestinationString);
}

NTSTATUS NTAPI RtlUnicodeStringToCountedOemString(POEM_STRING DestinationString, PCUNICODE_STRING SourceString,
                                                  BOOLEAN AllocateDestinationString) {
    return Narrow(RtlUnicodeToOemN, DestinationString, SourceString, COUNTED, AllocateDestinationString);
}

NTSTATUS NTAPI RtlUpcaseUnicodeStringToCountedOemString(POEM_STRING DestinationString, PCUNICODE_STRING SourceString,
                                                        BOOLEAN AllocateDestinationString) {
    return Narrow(RtlUpcaseUnicodeToOemN, DestinationString, SourceString, COUNTED, AllocateDestinationString);
}
}
