// imagefile_test.cpp - damaged files are refused with the right reason, section padding is zero. BOO-01, BOO-02
#include "pe_builder.h"

#include <gtest/gtest.h>

using namespace boot;
using nt::PeError;
using nt::PeFault;
using nt::PeHeaders;

namespace {

PeFault Parse(PeBuilder& builder) {
    PeHeaders headers;
    PeError error;
    const NTSTATUS status = CheckImageFile(builder.FileBytes(), &headers, &error);
    EXPECT_EQ(NT_SUCCESS(status), error.Fault == PeFault::None);
    return error.Fault;
}

PeFault ParseWith(void (*change)(IMAGE_NT_HEADERS&)) {
    PeBuilder builder("x.sys");
    builder.Nt(change);
    return Parse(builder);
}

TEST(CheckImageFile, AcceptsAGoodImage) { // BOO-01
    PeBuilder builder("ntoskrnl.exe", 0x80100000);
    PeHeaders headers;
    PeError error;
    ASSERT_EQ(CheckImageFile(builder.FileBytes(), &headers, &error), STATUS_SUCCESS);
    EXPECT_EQ(headers.Optional().ImageBase, 0x80100000u);
    EXPECT_EQ(headers.Optional().SizeOfImage, PeBuilder::END);
    EXPECT_EQ(headers.Optional().AddressOfEntryPoint, PeBuilder::TEXT);
    EXPECT_EQ(headers.Nt.FileHeader.NumberOfSections, 4);
}

TEST(CheckImageFile, EveryTruncationIsRefused) { // BOO-01
    PeBuilder whole("x.sys");
    for (SIZE_T size = 0; size < whole.File().size(); size++) {
        std::vector<UCHAR> part(whole.File().begin(), whole.File().begin() + static_cast<std::ptrdiff_t>(size));
        PeHeaders headers;
        PeError error;
        ASSERT_FALSE(NT_SUCCESS(CheckImageFile({part.data(), static_cast<ULONG>(size)}, &headers, &error))) << size;
        ASSERT_TRUE(error.Fault == PeFault::Truncated || (size < 64 && error.Fault == PeFault::NotAnImage)) << size;
    }
}

TEST(CheckImageFile, NamesWhatIsWrongInTheHeader) { // BOO-01
    PeBuilder text("x.sys");
    text.Put<USHORT>(0, 0x5a5a);
    EXPECT_EQ(Parse(text), PeFault::NotAnImage);
    PeBuilder far("x.sys");
    far.Put<ULONG>(0x3c, 0xffffff00);
    EXPECT_EQ(Parse(far), PeFault::Truncated);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.Signature++; }), PeFault::NotAnImage);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.FileHeader.Machine = IMAGE_FILE_MACHINE_AMD64; }), PeFault::WrongMachine);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.Magic = 0x20b; }), PeFault::NotPe32);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.FileHeader.Characteristics = 0; }), PeFault::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.NumberOfRvaAndSizes = 17; }), PeFault::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.NumberOfRvaAndSizes = 0xffffffff; }), PeFault::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.FileHeader.SizeOfOptionalHeader = 100; }), PeFault::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.FileHeader.SizeOfOptionalHeader = 0xffff; }), PeFault::Truncated);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.FileHeader.NumberOfSections = 0xffff; }), PeFault::BadSection);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.SectionAlignment = 0x200; }), PeFault::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.SectionAlignment = 0x3000; }), PeFault::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.FileAlignment = 0x300; }), PeFault::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.SizeOfHeaders = 0; }), PeFault::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.SizeOfImage = 0; }), PeFault::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.SizeOfImage = 0xfffff000; }), PeFault::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.ImageBase = 0x80100123; }), PeFault::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.AddressOfEntryPoint = PeBuilder::END; }), PeFault::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.SizeOfHeaders = PeBuilder::END + 1; }), PeFault::BadHeader);
    EXPECT_EQ(ParseWith([](auto& nt) { nt.OptionalHeader.SizeOfHeaders = 0x7000; }), PeFault::Truncated);
}

TEST(CheckImageFile, NamesTheBadSection) { // BOO-01
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
        PeHeaders headers;
        PeError error;
        EXPECT_EQ(CheckImageFile(builder.FileBytes(), &headers, &error), STATUS_INVALID_IMAGE_FORMAT);
        EXPECT_EQ(error.Fault, PeFault::BadSection);
        EXPECT_EQ(error.Value, 1u);
    }
    PeBuilder builder("x.sys");
    builder.Section(1, ".rdata", {0x2000, 0x1000, 0xfffffe00, 0x400});
    EXPECT_EQ(Parse(builder), PeFault::Truncated);
}

TEST(CheckImageFile, ChecksTheChecksumWhenThereIsOne) { // BOO-01
    PeBuilder builder("x.sys");
    const ULONG at = PeBuilder::NT + offsetof(IMAGE_NT_HEADERS, OptionalHeader.CheckSum);
    const ULONG sum = ImageCheckSum(builder.FileBytes(), at);
    builder.Put(at, sum);
    EXPECT_EQ(Parse(builder), PeFault::None);
    EXPECT_EQ(ImageCheckSum(builder.FileBytes(), at), sum) << "the field itself does not count";
    builder.File()[0x1234] ^= 0x10;
    EXPECT_EQ(Parse(builder), PeFault::BadCheckSum);
}

TEST(LayOutImage, FillsWhatTheFileDoesNotHoldWithZero) { // BOO-02
    PeBuilder builder("x.sys");
    // .text: 0x100 bytes of 0x200 in the file belong to the section; .data: 0x200 bytes in the file, 0x2800 in memory.
    memset(&builder.File()[0x400], 0x11, 0x200);
    memset(&builder.File()[0x1600], 0x22, 0x200);
    LoadedPe loaded(builder, 0x80100000);
    ASSERT_EQ(loaded.Status, STATUS_SUCCESS);
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

} // namespace
