// UTF-8 and UTF-16. Contract: utf8.h.
#include "utf8.h"

namespace nt {

namespace {

constexpr ULONG REPLACEMENT = 0xFFFD, BEYOND_16_BITS = 0x10000, HIGHEST = 0x10FFFF;
constexpr ULONG HIGH_SURROGATE = 0xD800, LOW_SURROGATE = 0xDC00, SURROGATES_END = 0xE000, SURROGATE_BITS = 10;
constexpr ULONG CONTINUATION = 0x80, CONTINUATION_MASK = 0xC0, CONTINUATION_BITS = 6, CONTINUATION_VALUE = 0x3F;

/// The first byte of a sequence of so many.
struct LEAD {
    UCHAR Mask, Value;
    ULONG Least; ///< a lower character has a shorter sequence
};
constexpr LEAD LEADS[] = {{0x80, 0x00, 0}, {0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, BEYOND_16_BITS}};

bool IsSurrogate(ULONG character) { return character >= HIGH_SURROGATE && character < SURROGATES_END; }

/// Reads one character. @param[in,out] at grows by its bytes; by one if they are not well formed
ULONG Read(const UCHAR* from, ULONG bytes, ULONG* at) {
    const ULONG start = (*at)++;
    const UCHAR first = from[start];
    for (ULONG more = 0; more < 4; more++) {
        const LEAD& lead = LEADS[more];
        if ((first & lead.Mask) != lead.Value) continue;
        if (more > bytes - start - 1) return REPLACEMENT;
        ULONG character = first & ~lead.Mask & 0xFF;
        for (ULONG i = 1; i <= more; i++) {
            if ((from[start + i] & CONTINUATION_MASK) != CONTINUATION) return REPLACEMENT;
            character = character << CONTINUATION_BITS | (from[start + i] & CONTINUATION_VALUE);
        }
        if (character < lead.Least || character > HIGHEST || IsSurrogate(character)) return REPLACEMENT;
        *at = start + more + 1;
        return character;
    }
    return REPLACEMENT;
}

/// Reads one character of UTF-16.
ULONG ReadWide(const WCHAR* from, ULONG characters, ULONG* at) {
    const ULONG first = from[(*at)++];
    if (!IsSurrogate(first)) return first;
    if (first >= LOW_SURROGATE || *at == characters) return REPLACEMENT;
    const ULONG second = from[*at];
    if (second < LOW_SURROGATE || second >= SURROGATES_END) return REPLACEMENT;
    (*at)++;
    return BEYOND_16_BITS + ((first - HIGH_SURROGATE) << SURROGATE_BITS) + (second - LOW_SURROGATE);
}

/// The bytes of a character. @returns how many
ULONG Write(ULONG character, UCHAR (&bytes)[4]) {
    ULONG more = 0;
    while (more < 3 && character >= LEADS[more + 1].Least)
        more++;
    for (ULONG i = more; i > 0; i--, character >>= CONTINUATION_BITS)
        bytes[i] = UCHAR(CONTINUATION | (character & CONTINUATION_VALUE));
    bytes[0] = UCHAR(LEADS[more].Value | character);
    return more + 1;
}

} // namespace

ULONG Utf8ToWide(PCSTR from, ULONG bytes, WCHAR* to, ULONG room) {
    ULONG count = 0;
    const auto put = [&](ULONG unit) {
        if (count < room) to[count] = WCHAR(unit);
        count++;
    };
    for (ULONG at = 0; at < bytes;) {
        const ULONG character = Read(reinterpret_cast<const UCHAR*>(from), bytes, &at);
        if (character < BEYOND_16_BITS) {
            put(character);
            continue;
        }
        put(HIGH_SURROGATE + ((character - BEYOND_16_BITS) >> SURROGATE_BITS));
        put(LOW_SURROGATE + ((character - BEYOND_16_BITS) & ((1u << SURROGATE_BITS) - 1)));
    }
    return count;
}

ULONG WideToUtf8(const WCHAR* from, ULONG characters, PSTR to, ULONG room) {
    ULONG count = 0;
    for (ULONG at = 0; at < characters;) {
        UCHAR bytes[4];
        const ULONG length = Write(ReadWide(from, characters, &at), bytes);
        for (ULONG i = 0; i < length && count + length <= room; i++)
            to[count + i] = CHAR(bytes[i]);
        count += length;
    }
    return count;
}

} // namespace nt
