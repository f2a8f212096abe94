// printf and its relatives, by the formatter that ntdll.dll shares with the kernel. Contract: rtl/cstring.h names the conversions.
//
// Simplified: no floating point. Programs of mingw-w64 bring a formatter of their own and come here with plain texts.
#include "crt.h"

namespace {

constexpr SIZE_T ON_STACK = 256;

} // namespace

extern "C" {

int CDECL vfprintf(FILE* stream, const char* format, va_list arguments) {
    char shortText[ON_STACK];
    va_list again;
    va_copy(again, arguments);
    int length = _vsnprintf(shortText, sizeof(shortText), format, arguments);
    char* text = shortText;
    for (SIZE_T room = ON_STACK * 4; length < 0; room *= 4) { // longer than the room
        if (text != shortText) free(text);
        text = static_cast<char*>(malloc(room));
        if (!text) break;
        va_list now;
        va_copy(now, again);
        length = _vsnprintf(text, room, format, now);
        va_end(now);
    }
    va_end(again);
    if (!text) return -1;
    const bool done = length == 0 || fwrite(text, length, 1, stream) == 1;
    if (text != shortText) free(text);
    return done ? length : -1;
}

int CDECL vprintf(const char* format, va_list arguments) { return vfprintf(&_iob[1], format, arguments); }

int CDECL fprintf(FILE* stream, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = vfprintf(stream, format, arguments);
    va_end(arguments);
    return length;
}

int CDECL printf(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = vfprintf(&_iob[1], format, arguments);
    va_end(arguments);
    return length;
}
}
