// Files by their descriptors: opened, read, written, without a stream. Contract: the public documentation.
//
// imports: kernel32
#include "crt.h"

#include "kernel32.h"

namespace {

// What _open is asked for (documented values).
constexpr int O_WRONLY = 0x1, O_RDWR = 0x2, O_APPEND = 0x8, O_CREAT = 0x100, O_TRUNC = 0x200, O_EXCL = 0x400,
              O_BINARY = 0x8000;

int Open(const char* name, int flags) {
    const ULONG access = (flags & O_RDWR)     ? GENERIC_READ | GENERIC_WRITE
                         : (flags & O_WRONLY) ? GENERIC_WRITE
                                              : GENERIC_READ;
    const bool create = (flags & O_CREAT) != 0, truncate = (flags & O_TRUNC) != 0;
    const ULONG disposition = create && (flags & O_EXCL) ? CREATE_NEW
                              : create                   ? (truncate ? CREATE_ALWAYS : OPEN_ALWAYS)
                                                         : (truncate ? TRUNCATE_EXISTING : OPEN_EXISTING);
    return CrtOpen(name, access, disposition, (flags & O_BINARY) == 0, (flags & O_APPEND) != 0);
}

} // namespace

extern "C" {

/// The rights of a file that is made follow as a third argument; no file keeps any.
int CDECL _open(const char* name, int flags, ...) { return Open(name, flags); }
int CDECL _wopen(const WCHAR* name, int flags, ...) {
    const CRT_NARROW narrow(name);
    return narrow.Get() ? Open(narrow.Get(), flags) : -1;
}
int CDECL _close(int number) { return CrtClose(number) ? 0 : -1; }
int CDECL _read(int number, void* bytes, ULONG room) { return CrtRead(number, static_cast<char*>(bytes), room); }
int CDECL _write(int number, const void* bytes, ULONG count) {
    return CrtWrite(number, static_cast<const char*>(bytes), count) ? int(count) : -1;
}

LONGLONG CDECL _lseeki64(int number, LONGLONG distance, int from) {
    if (from >= 0 && from <= 2) return CrtSeek(number, distance, ULONG(from));
    *_errno() = EINVAL;
    return -1;
}
LONG CDECL _lseek(int number, LONG distance, int from) { return LONG(_lseeki64(number, distance, from)); }

/// @returns bytes; -1: errno says why
LONGLONG CDECL _filelengthi64(int number) {
    const LONGLONG place = CrtSeek(number, 0, FILE_CURRENT), length = CrtSeek(number, 0, FILE_END);
    return place < 0 || length < 0 || CrtSeek(number, place, FILE_BEGIN) < 0 ? -1 : length;
}
}
