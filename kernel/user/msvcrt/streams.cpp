// Streams that are written to. Contract: the C standard.
//
// Standard output has a buffer that is written when it is full, when a line ends, and when the program ends; standard error has none. The
// compiler's macros put bytes into the buffer themselves (`_cnt`, `_ptr`), and call _flsbuf when there is no room.
// Locks: Streams, for all streams.
#include "crt.h"

namespace {

constexpr int BUFFER_BYTES = 512;
char OutputBuffer[BUFFER_BYTES];

bool IsWritable(const FILE& stream) { return (stream._flag & CRT_STREAM_WRITE) != 0; }

/// @returns whether the buffer's bytes were written
bool Flush(FILE& stream) {
    if (!stream._base) return true;
    const SIZE_T held = stream._ptr - stream._base;
    stream._ptr = stream._base;
    stream._cnt = stream._bufsiz;
    if (held == 0 || CrtWrite(stream._file, stream._base, held)) return true;
    stream._flag |= CRT_STREAM_ERROR;
    return false;
}

bool Put(FILE& stream, const char* bytes, SIZE_T count) {
    if (!IsWritable(stream)) {
        *_errno() = EBADF;
        return false;
    }
    if (!stream._base) return CrtWrite(stream._file, bytes, count);
    bool lineEnds = false;
    for (SIZE_T i = 0; i < count; i++) {
        if (stream._cnt <= 0 && !Flush(stream)) return false;
        *stream._ptr++ = bytes[i];
        stream._cnt--;
        lineEnds |= bytes[i] == '\n';
    }
    return !lineEnds || Flush(stream);
}

} // namespace

void CrtFlushAll() {
    const CRT_GUARD guard(CRT_LOCK::Streams);
    for (FILE& stream : _iob)
        if (IsWritable(stream)) (void)Flush(stream);
}

extern "C" {
/// Standard input, output and error, then those that are opened.
FILE _iob[CRT_STREAMS] = {
    {nullptr, 0, nullptr, CRT_STREAM_READ, 0, 0, 0, nullptr},
    {OutputBuffer, BUFFER_BYTES, OutputBuffer, CRT_STREAM_WRITE, 1, 0, BUFFER_BYTES, nullptr},
    {nullptr, 0, nullptr, CRT_STREAM_WRITE | CRT_STREAM_UNBUFFERED, 2, 0, 0, nullptr},
};

SIZE_T CDECL fwrite(const void* bytes, SIZE_T size, SIZE_T count, FILE* stream) {
    const CRT_GUARD guard(CRT_LOCK::Streams);
    return size != 0 && count != 0 && Put(*stream, static_cast<const char*>(bytes), size * count) ? count : 0;
}

int CDECL fputc(int character, FILE* stream) {
    const char byte = char(character);
    return fwrite(&byte, 1, 1, stream) == 1 ? UCHAR(byte) : EOF;
}
int CDECL putchar(int character) { return fputc(character, &_iob[1]); }

int CDECL fputs(const char* text, FILE* stream) {
    const SIZE_T length = strlen(text);
    return length == 0 || fwrite(text, length, 1, stream) == 1 ? 0 : EOF;
}
int CDECL puts(const char* text) { return fputs(text, &_iob[1]) != EOF && putchar('\n') != EOF ? 0 : EOF; }

/// @param stream nullptr: all that are written to
int CDECL fflush(FILE* stream) {
    const CRT_GUARD guard(CRT_LOCK::Streams);
    if (stream) return Flush(*stream) ? 0 : EOF;
    bool done = true;
    for (FILE& one : _iob)
        if (IsWritable(one)) done &= Flush(one);
    return done ? 0 : EOF;
}
}
