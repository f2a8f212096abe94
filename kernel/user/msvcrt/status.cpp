// What is known of a file by its name. Contract: the public documentation.
//
// imports: kernel32
// Simplified: all files can only be read so far, so none is removed or renamed, none has times, and no temporary one is made.
#include "crt.h"

#include "kernel32.h"

namespace {

/// What _stati64 tells (documented layout).
struct STATUS {
    ULONG Device;
    USHORT Inode, Mode;
    SHORT Links, User, Group;
    ULONG DeviceOfSpecialFile;
    LONGLONG Size;
    LONG AccessTime, ModificationTime, CreationTime;
};
PUBLIC_SIZE(STATUS, 48);

constexpr USHORT REGULAR = 0x8000, READABLE = 0x124; ///< for owner, group and others

/// @returns the file's descriptor, or -1
int Open(const char* name) { return CrtOpen(name, GENERIC_READ, OPEN_EXISTING, false, false); }

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

int CDECL _stati64(const char* name, STATUS* status) {
    const int file = Open(name);
    if (file < 0) return -1;
    *status = {};
    status->Mode = REGULAR | READABLE;
    status->Links = 1;
    status->Size = CrtSeek(file, 0, FILE_END);
    (void)CrtClose(file);
    return 0;
}

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
