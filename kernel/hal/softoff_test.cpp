// Finding the way to switch the machine off. BOO-04
#include "softoff.h"

#include <gtest/gtest.h>
#include <vector>

namespace {

using Table = std::vector<UCHAR>;

nt::Span<const UCHAR> View(const Table& table) { return {table.data(), table.size()}; }

Table Fadt(USHORT port) {
    Table fadt(116);
    fadt[64] = UCHAR(port), fadt[65] = UCHAR(port >> 8);
    return fadt;
}

} // namespace

// BOO-04
TEST(SoftOff, PackageWithBytes) {
    const Table dsdt{'x', 0x08, '_', 'S', '5', '_', 0x12, 0x08, 0x04, 0x0A, 0x05, 0x0A, 0x05, 0, 0};
    const HALP_SOFT_OFF off = HalpParseSoftOff(View(Fadt(0x604)), View(dsdt));
    EXPECT_EQ(off.Port, 0x604);
    EXPECT_EQ(off.Value, 5 << 10 | 1 << 13);
}

// BOO-04: as QEMU writes it
TEST(SoftOff, PackageWithZeros) {
    const Table dsdt{0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x00, 0x00, 0x00, 0x00, 0, 0};
    EXPECT_EQ(HalpParseSoftOff(View(Fadt(0xB004)), View(dsdt)).Value, 1 << 13);
}

// BOO-04
TEST(SoftOff, RootPrefixAndLongLength) {
    const Table dsdt{0x08, 0x5C, '_', 'S', '5', '_', 0x12, 0x47, 0x01, 0x04, 0x0A, 0x07, 0, 0, 0, 0};
    EXPECT_EQ(HalpParseSoftOff(View(Fadt(1)), View(dsdt)).Value, 7 << 10 | 1 << 13);
}

// BOO-04
TEST(SoftOff, NothingThatLooksRight) {
    const Table mentioned{'_', 'S', '5', '_', 0x12, 0x06, 0x04, 0, 0, 0, 0, 0, 0, 0}; // used, not defined
    const Table noPackage{0x08, '_', 'S', '5', '_', 0x0A, 0x05, 0, 0, 0, 0, 0, 0, 0};
    const Table tooBig{0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0A, 0x08, 0, 0, 0, 0};
    EXPECT_EQ(HalpParseSoftOff(View(Fadt(1)), View(mentioned)).Port, 0);
    EXPECT_EQ(HalpParseSoftOff(View(Fadt(1)), View(noPackage)).Port, 0);
    EXPECT_EQ(HalpParseSoftOff(View(Fadt(1)), View(tooBig)).Port, 0);
    EXPECT_EQ(HalpParseSoftOff(View(Fadt(0)), View(mentioned)).Port, 0);
    EXPECT_EQ(HalpParseSoftOff(View(Table(10)), View(tooBig)).Port, 0);
}

// BOO-04: cut anywhere, nothing outside is read (the address sanitizer watches)
TEST(SoftOff, CutTables) {
    const Table dsdt{0x08, '_', 'S', '5', '_', 0x12, 0x08, 0x04, 0x0A, 0x05, 0x0A, 0x05, 0, 0};
    for (SIZE_T length = 0; length < dsdt.size(); ++length) {
        const Table cut(dsdt.begin(), dsdt.begin() + LONG(length));
        EXPECT_EQ(HalpParseSoftOff(View(Fadt(0x604)), View(cut)).Port, length < 13 ? 0 : 0x604) << length;
    }
}
