// Memory as a backing: pages go where they belong, and the end is kept.
#include "backings.h"

using namespace host;
using MemoryBackingTest = testing::Test;

namespace {
constexpr ULONG Pages = 20;
} // namespace

// PFN-15
TEST_F(MemoryBackingTest, ReadsAndWritesScatteredFrames) {
    Memory memory(Pages * PAGE_SIZE);
    Transfer read(false, 3, 4, 100);
    std::swap(read.FrameNumbers[0], read.FrameNumbers[3]); // 103 101 102 100
    read.StartOn(memory.Backing());
    EXPECT_EQ(read.Ends, 1u);
    EXPECT_EQ(read.Status, STATUS_SUCCESS);
    EXPECT_EQ(read.Information, 4 * PAGE_SIZE);
    EXPECT_EQ(Frame(103)[5], 3 + 5);
    EXPECT_EQ(Frame(101)[5], 4 + 5);
    EXPECT_EQ(Frame(100)[PAGE_SIZE - 1], UCHAR(6 + PAGE_SIZE - 1));

    Frame(200).fill(0xAA);
    Frame(201).fill(0xBB);
    EXPECT_EQ(Transfer(true, 18, 2, 200).StartOn(memory.Backing()).Status, STATUS_SUCCESS);
    EXPECT_EQ(memory.Page(17)[PAGE_SIZE - 1], UCHAR(17 + PAGE_SIZE - 1));
    EXPECT_EQ(memory.Page(18)[0], 0xAA);
    EXPECT_EQ(memory.Page(19)[PAGE_SIZE - 1], 0xBB);
}

// PFN-15, POL-08: the rest of a page behind the end stays as it is
TEST_F(MemoryBackingTest, AReadBeyondTheEndGivesFewerBytes) {
    Memory memory(2 * PAGE_SIZE + 10);
    Frame(7).fill(0xEE);
    Frame(8).fill(0xEE);
    Transfer read(false, 1, 3, 6);
    read.StartOn(memory.Backing());
    EXPECT_EQ(read.Status, STATUS_SUCCESS);
    EXPECT_EQ(read.Information, PAGE_SIZE + 10);
    EXPECT_EQ(Frame(7)[9], 2 + 9);
    EXPECT_EQ(Frame(7)[10], 0xEE);
    EXPECT_EQ(Frame(8)[0], 0xEE);
}

// PFN-15
TEST_F(MemoryBackingTest, WhatCannotBeDoneEndsWithAStatus) {
    Memory memory(2 * PAGE_SIZE + 10);
    auto status = [&](bool write, ULONG page, ULONG pages) {
        Transfer transfer(write, page, pages, 5);
        transfer.StartOn(memory.Backing());
        EXPECT_EQ(transfer.Ends, 1u);
        EXPECT_EQ(transfer.Information, 0u);
        return transfer.Status;
    };
    EXPECT_EQ(status(false, 3, 1), STATUS_END_OF_FILE);
    EXPECT_EQ(status(true, 3, 1), STATUS_END_OF_FILE);
    EXPECT_EQ(status(true, 2, 2), STATUS_END_OF_FILE); // it would write a page that is not there
    EXPECT_EQ(status(false, 0, 0), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(status(false, 0, MM_MAXIMUM_TRANSFER + 1), STATUS_INVALID_PARAMETER);
    Transfer crooked(false, 0, 1, 5), crookedWrite(true, 0, 1, 5);
    crooked.Offset = 511;
    EXPECT_EQ(crooked.StartOn(memory.Backing()).Status, STATUS_INVALID_PARAMETER);
    crookedWrite.Offset = 512;
    EXPECT_EQ(crookedWrite.StartOn(memory.Backing()).Status, STATUS_INVALID_PARAMETER);
}

// POL-08
TEST_F(MemoryBackingTest, TheLastPageIsWrittenAsFarAsItGoes) {
    Memory memory(PAGE_SIZE + 10);
    Frame(5)[9] = 0x77;
    Transfer transfer(true, 1, 1, 5);
    EXPECT_EQ(transfer.StartOn(memory.Backing()).Status, STATUS_SUCCESS);
    EXPECT_EQ(transfer.Information, 10u);
    EXPECT_EQ(memory.Page(1)[9], 0x77);
}

// POL-09
TEST_F(MemoryBackingTest, AReadBeginsAtAnySector) {
    Memory memory(2 * PAGE_SIZE);
    Transfer transfer(false, 0, 1, 5);
    transfer.Offset = 3 * MM_SECTOR_SIZE;
    EXPECT_EQ(transfer.StartOn(memory.Backing()).Status, STATUS_SUCCESS);
    EXPECT_EQ(transfer.Information, PAGE_SIZE);
    EXPECT_EQ(Frame(5)[0], memory.Page(0)[3 * MM_SECTOR_SIZE]);
    EXPECT_EQ(Frame(5)[PAGE_SIZE - 1], memory.Page(1)[3 * MM_SECTOR_SIZE - 1]);
}

// POL-08
TEST_F(MemoryBackingTest, AReadOnlyOneIsNotWritten) {
    Memory memory(PAGE_SIZE, true);
    EXPECT_EQ(Transfer(true, 0, 1, 5).StartOn(memory.Backing()).Status, STATUS_MEDIA_WRITE_PROTECTED);
    EXPECT_EQ(memory.Page(0)[1], 1);
    EXPECT_EQ(Transfer(false, 0, 1, 5).StartOn(memory.Backing()).Status, STATUS_SUCCESS);
}
