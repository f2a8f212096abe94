// The tree of resources: what is there is found, and no tree leads out of the image. EXE-01
#include "user32/resources.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace {

constexpr ULONG DIRECTORY = 0x40, LEADS_ON = 0x80000000;

/// An image with one string table: type 6, number 2, in one language; an entry with a name stands before the number.
class Image : public testing::Test {
protected:
    Image() : m_bytes(0x200) {
        Directory(0x00, 0, 2);
        Entry(0x00, 0, 3, LEADS_ON | 0x100); // another type
        Entry(0x00, 1, 6, LEADS_ON | 0x30);
        Directory(0x30, 1, 1);
        Entry(0x30, 0, 2, LEADS_ON | 0x100); // its name, at offset 2, has nothing to do with the number 2
        Entry(0x30, 1, 2, LEADS_ON | 0x60);
        Directory(0x60, 0, 1);
        Entry(0x60, 0, 1033, 0x80);
        Put(DIRECTORY + 0x80, 0x180); // the data, from the image's begin
        Put(DIRECTORY + 0x84, 5);
        std::memcpy(&m_bytes[0x180], "texts", 5);
    }
    void Put(ULONG at, ULONG value, ULONG bytes = 4) { std::memcpy(&m_bytes[at], &value, bytes); }
    void Directory(ULONG at, ULONG names, ULONG numbers) {
        Put(DIRECTORY + at + 12, names, 2);
        Put(DIRECTORY + at + 14, numbers, 2);
    }
    void Entry(ULONG directory, ULONG index, ULONG id, ULONG offset) {
        Put(DIRECTORY + directory + 16 + index * 8, id);
        Put(DIRECTORY + directory + 20 + index * 8, offset);
    }
    [[nodiscard]] nt::Resource Find(ULONG type, ULONG name) const {
        return nt::FindResource(m_bytes.data(), ULONG(m_bytes.size()), DIRECTORY, type, name);
    }
    std::vector<UCHAR> m_bytes;
};

} // namespace

TEST_F(Image, ATableIsFoundByItsNumbers) {
    const nt::Resource found = Find(6, 2);
    ASSERT_EQ(5u, found.Size);
    EXPECT_EQ(0, std::memcmp(found.Data, "texts", 5));
}
TEST_F(Image, EnglishIsPreferredToTheFirstLanguage) {
    Directory(0x60, 0, 2);
    Entry(0x60, 0, 1025, 0xA0);
    Entry(0x60, 1, 1033, 0x80);
    Put(DIRECTORY + 0xA0, 0x1F0);
    Put(DIRECTORY + 0xA4, 2);
    EXPECT_EQ(5u, Find(6, 2).Size);
    Entry(0x60, 1, 1031, 0x80);
    EXPECT_EQ(2u, Find(6, 2).Size);
}
TEST_F(Image, WhatIsNotThereIsNotFound) {
    EXPECT_EQ(nullptr, Find(6, 3).Data);
    EXPECT_EQ(nullptr, Find(7, 2).Data);
}
TEST_F(Image, DataBehindTheImagesEndIsNone) {
    Put(DIRECTORY + 0x84, 0x81);
    EXPECT_EQ(nullptr, Find(6, 2).Data);
    Put(DIRECTORY + 0x84, 0x80);
    EXPECT_NE(nullptr, Find(6, 2).Data);
    Put(DIRECTORY + 0x80, 0xFFFFFFFF);
    EXPECT_EQ(nullptr, Find(6, 2).Data);
}
TEST_F(Image, ALeafInTheWrongLevelIsNone) {
    Entry(0x30, 1, 2, 0x80);
    EXPECT_EQ(nullptr, Find(6, 2).Data);
    Entry(0x30, 1, 2, LEADS_ON | 0x60);
    Entry(0x60, 0, 1033, LEADS_ON | 0x80);
    EXPECT_EQ(nullptr, Find(6, 2).Data);
}
TEST_F(Image, NoiseIsReadInsideOfTheImage) {
    std::mt19937 random(1);
    for (int i = 0; i < 20'000; i++) {
        std::vector<UCHAR> exact(64 + random() % 256); // its end is the address sanitizer's edge
        for (UCHAR& byte : exact)
            byte = random() % 4 == 0 ? UCHAR(random()) : UCHAR(random() % 8);
        const nt::Resource found = nt::FindResource(exact.data(), ULONG(exact.size()), random() % 2 ? 0 : random(),
                                                    random() % 8, random() % 8);
        if (found.Data) ASSERT_LE(found.Data + found.Size, exact.data() + exact.size());
    }
}
