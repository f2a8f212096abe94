// Capitals: of a character, by a search in the runs of letters, and of strings.
//
// ASCII, which is nearly everything, is decided without the search.
// In the books: "executive support: run-time library". EXE-01
#include "casetable.h"
#include "codepage.h"

namespace {

constexpr bool IsAscii(WCHAR character) { return character < 0x80; }
constexpr WCHAR ASCII_CASE = 'a' - 'A';

/// The run that may hold a small letter: the last that begins at it or before it.
const nt::CaseRun* FindRun(WCHAR letter) {
    const nt::CaseRun* found = nullptr;
    ULONG low = 0;
    ULONG high = sizeof(nt::CaseRuns) / sizeof(nt::CaseRuns[0]);
    while (low < high) {
        const ULONG middle = (low + high) / 2;
        if (nt::CaseRuns[middle].First <= letter) {
            found = &nt::CaseRuns[middle];
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return found;
}

bool Holds(const nt::CaseRun& run, WCHAR letter) {
    return letter >= run.First && letter <= run.Last && (letter - run.First) % run.Step == 0;
}

NTSTATUS ChangeCase(PUNICODE_STRING to, PCUNICODE_STRING from, bool allocate, WCHAR(NTAPI* change)(WCHAR)) {
    if (allocate) {
        to->Buffer = static_cast<PWSTR>(RtlAllocateStringRoutine(from->Length));
        if (!to->Buffer) return STATUS_NO_MEMORY;
        to->MaximumLength = from->Length;
    } else if (from->Length > to->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    for (ULONG i = 0; i < from->Length / sizeof(WCHAR); i++)
        to->Buffer[i] = change(from->Buffer[i]);
    to->Length = from->Length;
    return STATUS_SUCCESS;
}

} // namespace

extern "C" {

WCHAR NTAPI RtlUpcaseUnicodeChar(WCHAR SourceCharacter) {
    if (IsAscii(SourceCharacter)) {
        return SourceCharacter >= 'a' && SourceCharacter <= 'z' ? WCHAR(SourceCharacter - ASCII_CASE) : SourceCharacter;
    }
    const nt::CaseRun* const run = FindRun(SourceCharacter);
    return run && Holds(*run, SourceCharacter) ? WCHAR(SourceCharacter + run->Distance) : SourceCharacter;
}

WCHAR NTAPI RtlDowncaseUnicodeChar(WCHAR SourceCharacter) {
    if (IsAscii(SourceCharacter)) {
        return SourceCharacter >= 'A' && SourceCharacter <= 'Z' ? WCHAR(SourceCharacter + ASCII_CASE) : SourceCharacter;
    }
    for (const nt::CaseRun& run : nt::CaseRuns) { // capitals are not in order
        const auto letter = static_cast<WCHAR>(SourceCharacter - run.Distance);
        if (Holds(run, letter)) return letter;
    }
    return SourceCharacter;
}

CHAR NTAPI RtlUpperChar(CHAR Character) {
    return nt::AnsiCodePage.FromUnicode(RtlUpcaseUnicodeChar(nt::AnsiCodePage.ToUnicode(Character)), Character);
}

void NTAPI RtlUpperString(PSTRING DestinationString, PCSTRING SourceString) {
    const USHORT length = SourceString->Length < DestinationString->MaximumLength ? SourceString->Length
                                                                                  : DestinationString->MaximumLength;
    for (ULONG i = 0; i < length; i++)
        DestinationString->Buffer[i] = RtlUpperChar(SourceString->Buffer[i]);
    DestinationString->Length = length;
}

NTSTATUS NTAPI RtlUpcaseUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString,
                                      BOOLEAN AllocateDestinationString) {
    return ChangeCase(DestinationString, SourceString, AllocateDestinationString, RtlUpcaseUnicodeChar);
}

NTSTATUS NTAPI RtlDowncaseUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString,
                                        BOOLEAN AllocateDestinationString) {
    return ChangeCase(DestinationString, SourceString, AllocateDestinationString, RtlDowncaseUnicodeChar);
}
}
