// What is written to streams. Contract: the C standard.
//
// A buffer is written when it is full, when a line ends on standard output, and when the program ends. The compiler's macros put bytes into the
// buffer themselves (`_cnt`, `_ptr`), and call _flsbuf when there is no room.
#include "streams.h"

namespace {

bool Put(FILE& stream, const char* bytes, SIZE_T count) {
    if (!CrtTurnToWriting(stream)) return false;
    if (!CrtMakeBuffer(stream)) {
        if (CrtWrite(stream._file, bytes, count)) return true;
        stream._flag |= CRT_STREAM_ERROR;
        return false;
    }
    bool lineEnds = false;
    for (SIZE_T i = 0; i < count; i++) {
        if (stream._cnt <= 0) {
            if (!CrtFlush(stream)) return false;
            stream._cnt = stream._bufsiz;
        }
        *stream._ptr++ = bytes[i];
        stream._cnt--;
        lineEnds |= bytes[i] == '\n';
    }
    return !lineEnds || stream._file != 1 || CrtFlush(stream);
}

} // namespace

extern "C" {

SIZE_T CDECL fwrite(const void* bytes, SIZE_T size, SIZE_T count, FILE* stream) {
    const CRT_GUARD guard(CRT_LOCK::Streams);
    return size != 0 && count != 0 && Put(*stream, static_cast<const char*>(bytes), size * count) ? count : 0;
}

int CDECL fputc(int character, FILE* stream) {
    const char byte = char(character);
    return fwrite(&byte, 1, 1, stream) == 1 ? UCHAR(byte) : EOF;
}
int CDECL putc(int character, FILE* stream) { return fputc(character, stream); }
int CDECL putchar(int character) { return fputc(character, &_iob[1]); }
int CDECL _flsbuf(int character, FILE* stream) {
    stream->_cnt = 0; // the macro has taken one away from it
    return fputc(character, stream);
}

int CDECL fputs(const char* text, FILE* stream) {
    const SIZE_T length = strlen(text);
    return length == 0 || fwrite(text, length, 1, stream) == 1 ? 0 : EOF;
}
int CDECL puts(const char* text) { return fputs(text, &_iob[1]) != EOF && putchar('\n') != EOF ? 0 : EOF; }
}
