// Finding the way to switch off in the FADT and the DSDT. Runs on the host too.
//
// The value is in byte code: Name(_S5, Package{SLP_TYPa, SLP_TYPb, ...}). Executing it takes an interpreter; its form is
// so regular that looking for it is enough. BOO-04
#include "softoff.h"
#include "apictables.h"

namespace {

using Bytes = nt::Span<const UCHAR>;

constexpr ULONG FADT_DSDT = 40, FADT_PM1A_CONTROL = 64;
constexpr UCHAR NAME_OP = 0x08, ROOT_PREFIX = 0x5C, PACKAGE_OP = 0x12, BYTE_PREFIX = 0x0A;
constexpr UCHAR ZERO_OP = 0x00, ONE_OP = 0x01;
constexpr ULONG SLEEP_TYPE_SHIFT = 10;
constexpr USHORT SLEEP_ENABLE = 1u << 13;

bool IsNameS5(Bytes code, SIZE_T at) {
    if (code[at] != '_' || code[at + 1] != 'S' || code[at + 2] != '5' || code[at + 3] != '_') return false;
    return at >= 1 && (code[at - 1] == NAME_OP || (at >= 2 && code[at - 1] == ROOT_PREFIX && code[at - 2] == NAME_OP));
}

/// The first element of the package that starts at `at`; -1 if there is no package or its element is no small integer.
LONG FirstElement(Bytes code, SIZE_T at) {
    constexpr SIZE_T longestHeader = 8;
    if (at + longestHeader > code.Size() || code[at] != PACKAGE_OP) return -1;
    const SIZE_T lengthBytes = 1 + (code[at + 1] >> 6); // the length's own length is in its top bits
    const SIZE_T element = at + 1 + lengthBytes + 1;    // behind the element count
    switch (code[element]) {
    case ZERO_OP: return 0;
    case ONE_OP: return 1;
    case BYTE_PREFIX: return code[element + 1];
    default: return -1;
    }
}

} // namespace

ULONG HalpDsdtAddress(Bytes fadt) { return HalpRead32(fadt, FADT_DSDT); }

HALP_SOFT_OFF HalpParseSoftOff(Bytes fadt, Bytes dsdt) {
    const ULONG port = HalpRead32(fadt, FADT_PM1A_CONTROL);
    if (port == 0 || port > 0xFFFF) return {};
    for (SIZE_T at = 0; at + 4 <= dsdt.Size(); ++at) {
        if (!IsNameS5(dsdt, at)) continue;
        const LONG type = FirstElement(dsdt, at + 4);
        if (type >= 0 && type <= 7) return {USHORT(port), USHORT(ULONG(type) << SLEEP_TYPE_SHIFT | SLEEP_ENABLE)};
    }
    return {};
}
