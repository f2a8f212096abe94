// Streams of files: opened, closed. Contract: the C standard.
#include "streams.h"

#include "kernel32.h"

namespace {

/// What a mode of fopen asks for.
struct MODE {
    ULONG Access, Disposition;
    int Flags;
    bool Text, Append;
};

/// "r", "w", "a", each with "+", "b", "t". @returns false: it is none of them
bool Parse(const char* mode, MODE* parsed) {
    switch (*mode) {
    case 'r': *parsed = {GENERIC_READ, OPEN_EXISTING, CRT_STREAM_READ, true, false}; break;
    case 'w': *parsed = {GENERIC_WRITE, CREATE_ALWAYS, CRT_STREAM_WRITE, true, false}; break;
    case 'a': *parsed = {GENERIC_WRITE, OPEN_ALWAYS, CRT_STREAM_WRITE, true, true}; break;
    default: return false;
    }
    while (*++mode) {
        if (*mode == '+') {
            parsed->Access = GENERIC_READ | GENERIC_WRITE;
            parsed->Flags = CRT_STREAM_BOTH;
        } else if (*mode == 'b' || *mode == 't') {
            parsed->Text = *mode == 't';
        } else {
            return false;
        }
    }
    return true;
}

bool Open(FILE& stream, const char* name, const char* mode) {
    MODE parsed;
    if (!Parse(mode, &parsed)) {
        *_errno() = EINVAL;
        return false;
    }
    const int number = CrtOpen(name, parsed.Access, parsed.Disposition, parsed.Text, parsed.Append);
    if (number < 0) return false;
    stream = {nullptr, 0, nullptr, parsed.Flags, number, 0, 0, nullptr};
    return true;
}

bool Close(FILE& stream) {
    const bool written = CrtFlush(stream);
    if (stream._flag & CRT_STREAM_MY_BUFFER) free(stream._base);
    const bool closed = CrtClose(stream._file);
    stream = {};
    return written && closed;
}

} // namespace

extern "C" {

/// A stream of a descriptor that is open.
FILE* CDECL _fdopen(int number, const char* mode) {
    const CRT_GUARD guard(CRT_LOCK::Streams);
    MODE parsed;
    if (!Parse(mode, &parsed)) {
        *_errno() = EINVAL;
        return nullptr;
    }
    for (FILE& stream : _iob) {
        if (stream._flag != 0) continue;
        stream = {nullptr, 0, nullptr, parsed.Flags, number, 0, 0, nullptr};
        return &stream;
    }
    *_errno() = EMFILE;
    return nullptr;
}

FILE* CDECL fopen(const char* name, const char* mode) {
    const CRT_GUARD guard(CRT_LOCK::Streams);
    for (FILE& stream : _iob)
        if (stream._flag == 0) return Open(stream, name, mode) ? &stream : nullptr;
    *_errno() = EMFILE;
    return nullptr;
}

int CDECL fclose(FILE* stream) {
    const CRT_GUARD guard(CRT_LOCK::Streams);
    if (stream->_flag != 0) return Close(*stream) ? 0 : EOF;
    *_errno() = EBADF;
    return EOF;
}

FILE* CDECL freopen(const char* name, const char* mode, FILE* stream) {
    const CRT_GUARD guard(CRT_LOCK::Streams);
    if (stream->_flag != 0) (void)Close(*stream);
    return Open(*stream, name, mode) ? stream : nullptr;
}
}
