// sprintf and its relatives, as drivers import them.
//
// The ones without a count trust that the buffer is long enough. The ones with a count end the text with a 0 only if there
// is room for it: the caller of _snprintf(buffer, size, ...) has to write the last byte.
// In the books: "executive support: run-time library". EXE-01
#include "format.h"
#include "rtl/cstring.h"

namespace {

/// @returns the number of characters, or -1 if the text was cut
template <typename Char> int Print(Char* buffer, SIZE_T capacity, const Char* format, va_list arguments) {
    nt::format::Output<Char> output(buffer, capacity);
    (void)nt::format::Write(output, format, arguments, false);
    if (output.Count() < capacity) buffer[output.Count()] = 0;
    return output.IsCut() ? -1 : static_cast<int>(output.Count());
}

} // namespace

#if defined(MICA_HOST)
namespace crt {
#else
extern "C" {
#endif

int CDECL vsprintf(char* buffer, const char* format, va_list arguments) {
    return Print(buffer, nt::format::UNLIMITED, format, arguments);
}

int CDECL vswprintf(PWSTR buffer, PCWSTR format, va_list arguments) {
    return Print(buffer, nt::format::UNLIMITED, format, arguments);
}

int CDECL _vsnprintf(char* buffer, SIZE_T count, const char* format, va_list arguments) {
    return Print(buffer, count, format, arguments);
}

int CDECL _vsnwprintf(PWSTR buffer, SIZE_T count, PCWSTR format, va_list arguments) {
    return Print(buffer, count, format, arguments);
}

int CDECL sprintf(char* buffer, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = vsprintf(buffer, format, arguments);
    va_end(arguments);
    return length;
}

int CDECL swprintf(PWSTR buffer, PCWSTR format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = vswprintf(buffer, format, arguments);
    va_end(arguments);
    return length;
}

int CDECL _snprintf(char* buffer, SIZE_T count, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = _vsnprintf(buffer, count, format, arguments);
    va_end(arguments);
    return length;
}

int CDECL _snwprintf(PWSTR buffer, SIZE_T count, PCWSTR format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = _vsnwprintf(buffer, count, format, arguments);
    va_end(arguments);
    return length;
}
}
