// Memory routines by their Rtl names: what they return, and where they stop.
// EXE-01
#include "rtl/memory.h"

#include <cstring>
#include <gtest/gtest.h>

TEST(MemoryTest, CompareCountsWhatIsTheSame) {
    const char left[] = "abcdef";
    const char right[] = "abcxef";
    EXPECT_EQ(RtlCompareMemory(left, right, 6), 3u);
    EXPECT_EQ(RtlCompareMemory(left, right, 3), 3u);
    EXPECT_EQ(RtlCompareMemory(left, left, 6), 6u);
    EXPECT_EQ(RtlCompareMemory(left, right, 0), 0u);
}

TEST(MemoryTest, CompareUlongCountsBytesOfWholePatterns) {
    ULONG words[] = {7, 7, 8, 7};
    EXPECT_EQ(RtlCompareMemoryUlong(words, sizeof(words), 7), 8u);
    EXPECT_EQ(RtlCompareMemoryUlong(words, 7, 7), 4u) << "the rest is not looked at";
    EXPECT_EQ(RtlCompareMemoryUlong(words, 3, 7), 0u);
    EXPECT_EQ(RtlCompareMemoryUlong(words, 4, 8), 0u);
}

TEST(MemoryTest, FillStopsAtTheLength) {
    UCHAR bytes[24];
    std::memset(bytes, 0xCC, sizeof(bytes));
    RtlFillMemory(bytes, 3, 0xAB);
    EXPECT_TRUE(bytes[2] == 0xAB && bytes[3] == 0xCC);
    RtlFillMemoryUlong(bytes, 11, 0x04030201);
    EXPECT_TRUE(bytes[0] == 1 && bytes[7] == 4 && bytes[8] == 0xCC) << "whole patterns only";
    RtlFillMemoryUlonglong(bytes, 17, 0x0807060504030201);
    EXPECT_TRUE(bytes[0] == 1 && bytes[15] == 8 && bytes[16] == 0xCC);
    RtlZeroMemory(bytes + 1, 2);
    EXPECT_TRUE(bytes[0] == 1 && bytes[1] == 0 && bytes[2] == 0 && bytes[3] == 4);
}

TEST(MemoryTest, MoveKnowsOverlaps) {
    char text[] = "abcdef";
    RtlMoveMemory(text + 1, text, 4);
    EXPECT_STREQ(text, "aabcdf");
    RtlMoveMemory(text, text + 1, 5);
    EXPECT_STREQ(text, "abcdff");
}

TEST(MemoryTest, BytesSwapAndPrefetchIsHarmless) {
    EXPECT_EQ(RtlUshortByteSwap(0x1234), 0x3412);
    EXPECT_EQ(RtlUlongByteSwap(0x12345678), 0x78563412u);
    EXPECT_EQ(RtlUlonglongByteSwap(0x0102030405060708), 0x0807060504030201u);
    RtlPrefetchMemoryNonTemporal(nullptr, 4096); // faults nowhere
}
