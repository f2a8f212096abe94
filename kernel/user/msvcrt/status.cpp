// What is known of a file by its name. Contract: the public documentation.
//
// imports: kernel32
// Simplified: all files can only be read so far, so none is removed or renamed, none has times, and no temporary one is made.
#include "crt.h"

#include "kernel32.h"

namespace {

/// What is told of a file. Three layouts are documented: they differ in how long sizes and times are.
template <typename SIZE, typename TIME> struct STATUS {
    ULONG Device;
    USHORT Inode, Mode;
    SHORT Links, User, Group;
    ULONG DeviceOfSpecialFile;
    SIZE Size;
    TIME AccessTime, ModificationTime, CreationTime;
};
using STATUS_32 = STATUS<LONG, LONG>;
using STATUS_I64 = STATUS<LONGLONG, LONG>;
using STATUS_64 = STATUS<LONGLONG, LONGLONG>;
PUBLIC_SIZE(STATUS_32, 36);
PUBLIC_SIZE(STATUS_I64, 48);
PUBLIC_SIZE(STATUS_64, 56);

constexpr USHORT REGULAR = 0x8000, CHARACTERS = 0x2000, READABLE = 0x124; ///< for owner, group and others

/// @returns the file's descriptor, or -1
int Open(const char* name) { return CrtOpen(name, GENERIC_READ, OPEN_EXISTING, false, false); }

/// @returns 0; -1: errno says why
template <typename S> int TellOf(int file, S* status) {
    const bool console = _isatty(file) != 0;
    const LONGLONG size = console ? 0 : _filelengthi64(file);
    if (size < 0) return -1;
    *status = {};
    status->Mode = USHORT((console ? CHARACTERS : REGULAR) | READABLE);
    status->Links = 1;
    status->Size = decltype(status->Size)(size);
    return 0;
}

template <typename S> int Tell(const char* name, S* status) {
    const int file = Open(name);
    if (file < 0) return -1;
    const int told = TellOf(file, status);
    (void)CrtClose(file);
    return told;
}

/// @returns -1: there is no such file, or it can only be read; errno says which
int Refuse(const char* name) {
    const int file = Open(name);
    if (file < 0) return -1;
    (void)CrtClose(file);
    *_errno() = EACCES;
    return -1;
}

} // namespace

extern "C" {

int CDECL _stat(const char* name, STATUS_32* status) { return Tell(name, status); }
int CDECL _stati64(const char* name, STATUS_I64* status) { return Tell(name, status); }
int CDECL _stat64(const char* name, STATUS_64* status) { return Tell(name, status); }
int CDECL _fstat64(int file, STATUS_64* status) { return TellOf(file, status); }

int CDECL _fstati64(int file, STATUS_I64* status) { return TellOf(file, status); }

/// Sets a file's times. @param times not looked at: a file that can only be read keeps none
int CDECL _utime(const char* name, const void* times) {
    (void)times;
    return Refuse(name);
}
int CDECL _unlink(const char* name) { return Refuse(name); }
int CDECL remove(const char* name) { return Refuse(name); }
int CDECL rename(const char* name, const char* newName) {
    (void)newName;
    return Refuse(name);
}

FILE* CDECL tmpfile() {
    *_errno() = EACCES;
    return nullptr;
}

/// A name that no file has. @param name room for 14 characters; nullptr: the library's own
char* CDECL tmpnam(char* name) {
    constexpr SIZE_T room = 14; // L_tmpnam of the public headers
    static char own[room];
    static volatile LONG last; // shared: interlocked
    char* const text = name ? name : own;
    (void)_snprintf(text, room, "\\s%x.", __sync_add_and_fetch(&last, 1));
    return text;
}
}
