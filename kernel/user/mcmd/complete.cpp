// Completion: a word that was begun, and what it may become. The first word is a command or a program, the others are files of \Boot.
#include "mcmd.h"

namespace {

constexpr ULONG NAME = 64;

/// Names that begin as the word does.
struct MATCHES {
    PCSTR Word;
    ULONG Count;
    CHAR Common[NAME]; ///< what all of them begin with
    bool Show;         ///< print each
};

char Lower(char character) { return character >= 'A' && character <= 'Z' ? char(character | 0x20) : character; }

bool BeginsWith(PCSTR name, PCSTR word) {
    while (*word && Lower(*name) == Lower(*word)) {
        name++;
        word++;
    }
    return *word == 0;
}

void Add(PVOID context, PCSTR name) {
    auto& matches = *static_cast<MATCHES*>(context);
    if (!BeginsWith(name, matches.Word)) return;
    if (matches.Show) nt::Print("%s%s", matches.Count == 0 ? "\n" : "  ", name);
    if (matches.Count++ == 0) {
        (void)RtlStringCbPrintf(matches.Common, sizeof(matches.Common), "%s", name);
        return;
    }
    ULONG same = 0;
    while (name[same] && Lower(name[same]) == Lower(matches.Common[same]))
        same++;
    matches.Common[same] = 0;
}

/// Takes ".exe" off. @returns false: the name has another end
bool TakeOffSuffix(PSTR name) {
    const SIZE_T length = strlen(name);
    if (length < 5 || _stricmp(name + length - 4, ".exe") != 0) return false;
    name[length - 4] = 0;
    return true;
}

/// The files of \Boot. @param programs only those, without their suffix
void AddFiles(MATCHES* matches, bool programs) {
    UNICODE_STRING boot, all = {};
    RtlInitUnicodeString(&boot, u"\\Boot");
    HANDLE directory;
    if (!NT_SUCCESS(nt::OpenForReading(&boot, FILE_DIRECTORY_FILE, 0, &directory))) return;
    for (;;) {
        alignas(8) UCHAR buffer[700];
        IO_STATUS_BLOCK block;
        if (NtQueryDirectoryFile(directory, nullptr, nullptr, nullptr, &block, buffer, sizeof(buffer),
                                 FILE_INFORMATION_CLASS::FileDirectoryInformation, TRUE, &all, FALSE) != STATUS_SUCCESS)
            break;
        const auto* const entry = reinterpret_cast<const FILE_DIRECTORY_INFORMATION*>(buffer);
        CHAR name[NAME];
        ULONG length;
        (void)RtlUnicodeToMultiByteN(name, sizeof(name) - 1, &length, entry->FileName, entry->FileNameLength);
        name[length] = 0;
        if (!programs || TakeOffSuffix(name)) Add(matches, name);
    }
    (void)NtClose(directory);
}

void Find(MATCHES* matches, bool first) {
    if (first) McmdListCommands(Add, matches);
    AddFiles(matches, first);
}

} // namespace

bool McmdComplete(PCSTR line, CHAR* add, ULONG size) {
    const PSTR blank = strrchr(line, ' ');
    MATCHES matches = {.Word = blank ? blank + 1 : line, .Count = 0, .Common = {}, .Show = false};
    const bool first = !blank;
    add[0] = 0;
    Find(&matches, first);
    if (matches.Count == 0) return false;
    const SIZE_T typed = strlen(matches.Word);
    (void)RtlStringCbPrintf(add, size, "%s%s", matches.Common + typed, matches.Count == 1 ? " " : "");
    if (add[0] != 0) return false;
    MATCHES shown = {.Word = matches.Word, .Count = 0, .Common = {}, .Show = true};
    Find(&shown, first);
    nt::Print("\n");
    return true;
}
