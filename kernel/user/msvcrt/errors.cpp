// errno, its texts, and the one locale. Contract: the C standard.
#include "perthread.h"

namespace {

/// By number, as the public headers have them.
constexpr const char* Texts[] = {"No error",
                                 "Operation not permitted",
                                 "No such file or directory",
                                 "No such process",
                                 "Interrupted function call",
                                 "Input/output error",
                                 "No such device or address",
                                 "Arg list too long",
                                 "Exec format error",
                                 "Bad file descriptor",
                                 "No child processes",
                                 "Resource temporarily unavailable",
                                 "Not enough space",
                                 "Permission denied",
                                 "Bad address",
                                 "Unknown error",
                                 "Resource device",
                                 "File exists",
                                 "Improper link",
                                 "No such device",
                                 "Not a directory",
                                 "Is a directory",
                                 "Invalid argument",
                                 "Too many open files in system",
                                 "Too many open files",
                                 "Inappropriate I/O control operation",
                                 "Unknown error",
                                 "File too large",
                                 "No space left on device",
                                 "Invalid seek",
                                 "Read-only file system",
                                 "Too many links",
                                 "Broken pipe",
                                 "Domain error",
                                 "Result too large",
                                 "Unknown error",
                                 "Resource deadlock avoided",
                                 "Unknown error",
                                 "Filename too long",
                                 "No locks available",
                                 "Function not implemented",
                                 "Directory not empty",
                                 "Illegal byte sequence"};
constexpr int TEXTS = sizeof(Texts) / sizeof(Texts[0]);

/// What localeconv tells (documented layout): that of the locale "C".
struct LCONV {
    const char* Texts[10];
    char Numbers[8];
} Conventions = {{".", "", "", "", "", "", "", "", "", ""}, {127, 127, 127, 127, 127, 127, 127, 127}};

} // namespace

extern "C" {

int* CDECL _errno() { return &CrtPerThread().Errno; }

char* CDECL strerror(int error) {
    return const_cast<char*>(error >= 0 && error < TEXTS ? Texts[error] : "Unknown error");
}

/// There is the locale "C" and no other. @returns its name; nullptr: another one is asked for
char* CDECL setlocale(int category, const char* locale) {
    static char name[] = "C";
    (void)category;
    return !locale || !*locale || strcmp(locale, "C") == 0 ? name : nullptr;
}

LCONV* CDECL localeconv() { return &Conventions; }

void CDECL perror(const char* text) {
    FILE* const errors = &_iob[2];
    const char* const error = strerror(*_errno());
    if (text && *text) {
        (void)fputs(text, errors);
        (void)fputs(": ", errors);
    }
    (void)fputs(error, errors);
    (void)fputs("\n", errors);
}
}
