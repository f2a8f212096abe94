// pe_image_test.cpp - damaged files are refused with the right reason, section padding is zero, relocation is exact.
// BOO-01, BOO-02, BOO-03
#include "pe_builder.h"

#include <gtest/gtest.h>

using namespace boot;

namespace {

PeStatus Parse(PeBuilder& builder) {
    PeInfo info;
    return PeParse(builder.FileBytes(), &info).Status;
}

PeStatus ParseWith(void (*change)(IMAGE_NT_HEADERS&)) {
    PeBuilder builder("x.sys");
    builder.Nt(change);
    return Parse(builder);
}

TEST(PeParse, AcceptsAGoodImage) { // BOO-01
    PeBuilder builder("ntoskrnl.exe", 0x80100000);
    PeInfo info;
    ASSERT_TRUE(PeParse(builder.FileBytes(), &info));
    EXPECT_EQ(info.ImageBase, 0x80100000u);
    EXPECT_EQ(info.SizeOfImage, PeBuilder::END);
    EXPECT_EQ(info.EntryPoint, PeBuilder::TEXT);
    EXPECT_EQ(info.SectionCount, 4);
}

TEST(PeParse, EveryTruncationIsRefused) { // BOO-01
    PeBuilder whole("x.sys");
    for (SIZE_T size = 0; size < whole.File().size(); size++) {
        std::vector<UCHAR> part(whole.File().begin(), whole.File().begin() + static_cast<std::ptrdiff_t>(size));
        PeInfo info;
        const PeResult result = PeParse({part.data(), static_cast<ULONG>(size)}, &info);
        ASSERT_FALSE(result) << size;
        ASSERT_TRUE(result.Status == PeStatus::Truncated || (size < 64 && result.Status == PeStatus::NotAnImage))
            << size;
    }
}

TEST(PeParse, NamesWhatIsWrongInTheHeader) { // BOO-01
    PeBuilder text("x.sys");
    text.Put<USHORT>(0, 0x5a5a);
    EXPECT_EQ(Parse(text), PeStatus::NotAnImage);
    PeBuilder far("x.sys");
    far.Put<ULONG>(0x3c, 0xffffff00);
    EXPECT_EQ(Parse(far), PeStatus::Truncated);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.Signature++; }), PeStatus::NotAnImage);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.FileHeader.Machine = IMAGE_FILE_MACHINE_AMD64; }), PeStatus::WrongMachine);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.Magic = 0x20b; }), PeStatus::NotPe32);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.FileHeader.Characteristics = 0; }), PeStatus::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.NumberOfRvaAndSizes = 17; }), PeStatus::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.NumberOfRvaAndSizes = 0xffffffff; }), PeStatus::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.FileHeader.SizeOfOptionalHeader = 100; }), PeStatus::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.FileHeader.SizeOfOptionalHeader = 0xffff; }), PeStatus::Truncated);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.FileHeader.NumberOfSections = 0xffff; }), PeStatus::BadSection);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.SectionAlignment = 0x200; }), PeStatus::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.SectionAlignment = 0x3000; }), PeStatus::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.SizeOfImage = 0; }), PeStatus::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.SizeOfImage = 0xfffff000; }), PeStatus::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.ImageBase = 0x80100123; }), PeStatus::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.AddressOfEntryPoint = PeBuilder::END; }), PeStatus::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.SizeOfHeaders = PeBuilder::END + 1; }), PeStatus::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.SizeOfHeaders = 0x7000; }), PeStatus::Truncated);
}

TEST(PeParse, NamesTheBadSection) { // BOO-01
    const PeBuilder::Place bad[] = {
        {0x1000, 0x100, 0x600, 0x200},      // overlaps .text
        {0x2010, 0x100, 0x600, 0x200},      // not aligned
        {0x7000, 0x2000, 0x600, 0x200},     // ends beyond the image
        {0x2000, 0xffffffff, 0x600, 0x200}, // wraps around
        {0xfffff000, 0x1000, 0x600, 0x200},
    };
    for (const PeBuilder::Place& place : bad) {
        PeBuilder builder("x.sys");
        builder.Section(1, ".rdata", place);
        PeInfo info;
        const PeResult result = PeParse(builder.FileBytes(), &info);
        EXPECT_EQ(result.Status, PeStatus::BadSection);
        EXPECT_EQ(result.Value, 1u);
    }
    PeBuilder builder("x.sys");
    builder.Section(1, ".rdata", {0x2000, 0x1000, 0xfffffe00, 0x400});
    EXPECT_EQ(Parse(builder), PeStatus::Truncated);
}

TEST(PeParse, ChecksTheChecksumWhenThereIsOne) { // BOO-01
    PeBuilder builder("x.sys");
    const ULONG at = PeBuilder::NT + offsetof(IMAGE_NT_HEADERS, OptionalHeader.CheckSum);
    const ULONG sum = PeCheckSum(builder.FileBytes(), at);
    builder.Put(at, sum);
    EXPECT_EQ(Parse(builder), PeStatus::Ok);
    EXPECT_EQ(PeCheckSum(builder.FileBytes(), at), sum) << "the field itself does not count";
    builder.File()[0x1234] ^= 0x10;
    EXPECT_EQ(Parse(builder), PeStatus::BadCheckSum);
}

TEST(PeLayOut, FillsWhatTheFileDoesNotHoldWithZero) { // BOO-02
    PeBuilder builder("x.sys");
    // .text: 0x100 bytes of 0x200 in the file belong to the section; .data: 0x200 bytes in the file, 0x2800 in memory.
    memset(&builder.File()[0x400], 0x11, 0x200);
    memset(&builder.File()[0x1600], 0x22, 0x200);
    LoadedPe loaded(builder, 0x80100000);
    ASSERT_TRUE(loaded.Result);
    for (ULONG at = PeBuilder::TEXT; at < PeBuilder::RDATA; at++) {
        ASSERT_EQ(loaded.Get<UCHAR>(at), at < PeBuilder::TEXT + 0x100 ? 0x11 : 0) << std::hex << at;
    }
    for (ULONG at = PeBuilder::DATA; at < PeBuilder::RELOC; at++) {
        ASSERT_EQ(loaded.Get<UCHAR>(at), at < PeBuilder::DATA + 0x200 ? 0x22 : 0) << std::hex << at;
    }
    EXPECT_EQ(loaded.Get<USHORT>(0), IMAGE_DOS_SIGNATURE) << "the headers are part of the image";
    for (ULONG at = PeBuilder::HEADERS; at < PeBuilder::TEXT; at++) {
        ASSERT_EQ(loaded.Get<UCHAR>(at), 0);
    }
}

constexpr USHORT HIGHLOW = 0x3000;

TEST(PeRelocate, AddsTheDifferenceToExactlyWhatIsNamed) { // BOO-03
    PeBuilder builder("x.sys", 0x80100000);
    builder.At<ULONG>(PeBuilder::TEXT + 0x10, 0x80101234);
    builder.At<ULONG>(PeBuilder::TEXT + 0x20, 0x80101234);
    builder.At<ULONG>(PeBuilder::DATA + 0x31, 0x80104000); // an odd address
    builder.Relocations(PeBuilder::TEXT, {HIGHLOW | 0x10, 0x0000});
    builder.Relocations(PeBuilder::DATA, {HIGHLOW | 0x31});
    LoadedPe moved(builder, 0x80345000);
    ASSERT_TRUE(moved.Result);
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
    EXPECT_EQ(LoadedPe(builder, 0x80100000).Result.Status, PeStatus::Ok);
    EXPECT_EQ(LoadedPe(builder, 0x80200000).Result.Status, PeStatus::NoRelocations);
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
            EXPECT_EQ(loaded.Result.Status, PeStatus::BadRelocation) << each.What;
            // The block that lies, or the entry.
            const ULONG where = PeBuilder::RELOC + (each.SizeOfBlock != 0 ? 0 : 8);
            EXPECT_EQ(loaded.Result.Value, where) << each.What;
        }
    }
    PeBuilder outside("x.sys");
    outside.Directory(IMAGE_DIRECTORY_ENTRY_BASERELOC, PeBuilder::END - 4, 0x100);
    EXPECT_EQ(LoadedPe(outside, 0x80100000).Result.Status, PeStatus::BadRelocation);
}

} // namespace
