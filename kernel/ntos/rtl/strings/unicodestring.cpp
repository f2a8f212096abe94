// UNICODE_STRING: UTF-16 text with its length.
//
// In the books: "executive support: run-time library". EXE-01
#include "counted.h"

extern "C" {

void NTAPI RtlInitUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString) {
    nt::Describe(DestinationString, const_cast<PWSTR>(SourceString));
}

NTSTATUS NTAPI RtlInitUnicodeStringEx(PUNICODE_STRING DestinationString, PCWSTR SourceString) {
    return nt::DescribeWhole(DestinationString, const_cast<PWSTR>(SourceString)) ? STATUS_SUCCESS
                                                                                 : STATUS_NAME_TOO_LONG;
}

void NTAPI RtlCopyUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString) {
    nt::Copy(DestinationString, SourceString);
    nt::Terminate(DestinationString);
}

NTSTATUS NTAPI RtlAppendUnicodeStringToString(PUNICODE_STRING Destination, PCUNICODE_STRING Source) {
    if (!nt::Append(Destination, Source->Buffer, Source->Length)) return STATUS_BUFFER_TOO_SMALL;
    nt::Terminate(Destination);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI RtlAppendUnicodeToString(PUNICODE_STRING Destination, PCWSTR Source) {
    if (!Source) return STATUS_SUCCESS;
    if (!nt::Append(Destination, Source, nt::TextBytes(Source, MAXIMUM_USHORT + 1))) return STATUS_BUFFER_TOO_SMALL;
    nt::Terminate(Destination);
    return STATUS_SUCCESS;
}

BOOLEAN NTAPI RtlCreateUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString) {
    UNICODE_STRING source;
    if (!NT_SUCCESS(RtlInitUnicodeStringEx(&source, SourceString))) return FALSE;
    return NT_SUCCESS(RtlDuplicateUnicodeString(RTL_DUPLICATE_UNICODE_STRING_NULL_TERMINATE |
                                                    RTL_DUPLICATE_UNICODE_STRING_ALLOCATE_NULL_STRING,
                                                &source, DestinationString));
}

NTSTATUS NTAPI RtlDuplicateUnicodeString(ULONG Flags, PCUNICODE_STRING StringIn, PUNICODE_STRING StringOut) {
    constexpr ULONG BOTH =
        RTL_DUPLICATE_UNICODE_STRING_NULL_TERMINATE | RTL_DUPLICATE_UNICODE_STRING_ALLOCATE_NULL_STRING;
    const ULONG terminated = Flags & RTL_DUPLICATE_UNICODE_STRING_NULL_TERMINATE;
    const bool emptyToo = (Flags & BOTH) == BOTH;
    if (!StringOut || (Flags & ~BOTH) || (!terminated && Flags != 0)) return STATUS_INVALID_PARAMETER;
    const ULONG length = StringIn ? StringIn->Length : 0;
    const ULONG bytes = length + (terminated ? sizeof(WCHAR) : 0);
    if (bytes > MAXIMUM_USHORT) return STATUS_NAME_TOO_LONG;
    *StringOut = {};
    if (length == 0 && !emptyToo) return STATUS_SUCCESS;
    auto* const buffer = static_cast<PWSTR>(RtlAllocateStringRoutine(bytes));
    if (!buffer) return STATUS_NO_MEMORY;
    *StringOut = {0, USHORT(bytes), buffer};
    (void)nt::Append(StringOut, StringIn ? StringIn->Buffer : nullptr, length); // the buffer is as long as the text
    nt::Terminate(StringOut);
    return STATUS_SUCCESS;
}

void NTAPI RtlFreeUnicodeString(PUNICODE_STRING UnicodeString) {
    if (UnicodeString->Buffer) RtlFreeStringRoutine(UnicodeString->Buffer);
    *UnicodeString = {};
}
}
