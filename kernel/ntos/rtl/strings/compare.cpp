// Comparing counted strings: order, equality, prefix, hash.
//
// With `CaseInSensitive` both characters are upcased first. The order is that of the character codes, not of any language.
// In the books: "executive support: run-time library". EXE-01
#include "rtl/ustring.h"

namespace {

LONG Folded(CHAR character, bool insensitive) {
    return static_cast<UCHAR>(insensitive ? RtlUpperChar(character) : character);
}
LONG Folded(WCHAR character, bool insensitive) { return insensitive ? RtlUpcaseUnicodeChar(character) : character; }

/// The difference of the first two characters that differ among `count`, or 0.
template <typename Char> LONG Difference(const Char* left, const Char* right, ULONG count, bool insensitive) {
    for (ULONG i = 0; i < count; i++) {
        if (left[i] == right[i]) continue;
        const LONG difference = Folded(left[i], insensitive) - Folded(right[i], insensitive);
        if (difference != 0) return difference;
    }
    return 0;
}

template <typename String> LONG Compare(const String* left, const String* right, bool insensitive) {
    const ULONG shorter = left->Length < right->Length ? left->Length : right->Length;
    const LONG difference = Difference(left->Buffer, right->Buffer, shorter / sizeof(*left->Buffer), insensitive);
    return difference != 0 ? difference : LONG(left->Length) - LONG(right->Length);
}

template <typename String> bool IsPrefix(const String* prefix, const String* whole, bool insensitive) {
    if (prefix->Length > whole->Length) return false;
    return Difference(prefix->Buffer, whole->Buffer, prefix->Length / sizeof(*prefix->Buffer), insensitive) == 0;
}

constexpr ULONG X65599 = 65599; // a prime just above 2^16: the multiplier that names the algorithm

} // namespace

extern "C" {

LONG NTAPI RtlCompareString(PCSTRING String1, PCSTRING String2, BOOLEAN CaseInSensitive) {
    return Compare(String1, String2, CaseInSensitive);
}

LONG NTAPI RtlCompareUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive) {
    return Compare(String1, String2, CaseInSensitive);
}

BOOLEAN NTAPI RtlEqualString(PCSTRING String1, PCSTRING String2, BOOLEAN CaseInSensitive) {
    return String1->Length == String2->Length && IsPrefix(String1, String2, CaseInSensitive);
}

BOOLEAN NTAPI RtlEqualUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive) {
    return String1->Length == String2->Length && IsPrefix(String1, String2, CaseInSensitive);
}

BOOLEAN NTAPI RtlPrefixString(PCSTRING String1, PCSTRING String2, BOOLEAN CaseInSensitive) {
    return IsPrefix(String1, String2, CaseInSensitive);
}

BOOLEAN NTAPI RtlPrefixUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive) {
    return IsPrefix(String1, String2, CaseInSensitive);
}

NTSTATUS NTAPI RtlHashUnicodeString(PCUNICODE_STRING String, BOOLEAN CaseInSensitive, ULONG HashAlgorithm,
                                    ULONG* HashValue) {
    if (!String || !HashValue) return STATUS_INVALID_PARAMETER;
    if (HashAlgorithm != HASH_STRING_ALGORITHM_DEFAULT && HashAlgorithm != HASH_STRING_ALGORITHM_X65599)
        return STATUS_INVALID_PARAMETER;
    ULONG hash = 0;
    for (ULONG i = 0; i < String->Length / sizeof(WCHAR); i++)
        hash = hash * X65599 + ULONG(Folded(String->Buffer[i], CaseInSensitive));
    *HashValue = hash;
    return STATUS_SUCCESS;
}
}
