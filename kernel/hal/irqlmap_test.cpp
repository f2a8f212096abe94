// Levels of lines, and the choice of the next pending level.
#include "irqlmap.h"

#include <gtest/gtest.h>

// INT-01, HAL-05
TEST(IrqlMap, EveryLineHasALevelOfItsOwnAboveDispatch) {
    ULONG seen = 0;
    for (ULONG line = 0; line < HALP_LINES; ++line) {
        const KIRQL level = HalpIrqlOfLine(line);
        EXPECT_GT(level, DISPATCH_LEVEL) << line;
        EXPECT_LE(level, CLOCK_LEVEL) << line;
        EXPECT_EQ(seen & HalpBit(level), 0u) << line;
        seen |= HalpBit(level);
        EXPECT_EQ(HalpLineOfIrql(level), line);
    }
}

// INT-01
TEST(IrqlMap, TheClockIsAboveEveryDevice) {
    EXPECT_EQ(HalpIrqlOfLine(0), CLOCK_LEVEL);
    for (ULONG line = 1; line < HALP_LINES; ++line) {
        EXPECT_LE(HalpIrqlOfLine(line), DEVICE_LEVEL_LAST);
        EXPECT_GE(HalpIrqlOfLine(line), DEVICE_LEVEL_FIRST);
    }
    EXPECT_EQ(HalpIrqlOfLine(1), KIRQL{26});
    EXPECT_EQ(HalpIrqlOfLine(15), KIRQL{12});
}

// INT-01
TEST(IrqlMap, WhatHasNoLineHasNoLevel) {
    EXPECT_EQ(HalpIrqlOfLine(HALP_LINES), PASSIVE_LEVEL);
    EXPECT_EQ(HalpIrqlOfLine(~0u), PASSIVE_LEVEL);
    for (const KIRQL level : {PASSIVE_LEVEL, APC_LEVEL, DISPATCH_LEVEL, PROFILE_LEVEL, IPI_LEVEL, HIGH_LEVEL, KIRQL{3}})
        EXPECT_EQ(HalpLineOfIrql(level), HALP_LINES) << HalpNumber(level);
}

// INT-02, SYH-02: only levels above the current one are taken
TEST(PendingLevels, OnlyAboveTheIrql) {
    const ULONG pending = HalpBit(APC_LEVEL) | HalpBit(DISPATCH_LEVEL) | HalpBit(KIRQL{12});
    EXPECT_EQ(HalpHighestAbove(pending, PASSIVE_LEVEL), KIRQL{12});
    EXPECT_EQ(HalpHighestAbove(pending, KIRQL{11}), KIRQL{12});
    EXPECT_EQ(HalpHighestAbove(pending, KIRQL{12}), PASSIVE_LEVEL);
    EXPECT_EQ(HalpHighestAbove(pending & ~HalpBit(KIRQL{12}), APC_LEVEL), DISPATCH_LEVEL);
    EXPECT_EQ(HalpHighestAbove(HalpBit(APC_LEVEL), PASSIVE_LEVEL), APC_LEVEL);
    EXPECT_EQ(HalpHighestAbove(HalpBit(APC_LEVEL), APC_LEVEL), PASSIVE_LEVEL);
}

// INT-02
TEST(PendingLevels, HighLevelMasksAll) {
    EXPECT_EQ(HalpHighestAbove(~0u, HIGH_LEVEL), PASSIVE_LEVEL);
    EXPECT_EQ(HalpHighestAbove(~0u, POWER_LEVEL), HIGH_LEVEL);
    EXPECT_EQ(HalpHighestAbove(0, PASSIVE_LEVEL), PASSIVE_LEVEL);
}
