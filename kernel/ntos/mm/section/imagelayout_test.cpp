// The layout of an image in memory, read from headers that are right and from headers that are not.
// POL-09
#include "mm/section/imagelayout.h"
#include "machine.h"
#include "mm/i386/pte.h"
#include "ntimage.h"
#include "pe_builder.h"

#include <random>

namespace {

/// The builder's image, with the use of each section: code, read-only, data, relocations.
class ImageLayoutTest : public testing::Test {
protected:
    ImageLayoutTest() : m_image("test.dll", 0x10000000) {
        Use(0, IMAGE_SCN_MEM_EXECUTE | IMAGE_SCN_MEM_READ);
        Use(1, IMAGE_SCN_MEM_READ);
        Use(2, IMAGE_SCN_MEM_READ | IMAGE_SCN_MEM_WRITE);
        Use(3, IMAGE_SCN_MEM_READ);
    }
    void Use(ULONG index, ULONG characteristics) {
        Section(index, [&](IMAGE_SECTION_HEADER& header) { header.Characteristics = characteristics; });
    }
    template <typename F> void Section(ULONG index, F change) {
        const SIZE_T offset = PeBuilder::SECTIONS + index * sizeof(IMAGE_SECTION_HEADER);
        IMAGE_SECTION_HEADER header;
        memcpy(&header, m_image.File().data() + offset, sizeof(header));
        change(header);
        m_image.Put(offset, header);
    }
    NTSTATUS Read() { return Read(m_image.File()); }
    NTSTATUS Read(const std::vector<UCHAR>& file) {
        const ULONG bytes = ULONG(file.size()) < MI_IMAGE_HEADER_BYTES ? ULONG(file.size()) : MI_IMAGE_HEADER_BYTES;
        const std::vector<UCHAR> headers(file.begin(), file.begin() + bytes); // a read beyond them is caught
        return MiReadImageLayout(headers.data(), bytes, file.size(), &m_layout);
    }
    void ExpectPart(ULONG index, ULONG page, ULONG pages, ULONG offset, ULONG bytes, ULONG protection) {
        const MI_IMAGE_PART& part = m_layout.Part[index];
        EXPECT_EQ(part.FirstPage, page) << index;
        EXPECT_EQ(part.Pages, pages) << index;
        EXPECT_EQ(part.FileOffset, offset) << index;
        EXPECT_EQ(part.FileBytes, bytes) << index;
        EXPECT_EQ(part.Protection, protection) << index;
    }

    PeBuilder m_image;
    MI_IMAGE_LAYOUT m_layout{};
};

} // namespace

// POL-09
TEST_F(ImageLayoutTest, EachSectionIsAPart) {
    ASSERT_EQ(Read(), STATUS_SUCCESS);
    EXPECT_EQ(m_layout.ImageBase, 0x10000000u);
    EXPECT_EQ(m_layout.Pages, 8u);
    ASSERT_EQ(m_layout.Parts, 5u);
    ExpectPart(0, 0, 1, 0, 0x400, MM_READONLY);
    ExpectPart(1, 1, 1, 0x400, 0x200, MM_EXECUTE_READ);
    ExpectPart(2, 2, 1, 0x600, 0x1000, MM_READONLY);
    ExpectPart(3, 4, 3, 0x1600, 0x200, MM_WRITECOPY); // longer in memory than in the file
    ExpectPart(4, 7, 1, 0x1800, 0x200, MM_READONLY);
    EXPECT_EQ(m_layout.Information.Machine, IMAGE_FILE_MACHINE_I386);
    EXPECT_EQ(reinterpret_cast<ULONG_PTR>(m_layout.Information.TransferAddress), 0x10000000u + PeBuilder::TEXT);
}

// POL-09
TEST_F(ImageLayoutTest, CharacteristicsSayHowPagesAreUsed) {
    constexpr ULONG R = IMAGE_SCN_MEM_READ, W = IMAGE_SCN_MEM_WRITE, X = IMAGE_SCN_MEM_EXECUTE,
                    S = IMAGE_SCN_MEM_SHARED;
    EXPECT_EQ(MiImageProtection(0), MM_NOACCESS);
    EXPECT_EQ(MiImageProtection(R), MM_READONLY);
    EXPECT_EQ(MiImageProtection(X), MM_EXECUTE);
    EXPECT_EQ(MiImageProtection(R | X), MM_EXECUTE_READ);
    EXPECT_EQ(MiImageProtection(R | W), MM_WRITECOPY);
    EXPECT_EQ(MiImageProtection(W), MM_WRITECOPY);
    EXPECT_EQ(MiImageProtection(R | W | X), MM_EXECUTE_WRITECOPY);
    EXPECT_EQ(MiImageProtection(R | W | S), MM_READWRITE);
    EXPECT_EQ(MiImageProtection(R | W | X | S), MM_EXECUTE_READWRITE);
    EXPECT_EQ(MiImageProtection(R | S), MM_READONLY);
}

// POL-09
TEST_F(ImageLayoutTest, PaddingOfTheFileIsNotInMemory) {
    Section(1, [](IMAGE_SECTION_HEADER& header) {
        header.VirtualSize = 0x10;
        header.SizeOfRawData = 0x1200;
    });
    ASSERT_EQ(Read(), STATUS_SUCCESS);
    ExpectPart(2, 2, 1, 0x600, 0x1000, MM_READONLY);
}

// POL-09
TEST_F(ImageLayoutTest, ASectionWithoutBytesInTheFileIsZeros) {
    Section(2, [](IMAGE_SECTION_HEADER& header) { header.PointerToRawData = 0; });
    ASSERT_EQ(Read(), STATUS_SUCCESS);
    ExpectPart(3, 4, 3, 0, 0, MM_WRITECOPY);
}

// POL-09
TEST_F(ImageLayoutTest, HeadersThatAreWrongAreRefused) {
    const auto refused = [&](NTSTATUS status, const char* what, auto damage) {
        const PeBuilder good = m_image;
        damage();
        EXPECT_EQ(Read(), status) << what;
        m_image = good;
    };
    const auto nt = [&](const char* what, auto change) {
        refused(STATUS_INVALID_IMAGE_FORMAT, what, [&] { m_image.Nt(change); });
    };
    const auto section = [&](const char* what, ULONG index, auto change) {
        refused(STATUS_INVALID_IMAGE_FORMAT, what, [&] { Section(index, change); });
    };
    refused(STATUS_INVALID_IMAGE_NOT_MZ, "MZ", [&] { m_image.Put(0, USHORT(1)); });
    refused(STATUS_INVALID_IMAGE_FORMAT, "e_lfanew",
            [&] { m_image.Put(offsetof(IMAGE_DOS_HEADER, e_lfanew), ~0u - 10); });
    nt("signature", [](IMAGE_NT_HEADERS& h) { h.Signature++; });
    nt("machine", [](IMAGE_NT_HEADERS& h) { h.FileHeader.Machine = IMAGE_FILE_MACHINE_AMD64; });
    nt("not executable", [](IMAGE_NT_HEADERS& h) { h.FileHeader.Characteristics = 0; });
    nt("sections", [](IMAGE_NT_HEADERS& h) { h.FileHeader.NumberOfSections = 97; });
    nt("magic", [](IMAGE_NT_HEADERS& h) { h.OptionalHeader.Magic++; });
    nt("alignment", [](IMAGE_NT_HEADERS& h) { h.OptionalHeader.SectionAlignment = 0x200; });
    nt("file alignment", [](IMAGE_NT_HEADERS& h) { h.OptionalHeader.FileAlignment = 0x10; });
    nt("base", [](IMAGE_NT_HEADERS& h) { h.OptionalHeader.ImageBase += PAGE_SIZE; });
    nt("size", [](IMAGE_NT_HEADERS& h) { h.OptionalHeader.SizeOfImage = 0; });
    nt("huge", [](IMAGE_NT_HEADERS& h) { h.OptionalHeader.SizeOfImage = 0x80000000; });
    nt("short", [](IMAGE_NT_HEADERS& h) { h.OptionalHeader.SizeOfImage = PeBuilder::END - PAGE_SIZE; });
    nt("headers", [](IMAGE_NT_HEADERS& h) { h.OptionalHeader.SizeOfHeaders = PeBuilder::FILE_SIZE + 1; });
    section("overlap", 1, [](IMAGE_SECTION_HEADER& h) { h.VirtualAddress = PeBuilder::TEXT; });
    section("over headers", 0, [](IMAGE_SECTION_HEADER& h) { h.VirtualAddress = 0; });
    section("between pages", 1, [](IMAGE_SECTION_HEADER& h) { h.VirtualAddress += 0x10; });
    section("behind the image", 3, [](IMAGE_SECTION_HEADER& h) { h.VirtualSize = 0xFFFFF000; });
    section("behind the file", 3, [](IMAGE_SECTION_HEADER& h) { h.PointerToRawData = 0xFFFFFE00; });
    section("between sectors", 3, [](IMAGE_SECTION_HEADER& h) { h.PointerToRawData = 0x1701; });
    EXPECT_EQ(Read(), STATUS_SUCCESS); // the image itself is right
}

// POL-09
TEST_F(ImageLayoutTest, NothingIsReadBeyondTheHeadersThatAreThere) {
    for (SIZE_T bytes = 0; bytes < m_image.File().size(); bytes += 7)
        (void)Read({m_image.File().begin(), m_image.File().begin() + long(bytes)});
}

// POL-09: whatever the bytes are, a layout that is accepted keeps the promises of imagelayout.h.
TEST_F(ImageLayoutTest, DamagedHeadersNeverGiveABrokenLayout) {
    std::mt19937 random(host::Seed());
    for (ULONG round = 0; round < 20'000; round++) {
        std::vector<UCHAR> file = m_image.File();
        for (ULONG i = 0; i < 4; i++)
            file[random() % PeBuilder::HEADERS] = UCHAR(random());
        if (!NT_SUCCESS(Read(file))) continue;
        ULONG end = 0;
        ASSERT_LE(m_layout.Parts, 1 + nt::PE_MAXIMUM_SECTIONS);
        ASSERT_LE(m_layout.Pages, MI_MAXIMUM_IMAGE_PAGES);
        for (ULONG i = 0; i < m_layout.Parts; i++) {
            const MI_IMAGE_PART& part = m_layout.Part[i];
            ASSERT_GE(part.FirstPage, end);
            end = part.FirstPage + part.Pages;
            ASSERT_LE(end, m_layout.Pages);
            ASSERT_LE(part.FileBytes, ULONGLONG(part.Pages) * PAGE_SIZE);
            if (part.FileBytes) ASSERT_LE(ULONGLONG(part.FileOffset) + part.FileBytes, file.size());
        }
    }
}
