// memory_test.cpp - the memory map stays sorted and exact whatever firmware reports. BOO-04
#include "memory.h"

#include <gtest/gtest.h>
#include <map>
#include <random>

using namespace boot;

namespace {

constexpr ULONG MB = 256; // pages

void ExpectSound(const MemoryMap& map) {
    const MemoryRun* previous = nullptr;
    for (const MemoryRun& run : map.Runs()) {
        EXPECT_GT(run.PageCount, 0u);
        if (previous != nullptr) {
            EXPECT_LE(previous->End(), run.BasePage);
            EXPECT_TRUE(previous->End() < run.BasePage || previous->Type != run.Type) << "neighbours are not merged";
        }
        previous = &run;
    }
}

TEST(MemoryMap, PcFirmwareMap) { // BOO-04
    const FirmwareRange ranges[] = {
        {0, 0x9fc00, 1},         {0x9fc00, 0x400, 2},      {0xf0000, 0x10000, 2},       {0x100000, 0x3ee0000, 1},
        {0x3fe0000, 0x20000, 3}, {0xfffc0000, 0x40000, 2}, {0x100000000, 0x40000000, 1}};
    MemoryMap map;
    ASSERT_TRUE(map.Build(ranges));
    ExpectSound(map);
    EXPECT_EQ(map.EndOfRam(), 0x3fe0u);
    EXPECT_EQ(map.TotalMemory(), 0x9fc00u + 0x3ee0000u + 0x40000000u);
    EXPECT_TRUE(map.Is(0, 0x9f, LoaderFree));
    EXPECT_TRUE(map.Is(0x9f, 1, LoaderFirmwarePermanent)) << "a page that is half reserved is reserved";
    EXPECT_TRUE(map.Is(0x3fe0, 0x20, LoaderFirmwareTemporary));
    EXPECT_TRUE(map.Is(0xfffc0, 0x40, LoaderFirmwarePermanent)) << "the last page below 4 GB";
    EXPECT_FALSE(map.Is(0xa0, 1, LoaderFree)) << "a hole is not memory";
}

TEST(MemoryMap, WhatIsNotUsableWinsInAnyOrder) { // BOO-04
    const FirmwareRange ranges[] = {{0x200000, 0x1000, 5}, {0x180800, 0x100, 2}, {0, 0x400000, 1}, {0x300000, 0, 2}};
    MemoryMap map;
    ASSERT_TRUE(map.Build(ranges));
    ExpectSound(map);
    EXPECT_TRUE(map.Is(0x200, 1, LoaderBad));
    EXPECT_TRUE(map.Is(0x180, 1, LoaderFirmwarePermanent));
    EXPECT_TRUE(map.Is(0x201, 0x1ff, LoaderFree));
}

TEST(MemoryMap, FindsFromBothEnds) { // BOO-04
    const FirmwareRange ranges[] = {{0, 64 << 20, 1}};
    MemoryMap map;
    ASSERT_TRUE(map.Build(ranges));
    ASSERT_TRUE(map.Set(1 * MB, 3 * MB, LoaderSystemCode));
    EXPECT_EQ(map.FindUp(10, 1 * MB, 64 * MB).ValueOr(0), 4 * MB);
    EXPECT_EQ(map.FindUp(10, 5 * MB + 7, 64 * MB).ValueOr(0), 5 * MB + 7);
    EXPECT_EQ(map.FindDown(10, 64 * MB).ValueOr(0), 64 * MB - 10);
    EXPECT_EQ(map.FindDown(10, 4 * MB + 12).ValueOr(0), 4 * MB + 2);
    EXPECT_EQ(map.FindDown(10, 4 * MB + 9).ValueOr(0), 1 * MB - 10);
    EXPECT_FALSE(map.FindUp(61 * MB, 0, 64 * MB));
    EXPECT_FALSE(map.FindDown(61 * MB, 64 * MB));
    EXPECT_TRUE(map.FindUp(60 * MB, 0, 64 * MB));
}

TEST(MemoryMap, RetypeMergesWithNeighbours) { // BOO-04
    const FirmwareRange ranges[] = {{0, 64 << 20, 1}};
    MemoryMap map;
    ASSERT_TRUE(map.Build(ranges));
    ASSERT_TRUE(map.Set(100, 10, LoaderOsloaderHeap));
    ASSERT_TRUE(map.Set(200, 10, LoaderOsloaderHeap));
    ASSERT_TRUE(map.Retype(LoaderOsloaderHeap, LoaderFree));
    ASSERT_EQ(map.Runs().Size(), 1u);
    EXPECT_TRUE(map.Is(0, 64 * MB, LoaderFree));
}

TEST(MemoryMap, TooManyRunsAreRefusedAndChangeNothing) { // BOO-04
    MemoryMap map;
    const FirmwareRange ranges[] = {{0, 64 << 20, 1}};
    ASSERT_TRUE(map.Build(ranges));
    ULONG page = 0;
    while (map.Set(page, 1, LoaderBad)) {
        page += 2;
    }
    ExpectSound(map);
    EXPECT_TRUE(map.Is(page, 1, LoaderFree));
}

/// Against a page-by-page model.
TEST(MemoryMap, AgreesWithAModel) { // BOO-04
    constexpr TYPE_OF_MEMORY types[] = {LoaderFree, LoaderBad, LoaderFirmwarePermanent, LoaderBootDriver};
    constexpr ULONG pages = 64;
    std::mt19937 random(4711);
    for (ULONG round = 0; round < 300; round++) {
        MemoryMap map;
        std::map<ULONG, TYPE_OF_MEMORY> model;
        for (ULONG step = 0; step < 40; step++) {
            const ULONG base = random() % pages;
            const ULONG count = 1 + random() % (pages - base);
            const TYPE_OF_MEMORY type = types[random() % 4];
            ASSERT_TRUE(map.Set(base, count, type));
            for (ULONG page = base; page < base + count; page++) {
                model[page] = type;
            }
        }
        ExpectSound(map);
        for (ULONG page = 0; page < pages; page++) {
            for (const TYPE_OF_MEMORY type : types) {
                ASSERT_EQ(map.Is(page, 1, type), model.count(page) != 0 && model[page] == type);
            }
        }
    }
}

} // namespace
