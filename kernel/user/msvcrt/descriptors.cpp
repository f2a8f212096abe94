// Files by small numbers, and the ends of lines. Contract: crt.h.
//
// imports: kernel32
// A text file's lines end with "\r\n" outside of the process, and with "\n" in it. 0, 1 and 2 are the handles that the process was given; a
// process without them, the first one and those of tests, writes on the system's console and reads nothing.
// Lock: Descriptors, for the table; none while a file is read or written.
#include "crt.h"

#include "kernel32.h"

namespace {

constexpr int DESCRIPTORS = 32;
constexpr ULONG PIECE = 128; ///< bytes that are translated at once

/// What a number leads to.
struct DESCRIPTOR {
    HANDLE Handle; ///< nullptr: the system's console
    bool Open, Text, Append;
};
DESCRIPTOR Descriptors[DESCRIPTORS] = {
    {nullptr, true, true, false}, {nullptr, true, true, false}, {nullptr, true, true, false}};

DESCRIPTOR* Find(int number) {
    if (number >= 0 && number < DESCRIPTORS && Descriptors[number].Open) return &Descriptors[number];
    *_errno() = EBADF;
    return nullptr;
}

bool Failed() {
    const DWORD error = GetLastError();
    *_errno() = error == ERROR_FILE_NOT_FOUND      ? ENOENT
                : error == ERROR_ACCESS_DENIED     ? EACCES
                : error == ERROR_NOT_ENOUGH_MEMORY ? ENOMEM
                : error == ERROR_INVALID_HANDLE    ? EBADF
                                                   : EINVAL;
    return false;
}

/// Text for the system's console, a piece at a time.
bool Show(const char* bytes, ULONG count) {
    for (ULONG done = 0; done < count;) {
        WCHAR wide[PIECE];
        const ULONG now = count - done < PIECE ? count - done : PIECE;
        ULONG length = 0;
        if (!NT_SUCCESS(RtlMultiByteToUnicodeN(wide, sizeof(wide), &length, bytes + done, now))) return false;
        UNICODE_STRING text{USHORT(length), USHORT(length), wide};
        if (!NT_SUCCESS(NtDisplayString(&text))) return false;
        done += now;
    }
    return true;
}

bool WriteAll(HANDLE handle, const char* bytes, ULONG count) {
    if (!handle) return Show(bytes, count);
    DWORD written = 0;
    return (WriteFile(handle, bytes, count, &written, nullptr) && written == count) || Failed();
}

bool WriteText(HANDLE handle, const char* bytes, SIZE_T count) {
    char piece[PIECE];
    ULONG length = 0;
    for (SIZE_T i = 0; i < count; i++) {
        if (bytes[i] == '\n') piece[length++] = '\r';
        piece[length++] = bytes[i];
        if (length < PIECE - 1 && i + 1 < count) continue;
        if (!WriteAll(handle, piece, length)) return false;
        length = 0;
    }
    return true;
}

/// Takes the '\r' of each "\r\n" out. @returns how many bytes are left
SIZE_T DropReturns(char* bytes, SIZE_T count) {
    SIZE_T kept = 0;
    for (SIZE_T i = 0; i < count; i++)
        if (bytes[i] != '\r' || i + 1 >= count || bytes[i + 1] != '\n') bytes[kept++] = bytes[i];
    return kept;
}

} // namespace

void CrtTakeStandardHandles() {
    Descriptors[0].Handle = GetStdHandle(STD_INPUT_HANDLE);
    Descriptors[1].Handle = GetStdHandle(STD_OUTPUT_HANDLE);
    Descriptors[2].Handle = GetStdHandle(STD_ERROR_HANDLE);
}

int CrtOpen(const char* name, ULONG access, ULONG disposition, bool text, bool append) {
    const CRT_GUARD guard(CRT_LOCK::Descriptors);
    int number = 0;
    while (number < DESCRIPTORS && Descriptors[number].Open)
        number++;
    if (number == DESCRIPTORS) {
        *_errno() = EMFILE;
        return -1;
    }
    HANDLE const handle =
        CreateFileA(name, access, FILE_SHARE_READ | FILE_SHARE_WRITE, nullptr, disposition, 0, nullptr);
    if (handle == INVALID_HANDLE_VALUE) {
        (void)Failed();
        return -1;
    }
    Descriptors[number] = {handle, true, text, append};
    return number;
}

bool CrtClose(int number) {
    const CRT_GUARD guard(CRT_LOCK::Descriptors);
    DESCRIPTOR* const descriptor = Find(number);
    if (!descriptor) return false;
    const bool done = !descriptor->Handle || CloseHandle(descriptor->Handle) || Failed();
    *descriptor = {};
    return done;
}

bool CrtWrite(int number, const char* bytes, SIZE_T count) {
    const DESCRIPTOR* const descriptor = Find(number);
    if (!descriptor) return false;
    if (descriptor->Append) (void)CrtSeek(number, 0, FILE_END);
    return descriptor->Text ? WriteText(descriptor->Handle, bytes, count)
                            : WriteAll(descriptor->Handle, bytes, ULONG(count));
}

LONG CrtRead(int number, char* bytes, ULONG room) {
    const DESCRIPTOR* const descriptor = Find(number);
    if (!descriptor) return -1;
    if (!descriptor->Handle) return 0;
    DWORD count = 0;
    if (!ReadFile(descriptor->Handle, bytes, room, &count, nullptr)) {
        (void)Failed();
        return -1;
    }
    if (!descriptor->Text || count == 0) return LONG(count);
    char next = 0;
    DWORD more = 0;
    // The last byte may be half of an end of line.
    if (bytes[count - 1] == '\r' && ReadFile(descriptor->Handle, &next, 1, &more, nullptr) && more == 1) {
        if (next == '\n') {
            bytes[count - 1] = '\n';
        } else {
            (void)CrtSeek(number, -1, FILE_CURRENT);
        }
    }
    return LONG(DropReturns(bytes, count));
}

LONGLONG CrtSeek(int number, LONGLONG distance, ULONG from) {
    const DESCRIPTOR* const descriptor = Find(number);
    if (!descriptor) return -1;
    LARGE_INTEGER place{.QuadPart = distance};
    SetLastError(ERROR_SUCCESS);
    place.LowPart = descriptor->Handle ? SetFilePointer(descriptor->Handle, LONG(place.LowPart), &place.HighPart, from)
                                       : INVALID_SET_FILE_POINTER;
    if (place.LowPart != INVALID_SET_FILE_POINTER || (descriptor->Handle && GetLastError() == ERROR_SUCCESS))
        return place.QuadPart;
    (void)Failed();
    return -1;
}

bool CrtIsText(int number) {
    const DESCRIPTOR* const descriptor = Find(number);
    return descriptor && descriptor->Text;
}

extern "C" {

/// @returns whether the descriptor leads to a console
int CDECL _isatty(int number) {
    const DESCRIPTOR* const descriptor = Find(number);
    return descriptor && (!descriptor->Handle || GetFileType(descriptor->Handle) == FILE_TYPE_CHAR);
}

/// @param mode 4000h: lines of text, 8000h: bytes as they are. @returns the mode before, or -1
int CDECL _setmode(int number, int mode) {
    constexpr int text = 0x4000, binary = 0x8000; // documented
    DESCRIPTOR* const descriptor = Find(number);
    if (!descriptor) return -1;
    if (mode != text && mode != binary) {
        *_errno() = EINVAL;
        return -1;
    }
    const int before = descriptor->Text ? text : binary;
    descriptor->Text = mode == text;
    return before;
}
}
