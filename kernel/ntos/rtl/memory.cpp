// Memory routines by their Rtl names.
//
// In the books: "executive support: run-time library". EXE-01
#include "rtl/memory.h"
#include "rtl/string.h"

namespace {

constexpr SIZE_T CACHE_LINE = 64;

template <typename Pattern> void Fill(PVOID destination, SIZE_T length, Pattern pattern) {
    auto* const at = static_cast<Pattern*>(destination);
    for (SIZE_T i = 0; i < length / sizeof(Pattern); i++)
        at[i] = pattern;
}

} // namespace

extern "C" {

SIZE_T NTAPI RtlCompareMemory(const void* Source1, const void* Source2, SIZE_T Length) {
    const auto* const left = static_cast<const UCHAR*>(Source1);
    const auto* const right = static_cast<const UCHAR*>(Source2);
    SIZE_T same = 0;
    while (same < Length && left[same] == right[same])
        same++;
    return same;
}

SIZE_T NTAPI RtlCompareMemoryUlong(PVOID Source, SIZE_T Length, ULONG Pattern) {
    const auto* const words = static_cast<const ULONG*>(Source);
    SIZE_T same = 0;
    while (same < Length / sizeof(ULONG) && words[same] == Pattern)
        same++;
    return same * sizeof(ULONG);
}

void NTAPI RtlFillMemory(PVOID Destination, SIZE_T Length, UCHAR Fill) { memset(Destination, Fill, Length); }

void NTAPI RtlFillMemoryUlong(PVOID Destination, SIZE_T Length, ULONG Pattern) { Fill(Destination, Length, Pattern); }

void NTAPI RtlFillMemoryUlonglong(PVOID Destination, SIZE_T Length, ULONGLONG Pattern) {
    Fill(Destination, Length, Pattern);
}

void NTAPI RtlMoveMemory(PVOID Destination, const void* Source, SIZE_T Length) { memmove(Destination, Source, Length); }

void NTAPI RtlZeroMemory(PVOID Destination, SIZE_T Length) { memset(Destination, 0, Length); }

void FASTCALL RtlPrefetchMemoryNonTemporal(PVOID Source, SIZE_T Length) {
    const auto address = reinterpret_cast<ULONG_PTR>(Source); // a number: it may point nowhere
    for (SIZE_T offset = 0; offset < Length; offset += CACHE_LINE)
        __builtin_prefetch(reinterpret_cast<const void*>(address + offset), 0, 0);
}

USHORT FASTCALL RtlUshortByteSwap(USHORT Source) { return __builtin_bswap16(Source); }

ULONG FASTCALL RtlUlongByteSwap(ULONG Source) { return __builtin_bswap32(Source); }

ULONGLONG FASTCALL RtlUlonglongByteSwap(ULONGLONG Source) { return __builtin_bswap64(Source); }
}
