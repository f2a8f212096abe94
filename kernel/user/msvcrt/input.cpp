// What is read from streams. Contract: the C standard.
//
// The compiler's macros take bytes out of the buffer themselves (`_cnt`, `_ptr`), and call _filbuf when there is none.
#include "streams.h"

namespace {

int Get(FILE& stream) {
    if (stream._cnt <= 0 && (!CrtTurnToReading(stream) || !CrtFill(stream))) return EOF;
    stream._cnt--;
    return UCHAR(*stream._ptr++);
}

} // namespace

extern "C" {

int CDECL fgetc(FILE* stream) {
    const CRT_GUARD guard(CRT_LOCK::Streams);
    return (stream->_flag & CRT_STREAM_WRITE) != 0 && !CrtTurnToReading(*stream) ? EOF : Get(*stream);
}
int CDECL getc(FILE* stream) { return fgetc(stream); }
int CDECL getchar() { return fgetc(&_iob[0]); }
int CDECL _filbuf(FILE* stream) {
    stream->_cnt = 0; // the macro has taken one away from it
    return fgetc(stream);
}

SIZE_T CDECL fread(void* bytes, SIZE_T size, SIZE_T count, FILE* stream) {
    const CRT_GUARD guard(CRT_LOCK::Streams);
    SIZE_T done = 0;
    if (size == 0 || !CrtTurnToReading(*stream)) return 0;
    for (int byte; done < size * count && (byte = Get(*stream)) != EOF; done++)
        static_cast<char*>(bytes)[done] = char(byte);
    return done / size;
}

/// A line with its end, or what fits. @returns nullptr: nothing is left, or an error
char* CDECL fgets(char* text, int room, FILE* stream) {
    const CRT_GUARD guard(CRT_LOCK::Streams);
    if (room <= 0 || !CrtTurnToReading(*stream)) return nullptr;
    int length = 0;
    for (int byte; length + 1 < room && (byte = Get(*stream)) != EOF;) {
        text[length++] = char(byte);
        if (byte == '\n') break;
    }
    if (length == 0 && room > 1) return nullptr;
    text[length] = 0;
    return text;
}

/// One byte goes back, in front of what is to be read. @returns it; EOF: there is no room
int CDECL ungetc(int character, FILE* stream) {
    const CRT_GUARD guard(CRT_LOCK::Streams);
    if (character == EOF || !CrtTurnToReading(*stream) || !CrtMakeBuffer(*stream)) return EOF;
    if (stream->_ptr == stream->_base) {
        if (stream->_cnt >= stream->_bufsiz) return EOF;
        RtlMoveMemory(stream->_base + 1, stream->_base, stream->_cnt);
        stream->_ptr++;
    }
    *--stream->_ptr = char(character);
    stream->_cnt++;
    stream->_flag &= ~CRT_STREAM_END;
    return UCHAR(character);
}
}
