// memcpy, memmove, memset, memcmp: what the compiler calls when it copies or clears a structure.
//
// Written with the string instructions, so that the compiler cannot recognise the loop of a memcpy and call memcpy
// for it. The direction flag is clear on entry and on exit, as the calling convention promises.
// In the books: "executive support: run-time library". EXE-01
#include "rtl/string.h"

extern "C" void* memcpy(void* destination, const void* source, SIZE_T length) {
    void* to = destination;
    SIZE_T words = length / 4;
    __asm__ __volatile__("rep movsl\n\t"
                         "movl %3, %2\n\t"
                         "rep movsb"
                         : "+&D"(to), "+&S"(source), "+&c"(words)
                         : "r"(length % 4)
                         : "memory");
    return destination;
}

extern "C" void* memmove(void* destination, const void* source, SIZE_T length) {
    const auto to = reinterpret_cast<ULONG_PTR>(destination);
    const auto from = reinterpret_cast<ULONG_PTR>(source);
    if (to - from >= length) return memcpy(destination, source, length); // (unsigned) below, or beyond the source
    ULONG_PTR lastTo = to + length - 1;
    ULONG_PTR lastFrom = from + length - 1;
    __asm__ __volatile__("std\n\t"
                         "rep movsb\n\t"
                         "cld"
                         : "+D"(lastTo), "+S"(lastFrom), "+c"(length)
                         :
                         : "memory", "cc");
    return destination;
}

extern "C" void* memset(void* destination, int value, SIZE_T length) {
    void* to = destination;
    const ULONG pattern = static_cast<UCHAR>(value) * 0x01010101u;
    SIZE_T words = length / 4;
    __asm__ __volatile__("rep stosl\n\t"
                         "movl %2, %1\n\t"
                         "rep stosb"
                         : "+&D"(to), "+&c"(words)
                         : "r"(length % 4), "a"(pattern)
                         : "memory");
    return destination;
}

extern "C" int memcmp(const void* left, const void* right, SIZE_T length) {
    const auto* l = static_cast<const UCHAR*>(left);
    const auto* r = static_cast<const UCHAR*>(right);
    for (; length; l++, r++, length--) {
        if (*l != *r) return *l < *r ? -1 : 1;
    }
    return 0;
}
