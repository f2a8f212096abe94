// Base relocations: right tables move each address once, and of wrong ones nothing beyond the image is touched.
// BOO-03, POL-09
#include "pe_builder.h"

#include <gtest/gtest.h>
#include <random>

using namespace nt;

namespace {

constexpr ULONG TABLE = 0x3000, SIZE = 0x4000, DIFFERENCE = 0x12340000;

/// An image in memory, whose table a test writes.
class Image final : public PeImage {
public:
    Image() : PeImage(SIZE), Bytes(SIZE) {}
    template <typename T> void Set(ULONG address, const T& value) {
        std::memcpy(&Bytes.at(address), &value, sizeof(T));
    }
    ULONG Word(ULONG address) const {
        ULONG value;
        std::memcpy(&value, &Bytes.at(address), sizeof(value));
        return value;
    }
    /// Adds a block behind those that are there.
    void Block(ULONG page, const std::vector<USHORT>& entries, ULONG padding = 0) {
        IMAGE_BASE_RELOCATION head{page, ULONG(sizeof(head) + entries.size() * sizeof(USHORT)) + padding};
        Set(TABLE + m_used, head);
        for (size_t i = 0; i < entries.size(); i++)
            Set(TABLE + m_used + ULONG(sizeof(head) + i * sizeof(USHORT)), entries[i]);
        m_used += head.SizeOfBlock;
        Table(TABLE, m_used);
    }
    void Table(ULONG address, ULONG size) {
        Headers.Nt.OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_BASERELOC] = {address, size};
    }
    NTSTATUS Relocate() { return PeRelocate(*this, Headers, DIFFERENCE, &Error); }

    std::vector<UCHAR> Bytes;
    PeHeaders Headers{};
    PeError Error;
    ULONG Beyond = 0, ReadOnlyPage = ~0u;

private:
    NTSTATUS Read(ULONG address, PVOID to, ULONG bytes) override {
        if (address > SIZE || bytes > SIZE - address) {
            Beyond++;
            return STATUS_ACCESS_VIOLATION;
        }
        std::memcpy(to, Bytes.data() + address, bytes);
        return STATUS_SUCCESS;
    }
    NTSTATUS Write(ULONG address, const void* from, ULONG bytes) override {
        if (address > SIZE || bytes > SIZE - address) {
            Beyond++;
            return STATUS_ACCESS_VIOLATION;
        }
        if (address / PAGE_SIZE == ReadOnlyPage) return STATUS_COMMITMENT_LIMIT;
        std::memcpy(Bytes.data() + address, from, bytes);
        return STATUS_SUCCESS;
    }

    ULONG m_used = 0;
};

constexpr USHORT Entry(ULONG offset) { return USHORT(IMAGE_REL_BASED_HIGHLOW << 12 | offset); }

constexpr USHORT HIGHLOW = 0x3000;

} // namespace

// POL-09: also at odd offsets, across two pages, and up to the last bytes
TEST(RelocateTest, EachAddressMovesOnce) {
    Image image;
    for (const ULONG at : {0x1004u, 0x1101u, 0x1FFEu, 0x2000u + 8, SIZE - 4})
        image.Set(at, ULONG(0x10000000 + at));
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
}

// POL-09
TEST(RelocateTest, ImageWithoutATableStaysAtItsBase) {
    Image image;
    image.Headers.Nt.FileHeader.Characteristics = IMAGE_FILE_RELOCS_STRIPPED;
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
        image.Set(TABLE, IMAGE_BASE_RELOCATION{wrong.Page, wrong.Size});
        image.Set(TABLE + 8, wrong.Entry);
        image.Table(TABLE, 12);
        EXPECT_EQ(image.Relocate(), STATUS_INVALID_IMAGE_FORMAT) << std::hex << wrong.Page << ' ' << wrong.Size;
        EXPECT_EQ(image.Beyond, 0u);
    }
    Image image;
    image.Table(SIZE - 4, 8);
    EXPECT_EQ(image.Relocate(), STATUS_INVALID_IMAGE_FORMAT);
    image.Table(0xFFFFFFF0, 0x20);
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
            image.Set(TABLE + i * 4, value);
        }
        (void)image.Relocate();
        ASSERT_EQ(image.Beyond, 0u) << round;
    }
}

TEST(PeRelocate, AddsTheDifferenceToExactlyWhatIsNamed) { // BOO-03
    PeBuilder builder("x.sys", 0x80100000);
    builder.At<ULONG>(PeBuilder::TEXT + 0x10, 0x80101234);
    builder.At<ULONG>(PeBuilder::TEXT + 0x20, 0x80101234);
    builder.At<ULONG>(PeBuilder::DATA + 0x31, 0x80104000); // an odd address
    builder.Relocations(PeBuilder::TEXT, {HIGHLOW | 0x10, 0x0000});
    builder.Relocations(PeBuilder::DATA, {HIGHLOW | 0x31});
    LoadedPe moved(builder, 0x80345000);
    ASSERT_EQ(moved.Status, STATUS_SUCCESS);
    EXPECT_EQ(moved.Get(PeBuilder::TEXT + 0x10), 0x80346234u);
    EXPECT_EQ(moved.Get(PeBuilder::TEXT + 0x20), 0x80101234u);
    EXPECT_EQ(moved.Get(PeBuilder::DATA + 0x31), 0x80349000u);
    EXPECT_EQ(moved.Get(PeBuilder::TEXT), 0u) << "an ABSOLUTE entry is padding";
    LoadedPe downwards(builder, 0x80010000);
    EXPECT_EQ(downwards.Get(PeBuilder::TEXT + 0x10), 0x80011234u);
    LoadedPe still(builder, 0x80100000);
    EXPECT_EQ(still.Get(PeBuilder::TEXT + 0x10), 0x80101234u);
}

TEST(PeRelocate, AnImageWithoutRelocationsStaysOrFails) { // BOO-03
    PeBuilder builder("x.sys", 0x80100000);
    builder.Nt([](auto& nt) { nt.FileHeader.Characteristics |= IMAGE_FILE_RELOCS_STRIPPED; });
    EXPECT_EQ(LoadedPe(builder, 0x80100000).Error.Fault, PeFault::None);
    EXPECT_EQ(LoadedPe(builder, 0x80200000).Error.Fault, PeFault::NoRelocations);
}

TEST(PeRelocate, RefusesADamagedTableEvenAtThePreferredBase) { // BOO-03
    struct {
        const char* What;
        ULONG Page;
        USHORT Entry;
        ULONG SizeOfBlock; // 0: the right one
    } const cases[] = {
        {"unknown type", PeBuilder::TEXT, 0x5010, 0},          {"target beyond the image", PeBuilder::END, HIGHLOW, 0},
        {"target half outside", 0x7000, HIGHLOW | 0xffd, 0},   {"page wraps around", 0xfffff800, HIGHLOW | 0x900, 0},
        {"block shorter than its header", 0x1000, HIGHLOW, 4}, {"block of odd size", 0x1000, HIGHLOW, 9},
        {"block longer than the table", 0x1000, HIGHLOW, 64},  {"huge block", 0x1000, HIGHLOW, 0xfffffffe},
    };
    for (const auto& each : cases) {
        for (const ULONG base : {0x80100000u, 0x80200000u}) {
            PeBuilder builder("x.sys", 0x80100000);
            builder.Relocations(each.Page, {each.Entry});
            if (each.SizeOfBlock != 0) builder.At<ULONG>(PeBuilder::RELOC + 4, each.SizeOfBlock);
            const LoadedPe loaded(builder, base);
            EXPECT_EQ(loaded.Error.Fault, PeFault::BadRelocation) << each.What;
            // The block that lies, or the entry.
            const ULONG where = PeBuilder::RELOC + (each.SizeOfBlock != 0 ? 0 : 8);
            EXPECT_EQ(loaded.Error.Value, where) << each.What;
        }
    }
    PeBuilder outside("x.sys");
    outside.Directory(IMAGE_DIRECTORY_ENTRY_BASERELOC, PeBuilder::END - 4, 0x100);
    EXPECT_EQ(LoadedPe(outside, 0x80100000).Error.Fault, PeFault::BadRelocation);
}
