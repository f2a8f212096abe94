// From the names of programs to those of the name space.
//
//     C:\a\..\b      \??\C:\b               b, in C:\a\      \??\C:\a\b
//     con, CONIN$    \??\con                \b, in C:\a\     \??\C:\b
//     \\?\X          \??\X, as it is        b, in \Boot\     \Boot\b
//
// In the books: "object names", "file names". OBJ-04, IOM-03
#include "files/dospath.h"

namespace {

constexpr WCHAR SEPARATOR = u'\\';
constexpr WCHAR DOS_DIRECTORY[] = u"\\??\\";
constexpr ULONG DOS_DIRECTORY_LENGTH = sizeof(DOS_DIRECTORY) / sizeof(WCHAR) - 1;
constexpr PCWSTR DEVICES[] = {u"CON", u"CONIN$", u"CONOUT$", u"NUL"};

bool IsSeparator(WCHAR character) { return character == SEPARATOR || character == u'/'; }
WCHAR UpperCase(WCHAR character) {
    return character >= u'a' && character <= u'z' ? WCHAR(character - u'a' + u'A') : character;
}

/// A part of a name.
struct TEXT {
    PCWCH Characters;
    ULONG Length;

    [[nodiscard]] bool IsDrive() const {
        return Length >= 2 && Characters[1] == u':' && UpperCase(Characters[0]) >= u'A' &&
               UpperCase(Characters[0]) <= u'Z';
    }
    [[nodiscard]] bool IsRooted() const { return Length != 0 && IsSeparator(Characters[0]); }
    [[nodiscard]] TEXT From(ULONG start) const { return {Characters + start, Length - start}; }
    /// Whether it is so written, in any case.
    [[nodiscard]] bool Is(PCWSTR text) const {
        ULONG i = 0;
        for (; i < Length && text[i] != 0; i++)
            if (UpperCase(Characters[i]) != text[i]) return false;
        return i == Length && text[i] == 0;
    }
};

TEXT Of(PCUNICODE_STRING string) { return {string->Buffer, string->Length / ULONG(sizeof(WCHAR))}; }

/// The name that is built: a root, which stays, and components behind it.
class PATH {
public:
    explicit PATH(PUNICODE_STRING to) : m_to(to) { to->Length = 0; }

    void Append(TEXT text) {
        for (ULONG i = 0; i < text.Length; i++)
            Put(text.Characters[i]);
    }
    void EndRoot() { m_root = m_to->Length / ULONG(sizeof(WCHAR)); }
    /// Goes along a path: each component, one up for "..".
    void Walk(TEXT path) {
        while (path.Length != 0) {
            ULONG length = 0;
            while (length < path.Length && !IsSeparator(path.Characters[length]))
                length++;
            Enter({path.Characters, length});
            path = path.From(length < path.Length ? length + 1 : length);
        }
    }
    /// A separator at its end, if the name had one there: it means a directory.
    void EndAs(TEXT name) {
        const bool isDirectory = name.Length != 0 && IsSeparator(name.Characters[name.Length - 1]);
        if ((isDirectory || Length() == m_root) && (Length() == 0 || m_to->Buffer[Length() - 1] != SEPARATOR))
            Put(SEPARATOR);
    }

private:
    [[nodiscard]] ULONG Length() const { return m_to->Length / ULONG(sizeof(WCHAR)); }
    void Put(WCHAR character) {
        m_to->Buffer[Length()] = character;
        m_to->Length = USHORT(m_to->Length + sizeof(WCHAR));
    }
    void Enter(TEXT component) {
        if (component.Length == 0 || component.Is(u".")) return;
        if (!component.Is(u"..")) {
            Put(SEPARATOR);
            Append(component);
            return;
        }
        ULONG length = Length();
        while (length > m_root && m_to->Buffer[--length] != SEPARATOR)
            ;
        m_to->Length = USHORT(length * sizeof(WCHAR));
    }

    const PUNICODE_STRING m_to;
    ULONG m_root = 0;
};

bool IsDevice(TEXT name) {
    for (const PCWSTR device : DEVICES)
        if (name.Is(device)) return true;
    return false;
}

/// \\?\ and \\.\ say that the rest is no path of a drive; \??\ is a name already.
bool IsNative(TEXT name) {
    constexpr ULONG prefix = 4;
    if (name.Length < prefix || name.Characters[3] != SEPARATOR || name.Characters[0] != SEPARATOR) return false;
    const WCHAR second = name.Characters[1], third = name.Characters[2];
    return (second == SEPARATOR && (third == u'?' || third == u'.')) || (second == u'?' && third == u'?');
}

/// The root of a drive's path, or none. @returns what follows
TEXT BeginDrive(PATH* path, TEXT name) {
    constexpr ULONG drive = 2; // "C:"
    if (name.IsDrive()) {
        path->Append({DOS_DIRECTORY, DOS_DIRECTORY_LENGTH});
        path->Append({name.Characters, drive});
        name = name.From(drive);
    }
    path->EndRoot();
    return name;
}

} // namespace

NTSTATUS RtlpDosPathToNtPath(PCUNICODE_STRING name, PCUNICODE_STRING current, PUNICODE_STRING to) {
    const TEXT text = Of(name), directory = Of(current);
    if (text.Length == 0) return STATUS_OBJECT_NAME_INVALID;
    PATH path(to);
    if (IsNative(text) || IsDevice(text)) {
        path.Append({DOS_DIRECTORY, DOS_DIRECTORY_LENGTH});
        path.Append(IsNative(text) ? text.From(DOS_DIRECTORY_LENGTH) : text);
        return STATUS_SUCCESS;
    }
    if (text.IsDrive()) {
        path.Walk(BeginDrive(&path, text));
    } else {
        const TEXT rest = BeginDrive(&path, directory);
        if (!text.IsRooted()) path.Walk(rest);
        path.Walk(text);
    }
    path.EndAs(text);
    return STATUS_SUCCESS;
}
