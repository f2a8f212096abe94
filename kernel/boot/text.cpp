// text.cpp - the few library routines a freestanding program needs. Contracts: bytes.h and the C standard.
#include "bytes.h"

namespace boot {

bool EqualNames(const char* left, const char* right) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
    while (*left != 0 && lower(*left) == lower(*right)) {
        left++;
        right++;
    }
    return lower(*left) == lower(*right);
}

} // namespace boot

#if !defined(MICA_HOST) // the host's C library has these
// Plain loops would be turned into calls of themselves; the string instructions are short and fast enough.
void* memcpy(void* to, const void* from, SIZE_T count) noexcept {
    void* destination = to;
    SIZE_T words = count / 4;
    asm volatile("rep movsl\n\tmovl %3, %%ecx\n\trep movsb"
                 : "+D"(destination), "+S"(from), "+c"(words)
                 : "r"(count % 4)
                 : "memory");
    return to;
}

void* memset(void* to, int value, SIZE_T count) noexcept {
    void* destination = to;
    asm volatile("rep stosb" : "+D"(destination), "+c"(count) : "a"(value) : "memory");
    return to;
}

int memcmp(const void* left, const void* right, SIZE_T count) noexcept {
    const UCHAR* a = static_cast<const UCHAR*>(left);
    const UCHAR* b = static_cast<const UCHAR*>(right);
    for (; count != 0; count--, a++, b++) {
        if (*a != *b) {
            return *a - *b;
        }
    }
    return 0;
}
#endif
