// A device's memory as a backing: pages go from frame to frame, and the end is kept.
#include "mm/devicememory.h"
#include "backings.h"

using namespace host;

namespace {

constexpr PFN_NUMBER First = 0xF8000; ///< where boards put devices: behind all memory
constexpr ULONG Pages = 20;

class DeviceMemoryTest : public testing::Test {
protected:
    DeviceMemoryTest() {
        ForgetFrames();
        for (ULONG page = 0; page < Pages; page++)
            Frame(First + page).fill(UCHAR(page + 1));
        MmInitializeDeviceMemory(&m_device, First, Pages);
    }
    NTSTATUS Status(bool write, ULONG page, ULONG pages) {
        Transfer transfer(write, page, pages, 5);
        transfer.StartOn(m_device.Backing);
        EXPECT_EQ(transfer.Ends, 1u);
        EXPECT_EQ(transfer.Information, 0u);
        return transfer.Status;
    }

    MM_DEVICE_MEMORY m_device;
};

} // namespace

// PFN-15
TEST_F(DeviceMemoryTest, ReadsAndWritesScatteredFrames) {
    Transfer read(false, 3, 4, 100);
    std::swap(read.FrameNumbers[0], read.FrameNumbers[3]); // 103 101 102 100
    read.StartOn(m_device.Backing);
    EXPECT_EQ(read.Ends, 1u);
    EXPECT_EQ(read.Status, STATUS_SUCCESS);
    EXPECT_EQ(read.Information, 4 * PAGE_SIZE);
    EXPECT_EQ(Frame(103)[0], 4);
    EXPECT_EQ(Frame(101)[PAGE_SIZE - 1], 5);
    EXPECT_EQ(Frame(100)[9], 7);

    Frame(200).fill(0xAA);
    Frame(201).fill(0xBB);
    EXPECT_EQ(Transfer(true, 18, 2, 200).StartOn(m_device.Backing).Status, STATUS_SUCCESS);
    EXPECT_EQ(Frame(First + 17)[PAGE_SIZE - 1], 18);
    EXPECT_EQ(Frame(First + 18)[0], 0xAA);
    EXPECT_EQ(Frame(First + 19)[PAGE_SIZE - 1], 0xBB);
}

// PFN-15
TEST_F(DeviceMemoryTest, AReadBeyondTheEndGivesFewerPages) {
    Frame(6).fill(0xEE);
    Transfer read(false, 19, 2, 5);
    read.StartOn(m_device.Backing);
    EXPECT_EQ(read.Status, STATUS_SUCCESS);
    EXPECT_EQ(read.Information, PAGE_SIZE);
    EXPECT_EQ(Frame(5)[0], 20);
    EXPECT_EQ(Frame(6)[0], 0xEE);
}

// PFN-15: a device of more pages than a ULONG counts bytes
TEST_F(DeviceMemoryTest, WhatCannotBeDoneEndsWithAStatus) {
    EXPECT_EQ(Status(false, Pages, 1), STATUS_END_OF_FILE);
    EXPECT_EQ(Status(true, Pages, 1), STATUS_END_OF_FILE);
    EXPECT_EQ(Status(true, Pages - 1, 2), STATUS_END_OF_FILE); // it would write a page that is not there
    EXPECT_EQ(Status(false, 0, 0), STATUS_INVALID_PARAMETER);
    EXPECT_EQ(Status(false, 0, MM_MAXIMUM_TRANSFER + 1), STATUS_INVALID_PARAMETER);
    MM_DEVICE_MEMORY large;
    MmInitializeDeviceMemory(&large, 0x100, 1u << 20);
    EXPECT_EQ(large.Backing.Calls->Size(&large.Backing), 1ull << 32);
}
