// Arguments and environment in wide characters. Contract: the public documentation.
//
// imports: msvcrt
// msvcrt.dll divides the command line; here its arguments become wide.
// In the books: "image activation". SYS-01
#include "ntdll.h"

#include "ps/services.h"

extern "C" NTIMPORT int CDECL __getmainargs(int* count, char*** vector, char*** environment, int expandWildcards,
                                            void* startInfo);
extern "C" NTIMPORT void* CDECL malloc(SIZE_T size);

namespace {

int Count;
WCHAR** Arguments;
WCHAR** Environment; ///< NAME=value ..., nullptr

WCHAR* Widen(const char* narrow) {
    const ULONG length = ULONG(strlen(narrow));
    auto* const wide = static_cast<WCHAR*>(malloc((length + 1) * sizeof(WCHAR)));
    ULONG bytes = 0;
    if (!wide) return nullptr;
    (void)RtlMultiByteToUnicodeN(wide, length * sizeof(WCHAR), &bytes, narrow, length);
    wide[bytes / sizeof(WCHAR)] = 0;
    return wide;
}

} // namespace

extern "C" {

/// @param mode 0: no arguments, 1: as they are, 2: with wildcards, which stay as they are. @returns 0, or an errno
int CDECL _configure_wide_argv(int mode) {
    constexpr int ENOMEM = 12;
    char **narrow = nullptr, **environment = nullptr;
    int count = 0;
    if (mode == 0) return 0;
    if (__getmainargs(&count, &narrow, &environment, 0, nullptr) != 0) return ENOMEM;
    auto** const wide = static_cast<WCHAR**>(malloc((count + 1) * sizeof(WCHAR*)));
    if (!wide) return ENOMEM;
    for (int i = 0; i < count; i++)
        if (!(wide[i] = Widen(narrow[i]))) return ENOMEM;
    wide[count] = nullptr;
    Count = count;
    Arguments = wide;
    return 0;
}
int* CDECL __p___argc() { return &Count; }
WCHAR*** CDECL __p___wargv() { return &Arguments; }

/// The process's own block, a place for each text. @returns 0; -1: memory is short
int CDECL _initialize_wide_environment() {
    SIZE_T count = 0;
    auto* const block = static_cast<WCHAR*>(NtCurrentPeb()->ProcessParameters->Environment);
    for (const WCHAR* at = block; at && *at; at += wcslen(at) + 1)
        count++;
    auto** const places = static_cast<WCHAR**>(malloc((count + 1) * sizeof(WCHAR*)));
    if (!places) return -1;
    WCHAR* at = block;
    for (SIZE_T i = 0; i < count; i++, at += wcslen(at) + 1)
        places[i] = at;
    places[count] = nullptr;
    Environment = places;
    return 0;
}
WCHAR** CDECL _get_initial_wide_environment() {
    if (!Environment) (void)_initialize_wide_environment();
    return Environment;
}

void CDECL _set_app_type(int type) { (void)type; }
}
