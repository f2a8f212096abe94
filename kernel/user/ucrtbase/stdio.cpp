// Streams by number; formatted text, by the formatter that ntdll.dll shares with the kernel. Contract: the public documentation.
//
// imports: msvcrt
// In the books: none; the C standard, "input/output". SYS-01
#include "ntdll.h"

namespace {

/// msvcrt.dll's stream: here only its length counts.
struct STREAM {
    UCHAR Bytes[32];
};

constexpr ULONGLONG LEGACY_SPRINTF = 1, STANDARD_SNPRINTF = 2; ///< documented options

/// What the caller is told of a text that the formatter made. @param length -1: it did not fit
/// @param whole makes the text for its length alone
template <typename C, typename WHOLE> int Answer(ULONGLONG options, C* text, SIZE_T room, int length, WHOLE whole) {
    if (length >= 0 && SIZE_T(length) < room) return length;
    if ((options & LEGACY_SPRINTF) == 0 && room != 0) text[room - 1] = 0;
    if ((options & STANDARD_SNPRINTF) == 0 && room != 0) return length >= 0 ? length : -1;
    return whole();
}

/// A text's length, by a buffer that grows. @returns -1: memory is short
template <typename C, typename FORMAT> int LengthOf(FORMAT format) {
    for (SIZE_T room = 256;; room *= 4) {
        auto* const text = static_cast<C*>(RtlAllocateHeap(NtCurrentPeb()->ProcessHeap, 0, room * sizeof(C)));
        if (!text) return -1;
        const int length = format(text, room);
        (void)RtlFreeHeap(NtCurrentPeb()->ProcessHeap, 0, text);
        if (length >= 0) return length;
    }
}

} // namespace

extern "C" NTIMPORT STREAM _iob[];
extern "C" NTIMPORT void* CDECL malloc(SIZE_T size);

extern "C" {

/// @param number 0: standard input, 1: output, 2: errors
STREAM* CDECL __acrt_iob_func(ULONG number) { return &_iob[number]; }

int CDECL __stdio_common_vsprintf(ULONGLONG options, char* text, SIZE_T room, const char* format, void* locale,
                                  va_list arguments) {
    (void)locale;
    const int length = room != 0 ? _vsnprintf(text, room, format, arguments) : -1;
    return Answer(options, text, room, length, [&] {
        return LengthOf<char>([&](char* to, SIZE_T count) { return _vsnprintf(to, count, format, arguments); });
    });
}
int CDECL __stdio_common_vswprintf(ULONGLONG options, WCHAR* text, SIZE_T room, const WCHAR* format, void* locale,
                                   va_list arguments) {
    (void)locale;
    const int length = room != 0 ? _vsnwprintf(text, room, format, arguments) : -1;
    return Answer(options, text, room, length, [&] {
        return LengthOf<WCHAR>([&](WCHAR* to, SIZE_T count) { return _vsnwprintf(to, count, format, arguments); });
    });
}

/// @returns a copy on msvcrt.dll's heap; nullptr: memory is short
char* CDECL _strdup(const char* text) {
    auto* const copy = text ? static_cast<char*>(malloc(strlen(text) + 1)) : nullptr;
    return copy ? strcpy(copy, text) : nullptr;
}

BOOLEAN NTAPI DllMain(PVOID, ULONG, PVOID) { return TRUE; }
}
