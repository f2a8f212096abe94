// What small programs share: text for the standard output, arguments, a file by its name.
//
// IRQL: PASSIVE_LEVEL. In the books: "process parameters". SYS-05
#pragma once

#include "ntdll.h"

#include "io/consolectl.h"
#include "io/services.h"

namespace nt {

/// Writes text to a file. @returns as NtWriteFile
inline NTSTATUS WriteText(HANDLE file, PCSTR text, ULONG length) {
    IO_STATUS_BLOCK block;
    return NtWriteFile(file, nullptr, nullptr, nullptr, &block, const_cast<PSTR>(text), length, nullptr, nullptr);
}

/// Prints to the standard output, at most 255 characters.
inline void Print(PCSTR format, ...) __attribute__((format(printf, 1, 2)));
inline void Print(PCSTR format, ...) {
    CHAR text[256];
    va_list arguments;
    va_start(arguments, format);
    (void)RtlStringCbVPrintf(text, sizeof(text), format, arguments); // cut text is better than none
    va_end(arguments);
    (void)WriteText(NtCurrentPeb()->ProcessParameters->StandardOutput, text, ULONG(strlen(text)));
}

/// Opens a file by its name in the name space. @param options FILE_DIRECTORY_FILE and the like
inline NTSTATUS OpenForReading(PCUNICODE_STRING name, ULONG options, ULONG attributes, HANDLE* file) {
    OBJECT_ATTRIBUTES about;
    InitializeObjectAttributes(&about, const_cast<PUNICODE_STRING>(name), OBJ_CASE_INSENSITIVE | attributes, nullptr,
                               nullptr);
    IO_STATUS_BLOCK block;
    return NtOpenFile(file, FILE_GENERIC_READ, &about, &block, FILE_SHARE_READ, FILE_SYNCHRONOUS_IO_NONALERT | options);
}

/// The words of a command line, the program's own name first. Blanks separate; a word in quotes may have blanks.
class Words {
public:
    static constexpr ULONG MOST = 16;

    /// @param line stays while this is used
    explicit Words(const UNICODE_STRING& line) {
        const ULONG length = line.Length / sizeof(WCHAR);
        for (ULONG at = 0; at < length && m_count < MOST;) {
            while (at < length && IsBlank(line.Buffer[at]))
                at++;
            if (at == length) break;
            const bool quoted = line.Buffer[at] == u'"';
            if (quoted) at++;
            const ULONG begin = at;
            while (at < length && (quoted ? line.Buffer[at] != u'"' : !IsBlank(line.Buffer[at])))
                at++;
            const auto bytes = USHORT((at - begin) * sizeof(WCHAR));
            m_words[m_count++] = {bytes, bytes, line.Buffer + begin};
            if (quoted && at < length) at++;
        }
    }
    [[nodiscard]] ULONG Count() const { return m_count; }
    const UNICODE_STRING& operator[](ULONG index) const { return m_words[index]; }
    /// Whether a word is this, in any case.
    [[nodiscard]] bool Is(ULONG index, PCWSTR text) const {
        UNICODE_STRING wanted;
        RtlInitUnicodeString(&wanted, text);
        return index < m_count && RtlEqualUnicodeString(&m_words[index], &wanted, TRUE);
    }

private:
    static bool IsBlank(WCHAR character) { return character == u' ' || character == u'\t'; }

    UNICODE_STRING m_words[MOST] = {};
    ULONG m_count = 0;
};

/// A name in the name space for what somebody has typed: a word without a backslash at its begin lies in \Boot.
class FullName {
public:
    FullName(const UNICODE_STRING& typed, PCWSTR suffix) {
        m_name = {0, sizeof(m_text), m_text};
        if (typed.Length == 0 || typed.Buffer[0] != u'\\') (void)RtlAppendUnicodeToString(&m_name, u"\\Boot\\");
        m_fits = NT_SUCCESS(RtlAppendUnicodeStringToString(&m_name, &typed)) &&
                 (HasDot(typed) || NT_SUCCESS(RtlAppendUnicodeToString(&m_name, suffix)));
    }
    [[nodiscard]] bool Fits() const { return m_fits; }
    PUNICODE_STRING Get() { return &m_name; }

private:
    static bool HasDot(const UNICODE_STRING& text) {
        for (ULONG i = 0; i < text.Length / sizeof(WCHAR); i++)
            if (text.Buffer[i] == u'.') return true;
        return false;
    }

    WCHAR m_text[300];
    UNICODE_STRING m_name;
    bool m_fits;
};

} // namespace nt
