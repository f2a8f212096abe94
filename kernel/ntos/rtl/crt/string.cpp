// strlen, strcmp, strncmp: C strings, compared as unsigned characters.
//
// The host's tests use the host's own.
// In the books: "executive support: run-time library". EXE-01
#include "rtl/string.h"

// The compiler would otherwise recognise the loop of strlen and call strlen for it.
#define NO_BUILTIN __attribute__((no_builtin))

extern "C" NO_BUILTIN SIZE_T strlen(const char* text) {
    const char* end = text;
    while (*end)
        end++;
    return end - text;
}

extern "C" NO_BUILTIN int strncmp(const char* left, const char* right, SIZE_T length) {
    for (; length; left++, right++, length--) {
        const auto l = static_cast<UCHAR>(*left);
        const auto r = static_cast<UCHAR>(*right);
        if (l != r) return l < r ? -1 : 1;
        if (l == 0) return 0;
    }
    return 0;
}

extern "C" NO_BUILTIN int strcmp(const char* left, const char* right) { return strncmp(left, right, ~SIZE_T(0)); }
