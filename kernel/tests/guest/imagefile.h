// An image in memory, for tests that map one.
#pragma once

#include "mm/memorybacking.h"
#include "ntimage.h"
#include "rtl.h"

/// Writes the headers of an image with sections; their table follows them. @param file zeros. @param size in memory
inline IMAGE_NT_HEADERS& WriteImageHeaders(UCHAR* file, ULONG base, ULONG size, USHORT sections) {
    auto& dos = *reinterpret_cast<IMAGE_DOS_HEADER*>(file);
    dos.e_magic = IMAGE_DOS_SIGNATURE;
    dos.e_lfanew = sizeof(dos);
    auto& nt = *reinterpret_cast<IMAGE_NT_HEADERS*>(file + sizeof(dos));
    nt.Signature = IMAGE_NT_SIGNATURE;
    nt.FileHeader.Machine = IMAGE_FILE_MACHINE_I386;
    nt.FileHeader.NumberOfSections = sections;
    nt.FileHeader.SizeOfOptionalHeader = sizeof(IMAGE_OPTIONAL_HEADER);
    nt.FileHeader.Characteristics = IMAGE_FILE_EXECUTABLE_IMAGE;
    nt.OptionalHeader.Magic = IMAGE_NT_OPTIONAL_HDR32_MAGIC;
    nt.OptionalHeader.ImageBase = base;
    nt.OptionalHeader.SectionAlignment = PAGE_SIZE;
    nt.OptionalHeader.FileAlignment = 0x200;
    nt.OptionalHeader.SizeOfImage = size;
    nt.OptionalHeader.SizeOfHeaders = 0x400;
    return nt;
}

/// An image: headers; .text, one page of code; .data, a page of the file and a page of zeros.
class IMAGE_FILE {
public:
    static constexpr ULONG Base = 0x10000000, Text = 0x1000, Data = 0x2000, End = 0x4000, Length = 0xA00;

    IMAGE_FILE() {
        RtlZeroMemory(m_bytes, Length);
        auto& nt = WriteImageHeaders(m_bytes, Base, End, 2);
        auto* const sections = reinterpret_cast<IMAGE_SECTION_HEADER*>(&nt + 1);
        sections[0].VirtualSize = 0x200;
        sections[0].VirtualAddress = Text;
        sections[0].SizeOfRawData = 0x200;
        sections[0].PointerToRawData = 0x400;
        sections[0].Characteristics = IMAGE_SCN_MEM_EXECUTE | IMAGE_SCN_MEM_READ;
        sections[1].VirtualSize = 0x2000;
        sections[1].VirtualAddress = Data;
        sections[1].SizeOfRawData = 0x400;
        sections[1].PointerToRawData = 0x600;
        sections[1].Characteristics = IMAGE_SCN_MEM_READ | IMAGE_SCN_MEM_WRITE;
        memset(m_bytes + 0x400, 0x7E, 0x200);
        memset(m_bytes + 0x600, 0xDA, 0x400);
        MmInitializeMemoryBacking(&m_memory, m_bytes, Length, TRUE);
    }
    IMAGE_FILE(const IMAGE_FILE&) = delete;
    IMAGE_FILE& operator=(const IMAGE_FILE&) = delete;
    MM_BACKING* Backing() { return &m_memory.Backing; }

private:
    alignas(8) UCHAR m_bytes[Length];
    MM_MEMORY_BACKING m_memory{};
};
