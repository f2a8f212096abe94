// `<`, `>` and `2>`: other files than the console for a program's standard handles.
//
// What can be written is the console (CON) alone until there is a file system, so `> NAME` opens and does not make. There are no pipes.
// In the books: "standard handles". SYS-05, PRC-05
#include "mcmd.h"

namespace {

/// The next sign outside of quotes. @returns the length if there is none
ULONG FindSign(const UNICODE_STRING& line, PCWSTR signs) {
    bool quoted = false;
    const ULONG length = line.Length / sizeof(WCHAR);
    for (ULONG at = 0; at < length; at++) {
        if (line.Buffer[at] == u'"') quoted = !quoted;
        if (!quoted && wcschr(signs, line.Buffer[at])) return at;
    }
    return length;
}

/// Puts blanks in the place of characters.
void Blank(MCMD_TEXT* line, ULONG from, ULONG to) {
    for (ULONG at = from; at < to; at++)
        line->Characters[at] = u' ';
}

} // namespace

MCMD_STREAMS::~MCMD_STREAMS() {
    const HANDLE files[] = {m_input, m_output, m_error};
    for (const HANDLE file : files)
        if (file) (void)NtClose(file);
}

HANDLE MCMD_STREAMS::Input() const { return m_input ? m_input : NtCurrentPeb()->ProcessParameters->StandardInput; }
HANDLE MCMD_STREAMS::Output() const { return m_output ? m_output : NtCurrentPeb()->ProcessParameters->StandardOutput; }
HANDLE MCMD_STREAMS::Error() const { return m_error ? m_error : NtCurrentPeb()->ProcessParameters->StandardError; }

bool MCMD_STREAMS::OpenOne(const UNICODE_STRING& name, bool write, HANDLE* file) {
    WCHAR text[MCMD_LINE];
    if (name.Length > sizeof(text) - sizeof(WCHAR)) return false;
    memcpy(text, name.Buffer, name.Length);
    text[name.Length / sizeof(WCHAR)] = 0;
    UNICODE_STRING path;
    if (!RtlDosPathNameToNtPathName_U(text, &path, nullptr, nullptr)) {
        nt::Print("%wZ: no name of a file\n", &name);
        return false;
    }
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, &path, OBJ_CASE_INSENSITIVE | OBJ_INHERIT, nullptr, nullptr);
    IO_STATUS_BLOCK block;
    if (*file) (void)NtClose(*file);
    *file = nullptr;
    const NTSTATUS status =
        NtOpenFile(file, write ? FILE_GENERIC_WRITE : FILE_GENERIC_READ, &attributes, &block,
                   FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_SYNCHRONOUS_IO_NONALERT | FILE_NON_DIRECTORY_FILE);
    RtlFreeUnicodeString(&path);
    if (NT_SUCCESS(status)) return true;
    *file = nullptr;
    if (write)
        nt::Print("%wZ: cannot be written (%08x): there is no file system yet, only the console, CON\n", &name,
                  ULONG(status));
    else
        nt::Print("%wZ: cannot be read (%08x)\n", &name, ULONG(status));
    return false;
}

bool MCMD_STREAMS::Open(MCMD_TEXT* line) {
    const ULONG length = line->String.Length / sizeof(WCHAR);
    if (FindSign(line->String, u"|") != length) {
        nt::Print("no pipes yet: they come with the I/O manager\n");
        return false;
    }
    for (;;) {
        const ULONG sign = FindSign(line->String, u"<>");
        if (sign == length) return true;
        const bool write = line->Characters[sign] == u'>';
        const bool error = write && sign != 0 && line->Characters[sign - 1] == u'2' &&
                           (sign == 1 || line->Characters[sign - 2] == u' ');
        Blank(line, sign - (error ? 1 : 0), sign + 1);
        const UNICODE_STRING rest = {USHORT((length - sign) * sizeof(WCHAR)), USHORT((length - sign) * sizeof(WCHAR)),
                                     line->Characters + sign};
        UNICODE_STRING name = rest;
        name.Length = USHORT(FindSign(rest, u"<>") * sizeof(WCHAR));
        const nt::Words words(name);
        if (words.Count() == 0) {
            nt::Print("%s: which file?\n", write ? ">" : "<");
            return false;
        }
        if (!OpenOne(words[0], write, error ? &m_error : write ? &m_output : &m_input)) return false;
        const auto begin = ULONG(words[0].Buffer - line->Characters);
        const ULONG end = begin + words[0].Length / ULONG(sizeof(WCHAR));
        const bool quoted = begin != 0 && line->Characters[begin - 1] == u'"';
        Blank(line, begin - (quoted ? 1 : 0), quoted && end < length ? end + 1 : end);
    }
}
