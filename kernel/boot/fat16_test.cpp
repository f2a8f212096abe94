// fat16_test.cpp - files are found by short and long names and read through fragmented chains; damage is refused. BOO-04
#include "bytes.h"
#include "fat16.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

using namespace boot;

namespace {

/// A small FAT16 disk: partition at sector 8, one sector a cluster, 64 table sectors (one table), 16 root entries.
class Disk {
public:
    static constexpr ULONG START = 8, TABLE_SECTORS = 64, CLUSTERS = 5000;
    static constexpr ULONG TABLE = START + 1, ROOT = TABLE + TABLE_SECTORS, DATA = ROOT + 1;

    Disk() : m_bytes((DATA + CLUSTERS) * SECTOR_SIZE) {
        Byte(0, 0x1be + 4) = 0x06;
        Put<ULONG>(0, 0x1be + 8, START);
        Put<USHORT>(START, 11, SECTOR_SIZE);
        Byte(START, 13) = 1;
        Put<USHORT>(START, 14, 1);
        Byte(START, 16) = 1;
        Put<USHORT>(START, 17, 16);
        Put<USHORT>(START, 19, static_cast<USHORT>(DATA - START + CLUSTERS));
        Put<USHORT>(START, 22, TABLE_SECTORS);
        Put<USHORT>(START, 510, 0xaa55);
    }

    UCHAR& Byte(ULONG sector, ULONG offset) { return m_bytes.at(sector * SECTOR_SIZE + offset); }
    template <typename T> void Put(ULONG sector, ULONG offset, T value) {
        memcpy(&Byte(sector, offset), &value, sizeof(T));
    }
    void Link(ULONG cluster, USHORT next) { Put<USHORT>(TABLE + cluster / 256, cluster % 256 * 2, next); }

    /// A directory entry; returns the next free slot.
    ULONG Entry(ULONG sector, ULONG slot, const char* shortName, UCHAR attributes, ULONG cluster, ULONG size) {
        memcpy(&Byte(sector, slot * 32), shortName, 11);
        Byte(sector, slot * 32 + 11) = attributes;
        Put<USHORT>(sector, slot * 32 + 26, static_cast<USHORT>(cluster));
        Put<ULONG>(sector, slot * 32 + 28, size);
        return slot + 1;
    }
    /// One long-name part of up to 13 characters, before its short entry.
    ULONG LongPart(ULONG sector, ULONG slot, UCHAR order, const std::string& text, const char* shortName) {
        constexpr ULONG offsets[] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
        UCHAR sum = 0;
        for (ULONG index = 0; index < 11; index++) {
            sum = static_cast<UCHAR>((sum >> 1 | sum << 7) + static_cast<UCHAR>(shortName[index]));
        }
        Byte(sector, slot * 32) = order;
        Byte(sector, slot * 32 + 11) = 0x0f;
        Byte(sector, slot * 32 + 13) = sum;
        for (ULONG index = 0; index < 13; index++) {
            const USHORT c = index < text.size() ? static_cast<USHORT>(text[index]) : index == text.size() ? 0 : 0xffff;
            Put<USHORT>(sector, slot * 32 + offsets[index], c);
        }
        return slot + 1;
    }
    void Fill(ULONG cluster, UCHAR value) { memset(&Byte(DATA + cluster - 2, 0), value, SECTOR_SIZE); }

    static bool Read(void* context, ULONG lba, ULONG count, UCHAR* to) {
        Disk& disk = *static_cast<Disk*>(context);
        if (disk.m_bytes.size() / SECTOR_SIZE < static_cast<SIZE_T>(lba) + count || disk.FailAt == lba) return false;
        memcpy(to, &disk.m_bytes[lba * SECTOR_SIZE], count * SECTOR_SIZE);
        return true;
    }

    ULONG FailAt = ~0u;

private:
    std::vector<UCHAR> m_bytes;
};

constexpr UCHAR FOLDER = 0x10, ARCHIVE = 0x20;
constexpr USHORT LAST = 0xffff;

/// \MICA (cluster 2, continued in 9) holds a.txt of three scattered clusters and a file with a long name.
void Populate(Disk& disk) {
    ULONG slot = disk.Entry(Disk::ROOT, 0, "VOLUME     ", 0x08, 0, 0);
    slot = disk.Entry(Disk::ROOT, slot, "\xe5ICA       ", FOLDER, 7, 0); // deleted
    disk.Entry(Disk::ROOT, slot, "MICA       ", FOLDER, 2, 0);
    disk.Link(2, 9);
    disk.Link(9, LAST);
    for (slot = 0; slot < 16;) {
        slot = disk.Entry(Disk::DATA, slot, "FILLER     ", ARCHIVE, 0, 0);
    }
    const ULONG second = Disk::DATA + 7;
    slot = disk.Entry(second, 0, "A       TXT", ARCHIVE, 3, 2 * 512 + 100);
    disk.Link(3, 4);
    disk.Link(4, 6);
    disk.Link(6, LAST);
    disk.Fill(3, 0x33);
    disk.Fill(4, 0x44);
    disk.Fill(6, 0x66);
    slot = disk.LongPart(second, slot, 0x42, "river.sys", "LONGNA~1SYS");
    slot = disk.LongPart(second, slot, 0x01, "longname test", "LONGNA~1SYS");
    disk.Entry(second, slot, "LONGNA~1SYS", ARCHIVE, 11, 1);
    disk.Link(11, LAST);
    disk.Fill(11, 0x77);
}

class Fat16 : public testing::Test {
protected:
    void SetUp() override { Populate(m_disk); }
    FatStatus Mount() { return m_volume.Mount(Disk::Read, &m_disk); }
    FatStatus Open(const char* path) { return m_volume.Open(path, &m_file); }

    Disk m_disk;
    FatVolume m_volume;
    FatFile m_file = {};
};

TEST_F(Fat16, ReadsAScatteredFileInTheSecondClusterOfAFolder) { // BOO-04
    ASSERT_EQ(Mount(), FatStatus::Ok);
    ASSERT_EQ(Open("\\mica\\a.TXT"), FatStatus::Ok);
    EXPECT_EQ(m_file.Size, 1124u);
    std::vector<UCHAR> data(3 * SECTOR_SIZE);
    ASSERT_EQ(m_volume.Read(m_file, data.data()), FatStatus::Ok);
    EXPECT_EQ(data[0], 0x33);
    EXPECT_EQ(data[511], 0x33);
    EXPECT_EQ(data[512], 0x44);
    EXPECT_EQ(data[1024], 0x66);
}

TEST_F(Fat16, FindsLongAndShortNames) { // BOO-04
    ASSERT_EQ(Mount(), FatStatus::Ok);
    EXPECT_EQ(Open("\\MICA\\LongName Testriver.sys"), FatStatus::Ok);
    EXPECT_EQ(m_file.FirstCluster, 11u);
    EXPECT_EQ(Open("\\MICA\\longna~1.sys"), FatStatus::Ok);
    EXPECT_EQ(Open("\\MICA\\longname"), FatStatus::NotFound);
    EXPECT_EQ(Open("\\MICA\\a.txt\\b"), FatStatus::NotFound) << "a file is not a folder";
    EXPECT_EQ(Open("\\VOLUME"), FatStatus::NotFound) << "the label is not a file";
    EXPECT_EQ(Open("\\MICA"), FatStatus::Ok);
    EXPECT_TRUE(m_file.IsDirectory);
    EXPECT_EQ(Open(("\\MICA\\" + std::string(300, 'x')).c_str()), FatStatus::NotFound);
}

TEST_F(Fat16, ALongNameOfAnotherShortNameIsNotUsed) { // BOO-04
    m_disk.Byte(Disk::DATA + 7, 32 + 13) ^= 1;        // its checksum
    m_disk.Byte(Disk::DATA + 7, 64 + 13) ^= 1;
    ASSERT_EQ(Mount(), FatStatus::Ok);
    EXPECT_EQ(Open("\\MICA\\longname testriver.sys"), FatStatus::NotFound);
    EXPECT_EQ(Open("\\MICA\\longna~1.sys"), FatStatus::Ok);
}

TEST_F(Fat16, DamagedChainsEnd) { // BOO-04
    ASSERT_EQ(Mount(), FatStatus::Ok);
    ASSERT_EQ(Open("\\MICA\\A.TXT"), FatStatus::Ok);
    std::vector<UCHAR> data(3 * SECTOR_SIZE);
    for (const USHORT next : {USHORT{0}, USHORT{1}, USHORT{LAST}, USHORT{0xfff7}, USHORT{60000}}) {
        m_disk.Link(4, next);
        ASSERT_EQ(Mount(), FatStatus::Ok);
        EXPECT_EQ(m_volume.Read(m_file, data.data()), FatStatus::Damaged) << next;
    }
    m_disk.Link(4, 3); // a ring: the size ends it
    ASSERT_EQ(Mount(), FatStatus::Ok);
    EXPECT_EQ(m_volume.Read(m_file, data.data()), FatStatus::Ok);
    m_disk.Link(9, 2); // a folder that is a ring
    ASSERT_EQ(Mount(), FatStatus::Ok);
    m_disk.Entry(Disk::DATA + 7, 4, "X          ", ARCHIVE, 0, 0);
    for (ULONG slot = 4; slot < 16; slot++) {
        m_disk.Entry(Disk::DATA + 7, slot, "FILLER     ", ARCHIVE, 0, 0);
    }
    EXPECT_EQ(Open("\\MICA\\NOTHERE"), FatStatus::NotFound);
}

TEST_F(Fat16, DeviceErrorsAreReported) { // BOO-04
    for (const ULONG lba : {0u, Disk::START, Disk::ROOT, Disk::DATA, Disk::TABLE, Disk::DATA + 1}) {
        m_disk.FailAt = lba;
        std::vector<UCHAR> data(3 * SECTOR_SIZE);
        FatStatus status = Mount();
        if (status == FatStatus::Ok) status = Open("\\MICA\\A.TXT");
        if (status == FatStatus::Ok) status = m_volume.Read(m_file, data.data());
        EXPECT_EQ(status, FatStatus::ReadError) << lba;
    }
}

TEST_F(Fat16, OtherVolumesAreRefused) { // BOO-04
    m_disk.Byte(0, 0x1be + 4) = 0x07;
    EXPECT_EQ(Mount(), FatStatus::NoPartition);
    m_disk.Byte(0, 0x1be + 4) = 0x0e;
    EXPECT_EQ(Mount(), FatStatus::Ok);
    const struct {
        ULONG Offset;
        USHORT Value;
    } damages[] = {{11, 1024}, {14, 0}, {22, 0}, {22, 3}, {19, 100}, {19, 4000}, {510, 0}};
    for (const auto& damage : damages) {
        Disk disk;
        disk.Put<USHORT>(Disk::START, damage.Offset, damage.Value);
        EXPECT_EQ(m_volume.Mount(Disk::Read, &disk), FatStatus::NotFat16) << damage.Offset << " " << damage.Value;
    }
    for (const UCHAR sectorsPerCluster : {0, 3}) {
        Disk disk;
        disk.Byte(Disk::START, 13) = sectorsPerCluster;
        EXPECT_EQ(m_volume.Mount(Disk::Read, &disk), FatStatus::NotFat16);
    }
}

} // namespace
