// What is known of a file by its name. Contract: the public documentation.
//
// imports: kernel32
// Simplified: all files can only be read so far, so none is removed, and none has times.
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

int CDECL remove(const char* name) {
    const int file = Open(name);
    if (file < 0) return -1;
    (void)CrtClose(file);
    *_errno() = EACCES;
    return -1;
}
}
