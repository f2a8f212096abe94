// STRING: text of one-byte characters with its length (ANSI_STRING, OEM_STRING).
//
// In the books: "executive support: run-time library". EXE-01
#include "counted.h"

extern "C" {

void NTAPI RtlInitString(PSTRING DestinationString, PCSTR SourceString) {
    nt::Describe(DestinationString, const_cast<PSTR>(SourceString));
}

void NTAPI RtlInitAnsiString(PANSI_STRING DestinationString, PCSTR SourceString) {
    nt::Describe(DestinationString, const_cast<PSTR>(SourceString));
}

NTSTATUS NTAPI RtlInitAnsiStringEx(PANSI_STRING DestinationString, PCSTR SourceString) {
    return nt::DescribeWhole(DestinationString, const_cast<PSTR>(SourceString)) ? STATUS_SUCCESS : STATUS_NAME_TOO_LONG;
}

void NTAPI RtlCopyString(PSTRING DestinationString, PCSTRING SourceString) {
    nt::Copy(DestinationString, SourceString);
}

NTSTATUS NTAPI RtlAppendStringToString(PSTRING Destination, PCSTRING Source) {
    return nt::Append(Destination, Source->Buffer, Source->Length) ? STATUS_SUCCESS : STATUS_BUFFER_TOO_SMALL;
}

NTSTATUS NTAPI RtlAppendAsciizToString(PSTRING Destination, PCSTR Source) {
    if (!Source) return STATUS_SUCCESS;
    const ULONG bytes = nt::TextBytes(Source, MAXIMUM_USHORT + 1);
    return nt::Append(Destination, Source, bytes) ? STATUS_SUCCESS : STATUS_BUFFER_TOO_SMALL;
}

void NTAPI RtlFreeAnsiString(PANSI_STRING AnsiString) {
    if (AnsiString->Buffer) RtlFreeStringRoutine(AnsiString->Buffer);
    *AnsiString = {};
}

void NTAPI RtlFreeOemString(POEM_STRING OemString) { RtlFreeAnsiString(OemString); }
}
