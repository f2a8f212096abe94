// Base relocations: right tables move each address once, and of wrong ones nothing beyond the image is touched.
// POL-09
#include "mm/section/relocate.h"
#include <gtest/gtest.h>
#include "ntimage.h"

#include <cstring>
#include <random>
#include <vector>

namespace {

constexpr ULONG TABLE = 0x3000, SIZE = 0x4000, NT = 0x80, DIFFERENCE = 0x12340000;

/// An image in memory, whose table a test writes.
class Image final : public MI_IMAGE_MEMORY {
public:
    Image() : Bytes(SIZE) {
        IMAGE_DOS_HEADER dos{};
        dos.e_lfanew = NT;
        Put(0, dos);
        Headers([](IMAGE_NT_HEADERS& nt) {
            nt.Signature = IMAGE_NT_SIGNATURE;
            nt.OptionalHeader.NumberOfRvaAndSizes = IMAGE_NUMBEROF_DIRECTORY_ENTRIES;
        });
    }
    NTSTATUS Read(ULONG address, PVOID to, ULONG bytes) override {
        if (address > SIZE || bytes > SIZE - address) {
            Beyond++;
            return STATUS_ACCESS_VIOLATION;
        }
        std::memcpy(to, &Bytes[0] + address, bytes);
        return STATUS_SUCCESS;
    }
    NTSTATUS Write(ULONG address, const void* from, ULONG bytes) override {
        if (address > SIZE || bytes > SIZE - address) {
            Beyond++;
            return STATUS_ACCESS_VIOLATION;
        }
        if (address / PAGE_SIZE == ReadOnlyPage) return STATUS_COMMITMENT_LIMIT;
        std::memcpy(&Bytes[0] + address, from, bytes);
        return STATUS_SUCCESS;
    }
    template <typename T> void Put(ULONG address, const T& value) {
        std::memcpy(&Bytes.at(address), &value, sizeof(T));
    }
    ULONG Word(ULONG address) const {
        ULONG value;
        std::memcpy(&value, &Bytes.at(address), sizeof(value));
        return value;
    }
    template <typename F> void Headers(F change) {
        IMAGE_NT_HEADERS nt{};
        std::memcpy(&nt, &Bytes[NT], sizeof(nt));
        change(nt);
        Put(NT, nt);
    }
    /// Adds a block behind those that are there.
    void Block(ULONG page, const std::vector<USHORT>& entries, ULONG padding = 0) {
        IMAGE_BASE_RELOCATION head{page, ULONG(sizeof(head) + entries.size() * sizeof(USHORT)) + padding};
        Put(TABLE + m_used, head);
        for (size_t i = 0; i < entries.size(); i++)
            Put(TABLE + m_used + ULONG(sizeof(head) + i * sizeof(USHORT)), entries[i]);
        m_used += head.SizeOfBlock;
        Table(TABLE, m_used);
    }
    void Table(ULONG address, ULONG size) {
        Headers([&](IMAGE_NT_HEADERS& nt) {
            nt.OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_BASERELOC] = {address, size};
        });
    }
    NTSTATUS Relocate() { return MiRelocateImage(*this, SIZE, DIFFERENCE); }

    std::vector<UCHAR> Bytes;
    ULONG Beyond = 0, ReadOnlyPage = ~0u;

private:
    ULONG m_used = 0;
};

constexpr USHORT Entry(ULONG offset) { return USHORT(IMAGE_REL_BASED_HIGHLOW << 12 | offset); }

} // namespace

// POL-09: also at odd offsets, across two pages, and up to the last bytes
TEST(RelocateTest, EachAddressMovesOnce) {
    Image image;
    for (const ULONG at : {0x1004u, 0x1101u, 0x1FFEu, 0x2000u + 8, SIZE - 4})
        image.Put(at, ULONG(0x10000000 + at));
    const std::vector<UCHAR> before = image.Bytes;
    image.Block(0x1000, {Entry(0x004), Entry(0x101), Entry(0xFFE), 0});
    image.Block(0x2000, {Entry(0x008)}, 2);
    image.Block(0x3000, {Entry(0xFFC), 0});
    ASSERT_EQ(image.Relocate(), STATUS_SUCCESS);
    for (const ULONG at : {0x1004u, 0x1101u, 0x1FFEu, 0x2008u, SIZE - 4})
        EXPECT_EQ(image.Word(at), 0x10000000 + at + DIFFERENCE) << std::hex << at;
    ULONG changed = 0;
    for (ULONG i = 0x1000; i < TABLE; i++)
        changed += image.Bytes[i] != before[i];
    EXPECT_EQ(changed, 4u * 2u) << "the two upper bytes of each word";
}

// POL-09: more entries than are read at once
TEST(RelocateTest, BlockMayBeLong) {
    Image image;
    std::vector<USHORT> entries;
    for (ULONG i = 0; i < 300; i++)
        entries.push_back(Entry(i * 4));
    image.Block(0x1000, entries);
    ASSERT_EQ(image.Relocate(), STATUS_SUCCESS);
    for (ULONG i = 0; i < 1024; i++)
        ASSERT_EQ(image.Word(0x1000 + i * 4), i < 300 ? DIFFERENCE : 0) << i;
}

// POL-09
TEST(RelocateTest, ImageMayHaveNothingToMove) {
    Image image;
    const std::vector<UCHAR> before = image.Bytes;
    EXPECT_EQ(image.Relocate(), STATUS_SUCCESS);
    EXPECT_EQ(image.Bytes, before);
    image.Headers([](IMAGE_NT_HEADERS& nt) { nt.OptionalHeader.NumberOfRvaAndSizes = 2; });
    image.Table(TABLE, 0xFFFF); // no directory reaches there
    EXPECT_EQ(image.Relocate(), STATUS_SUCCESS);
}

// POL-09
TEST(RelocateTest, ImageWithoutATableStaysAtItsBase) {
    Image image;
    image.Headers([](IMAGE_NT_HEADERS& nt) { nt.FileHeader.Characteristics = IMAGE_FILE_RELOCS_STRIPPED; });
    EXPECT_EQ(image.Relocate(), STATUS_CONFLICTING_ADDRESSES);
}

// POL-09: a failure is told as it is
TEST(RelocateTest, FailureOfAWriteEndsIt) {
    Image image;
    image.Block(0x1000, {Entry(0)});
    image.Block(0x2000, {Entry(0)});
    image.ReadOnlyPage = 2;
    EXPECT_EQ(image.Relocate(), STATUS_COMMITMENT_LIMIT);
}

// POL-09
TEST(RelocateTest, WrongTablesAreRefused) {
    struct Wrong {
        ULONG Page, Size;
        USHORT Entry;
    };
    for (const Wrong& wrong : {Wrong{SIZE, 12, Entry(0)}, Wrong{0xFFFFF000, 12, Entry(0xFFF)}, Wrong{0x1000, 7, 0},
                               Wrong{0x1000, 0x10000, 0}, Wrong{0x1000, 12, 0x5000}, Wrong{0x3000, 12, Entry(0xFFD)}}) {
        Image image;
        image.Put(TABLE, IMAGE_BASE_RELOCATION{wrong.Page, wrong.Size});
        image.Put(TABLE + 8, wrong.Entry);
        image.Table(TABLE, 12);
        EXPECT_EQ(image.Relocate(), STATUS_INVALID_IMAGE_FORMAT) << std::hex << wrong.Page << ' ' << wrong.Size;
        EXPECT_EQ(image.Beyond, 0u);
    }
    Image image;
    image.Table(SIZE - 4, 8);
    EXPECT_EQ(image.Relocate(), STATUS_INVALID_IMAGE_FORMAT);
    image.Table(0xFFFFFFF0, 0x20);
    EXPECT_EQ(image.Relocate(), STATUS_INVALID_IMAGE_FORMAT);
    image.Put(offsetof(IMAGE_DOS_HEADER, e_lfanew), 0xFFFFFFFFu);
    EXPECT_EQ(image.Relocate(), STATUS_INVALID_IMAGE_FORMAT);
    EXPECT_EQ(image.Beyond, 0u);
}

// POL-09: whatever a stranger wrote, nothing beyond the image is touched
TEST(RelocateTest, RandomTablesStayWithinTheImage) {
    std::mt19937 random(17);
    for (int round = 0; round < 3'000; round++) {
        Image image;
        image.Table(ULONG(TABLE + random() % 64), ULONG(random() % 0x1100));
        for (ULONG i = 0; i < 64; i++) {
            const ULONG value = random() % 3 ? ULONG(random() % 0x4010) : ULONG(random());
            image.Put(TABLE + i * 4, value);
        }
        (void)image.Relocate();
        ASSERT_EQ(image.Beyond, 0u) << round;
    }
}
