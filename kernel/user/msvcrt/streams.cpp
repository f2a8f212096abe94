// Streams: their buffers, and which way the bytes go. Contract: streams.h, the C standard.
#include "streams.h"

#include "kernel32.h"

namespace {

constexpr int BUFFER_BYTES = 512;

/// The other direction's buffer is given up. @param may what the stream must have
bool Turn(FILE& stream, int may, int other) {
    if ((stream._flag & (may | CRT_STREAM_BOTH)) == 0) {
        *_errno() = EBADF;
        stream._flag |= CRT_STREAM_ERROR;
        return false;
    }
    if ((stream._flag & CRT_STREAM_BOTH) == 0) return true;
    if ((stream._flag & other) != 0 && !CrtFlush(stream)) return false;
    stream._flag = (stream._flag & ~other) | may;
    return true;
}

void Empty(FILE& stream) {
    stream._ptr = stream._base;
    stream._cnt = 0;
}

/// Bytes that were read ahead; a text's lines are one byte longer in the file.
LONG AheadInFile(const FILE& stream) {
    LONG bytes = stream._cnt;
    if (!CrtIsText(stream._file)) return bytes;
    for (int i = 0; i < stream._cnt; i++)
        bytes += stream._ptr[i] == '\n';
    return bytes;
}

} // namespace

bool CrtMakeBuffer(FILE& stream) {
    if (stream._base) return true;
    if (stream._flag & CRT_STREAM_UNBUFFERED) return false;
    stream._base = static_cast<char*>(malloc(BUFFER_BYTES));
    if (!stream._base) return false;
    stream._flag |= CRT_STREAM_MY_BUFFER;
    stream._bufsiz = BUFFER_BYTES;
    Empty(stream);
    return true;
}

bool CrtFlush(FILE& stream) {
    if (!stream._base) return true;
    if ((stream._flag & CRT_STREAM_WRITE) == 0) {
        if (stream._cnt > 0) (void)CrtSeek(stream._file, -AheadInFile(stream), FILE_CURRENT);
        Empty(stream);
        return true;
    }
    const SIZE_T held = stream._ptr - stream._base;
    Empty(stream);
    if (held == 0 || CrtWrite(stream._file, stream._base, held)) return true;
    stream._flag |= CRT_STREAM_ERROR;
    return false;
}

bool CrtFill(FILE& stream) {
    char* const to = CrtMakeBuffer(stream) ? stream._base : reinterpret_cast<char*>(&stream._charbuf);
    const LONG count = CrtRead(stream._file, to, stream._base ? ULONG(stream._bufsiz) : 1);
    stream._ptr = to;
    stream._cnt = count > 0 ? int(count) : 0;
    if (count == 0) stream._flag |= CRT_STREAM_END;
    if (count < 0) stream._flag |= CRT_STREAM_ERROR;
    return count > 0;
}

bool CrtTurnToWriting(FILE& stream) { return Turn(stream, CRT_STREAM_WRITE, CRT_STREAM_READ); }
bool CrtTurnToReading(FILE& stream) { return Turn(stream, CRT_STREAM_READ, CRT_STREAM_WRITE); }

void CrtFlushAll() {
    const CRT_GUARD guard(CRT_LOCK::Streams);
    for (FILE& stream : _iob)
        if (stream._flag & CRT_STREAM_WRITE) (void)CrtFlush(stream);
}

extern "C" {
/// Standard input, output and error, then those that are opened. A stream without a flag is free.
FILE _iob[CRT_STREAMS] = {
    {nullptr, 0, nullptr, CRT_STREAM_READ, 0, 0, 0, nullptr},
    {nullptr, 0, nullptr, CRT_STREAM_WRITE, 1, 0, 0, nullptr},
    {nullptr, 0, nullptr, CRT_STREAM_WRITE | CRT_STREAM_UNBUFFERED, 2, 0, 0, nullptr},
};

/// @param stream nullptr: all that are written to
int CDECL fflush(FILE* stream) {
    const CRT_GUARD guard(CRT_LOCK::Streams);
    if (stream) return CrtFlush(*stream) ? 0 : EOF;
    bool done = true;
    for (FILE& one : _iob)
        if (one._flag & CRT_STREAM_WRITE) done &= CrtFlush(one);
    return done ? 0 : EOF;
}

/// Before the first use of a stream. @param buffer nullptr: the library's own. @param mode 4: none; 0, 0x40: one that is full before it is written
int CDECL setvbuf(FILE* stream, char* buffer, int mode, SIZE_T size) {
    constexpr int none = 4;
    const CRT_GUARD guard(CRT_LOCK::Streams);
    if (mode != none && mode != 0 && mode != 0x40) return -1;
    (void)CrtFlush(*stream);
    if (stream->_flag & CRT_STREAM_MY_BUFFER) free(stream->_base);
    stream->_flag &= ~(CRT_STREAM_MY_BUFFER | CRT_STREAM_UNBUFFERED);
    stream->_base = mode != none ? buffer : nullptr;
    stream->_bufsiz = stream->_base ? int(size) : 0;
    if (mode == none) stream->_flag |= CRT_STREAM_UNBUFFERED;
    Empty(*stream);
    return 0;
}
void CDECL setbuf(FILE* stream, char* buffer) { (void)setvbuf(stream, buffer, buffer ? 0 : 4, BUFFER_BYTES); }

int CDECL feof(FILE* stream) { return stream->_flag & CRT_STREAM_END; }
int CDECL ferror(FILE* stream) { return stream->_flag & CRT_STREAM_ERROR; }
void CDECL clearerr(FILE* stream) { stream->_flag &= ~(CRT_STREAM_END | CRT_STREAM_ERROR); }
int CDECL _fileno(FILE* stream) { return stream->_file; }

int CDECL fseek(FILE* stream, long distance, int from) {
    const CRT_GUARD guard(CRT_LOCK::Streams);
    if (from < 0 || from > 2) {
        *_errno() = EINVAL;
        return -1;
    }
    if (!CrtFlush(*stream)) return -1;
    stream->_flag &= ~CRT_STREAM_END;
    return CrtSeek(stream->_file, distance, ULONG(from)) < 0 ? -1 : 0;
}
void CDECL rewind(FILE* stream) {
    (void)fseek(stream, 0, 0);
    clearerr(stream);
}

long CDECL ftell(FILE* stream) {
    const CRT_GUARD guard(CRT_LOCK::Streams);
    const LONG place = LONG(CrtSeek(stream->_file, 0, FILE_CURRENT));
    if (place < 0 || !stream->_base) return place;
    if ((stream->_flag & CRT_STREAM_WRITE) == 0) return place - AheadInFile(*stream);
    LONG held = 0;
    for (const char* at = stream->_base; at < stream->_ptr; at++)
        held += *at == '\n' && CrtIsText(stream->_file) ? 2 : 1;
    return place + held;
}

/// A place, for fsetpos. @returns 0; -1: errno says why
int CDECL fgetpos(FILE* stream, LONGLONG* place) {
    *place = ftell(stream);
    return *place < 0 ? -1 : 0;
}
int CDECL fsetpos(FILE* stream, const LONGLONG* place) { return fseek(stream, long(*place), 0); }
}
