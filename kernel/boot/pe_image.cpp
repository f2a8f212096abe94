// pe_image.cpp - check a PE file, lay it out in memory, relocate it. Contract: pe.h. BOO-01, BOO-02, BOO-03
#include "pe.h"

namespace boot {

namespace {

PeResult Error(PeStatus status, ULONG value = 0) { return {status, value, nullptr, nullptr}; }

constexpr ULONG Field(SIZE_T offset) { return static_cast<ULONG>(offset); }

#define HEADER_FIELD(field) Field(offsetof(IMAGE_NT_HEADERS, field))

IMAGE_DATA_DIRECTORY Directory(const IMAGE_OPTIONAL_HEADER& header, ULONG index) {
    if (index >= header.NumberOfRvaAndSizes) {
        return {0, 0};
    }
    return header.DataDirectory[index];
}

bool Inside(ULONG offset, ULONG length, ULONG size) { return offset <= size && length <= size - offset; }

PeResult CheckSections(Bytes file, const PeInfo& info, ULONG alignment) {
    ULONG end = info.SizeOfHeaders;
    for (ULONG index = 0; index < info.SectionCount; index++) {
        IMAGE_SECTION_HEADER section;
        if (!file.Read(info.SectionTable + index * Field(sizeof(section)), &section)) {
            return Error(PeStatus::Truncated);
        }
        const ULONG length = section.VirtualSize != 0 ? section.VirtualSize : section.SizeOfRawData;
        if (section.VirtualAddress % alignment != 0 || section.VirtualAddress < end ||
            !Inside(section.VirtualAddress, length, info.SizeOfImage)) {
            return Error(PeStatus::BadSection, index);
        }
        if (section.SizeOfRawData != 0 && !file.Has(section.PointerToRawData, section.SizeOfRawData)) {
            return Error(PeStatus::Truncated);
        }
        end = section.VirtualAddress + length;
    }
    return {};
}

} // namespace

ULONG PeCheckSum(Bytes file, ULONG checkSumOffset) {
    ULONG sum = 0;
    for (ULONG at = 0; at < file.Size(); at += 2) {
        if (at == checkSumOffset || at == checkSumOffset + 2) {
            continue;
        }
        const ULONG high = at + 1 < file.Size() ? file.Data()[at + 1] : 0;
        sum += file.Data()[at] | high << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum + file.Size();
}

PeResult PeParse(Bytes file, PeInfo* info) {
    IMAGE_DOS_HEADER dos;
    if (!file.Read(0, &dos) || dos.e_magic != IMAGE_DOS_SIGNATURE) {
        return Error(PeStatus::NotAnImage);
    }
    const ULONG start = dos.e_lfanew;
    const ULONG fixed = HEADER_FIELD(OptionalHeader.DataDirectory);
    if (!file.Has(start, fixed)) {
        return Error(PeStatus::Truncated);
    }
    // The directories that are absent stay zero.
    IMAGE_NT_HEADERS nt = {};
    memcpy(&nt, file.Data() + start, fixed);
    const IMAGE_FILE_HEADER& header = nt.FileHeader;
    const IMAGE_OPTIONAL_HEADER& optional = nt.OptionalHeader;
    if (nt.Signature != IMAGE_NT_SIGNATURE) {
        return Error(PeStatus::NotAnImage);
    }
    if (header.Machine != IMAGE_FILE_MACHINE_I386) {
        return Error(PeStatus::WrongMachine, header.Machine);
    }
    if (optional.Magic != IMAGE_NT_OPTIONAL_HDR32_MAGIC) {
        return Error(PeStatus::NotPe32, optional.Magic);
    }
    if ((header.Characteristics & IMAGE_FILE_EXECUTABLE_IMAGE) == 0) { // the linker reported errors
        return Error(PeStatus::BadHeader, HEADER_FIELD(FileHeader.Characteristics));
    }
    const ULONG directories = optional.NumberOfRvaAndSizes;
    const ULONG optionalSize = fixed - HEADER_FIELD(OptionalHeader) + directories * Field(sizeof(IMAGE_DATA_DIRECTORY));
    if (directories > IMAGE_NUMBEROF_DIRECTORY_ENTRIES || header.SizeOfOptionalHeader < optionalSize) {
        return Error(PeStatus::BadHeader, HEADER_FIELD(OptionalHeader.NumberOfRvaAndSizes));
    }
    if (!file.Has(start + HEADER_FIELD(OptionalHeader), header.SizeOfOptionalHeader)) {
        return Error(PeStatus::Truncated);
    }
    memcpy(nt.OptionalHeader.DataDirectory, file.Data() + start + fixed, directories * sizeof(IMAGE_DATA_DIRECTORY));

    const ULONG alignment = optional.SectionAlignment;
    if (alignment < PAGE_SIZE || (alignment & (alignment - 1)) != 0) {
        return Error(PeStatus::BadHeader, HEADER_FIELD(OptionalHeader.SectionAlignment));
    }
    if (optional.SizeOfImage == 0 || optional.SizeOfImage > PE_MAXIMUM_IMAGE) {
        return Error(PeStatus::BadHeader, HEADER_FIELD(OptionalHeader.SizeOfImage));
    }
    if (optional.ImageBase % 0x10000 != 0) {
        return Error(PeStatus::BadHeader, HEADER_FIELD(OptionalHeader.ImageBase));
    }
    if (optional.AddressOfEntryPoint >= optional.SizeOfImage) {
        return Error(PeStatus::BadHeader, HEADER_FIELD(OptionalHeader.AddressOfEntryPoint));
    }
    if (optional.SizeOfHeaders > optional.SizeOfImage) {
        return Error(PeStatus::BadHeader, HEADER_FIELD(OptionalHeader.SizeOfHeaders));
    }
    if (optional.SizeOfHeaders > file.Size()) {
        return Error(PeStatus::Truncated);
    }

    *info = {.ImageBase = optional.ImageBase,
             .SizeOfImage = (optional.SizeOfImage + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1),
             .SizeOfHeaders = optional.SizeOfHeaders,
             .EntryPoint = optional.AddressOfEntryPoint,
             .CheckSum = optional.CheckSum,
             .TimeDateStamp = header.TimeDateStamp,
             .Characteristics = header.Characteristics,
             .SectionCount = header.NumberOfSections,
             .SectionTable = start + HEADER_FIELD(OptionalHeader) + header.SizeOfOptionalHeader,
             .Exports = Directory(optional, IMAGE_DIRECTORY_ENTRY_EXPORT),
             .Imports = Directory(optional, IMAGE_DIRECTORY_ENTRY_IMPORT),
             .Relocations = Directory(optional, IMAGE_DIRECTORY_ENTRY_BASERELOC)};
    if (PeResult result = CheckSections(file, *info, alignment); !result) {
        return result;
    }
    if (optional.CheckSum != 0) {
        const ULONG sum = PeCheckSum(file, start + HEADER_FIELD(OptionalHeader.CheckSum));
        if (sum != optional.CheckSum) {
            return Error(PeStatus::BadCheckSum, sum);
        }
    }
    return {};
}

PeResult PeLayOut(Bytes file, const PeInfo& info, Bytes image) {
    if (image.Size() < info.SizeOfImage || !file.Has(0, info.SizeOfHeaders)) {
        return Error(PeStatus::Truncated);
    }
    memset(image.Data(), 0, image.Size());
    memcpy(image.Data(), file.Data(), info.SizeOfHeaders);
    for (ULONG index = 0; index < info.SectionCount; index++) {
        IMAGE_SECTION_HEADER section;
        if (!file.Read(info.SectionTable + index * Field(sizeof(section)), &section)) {
            return Error(PeStatus::Truncated);
        }
        // Raw data is padded to the file alignment: what lies beyond VirtualSize is not part of the section.
        ULONG length = section.SizeOfRawData;
        if (section.VirtualSize != 0 && section.VirtualSize < length) {
            length = section.VirtualSize;
        }
        if (length == 0) {
            continue;
        }
        if (!file.Has(section.PointerToRawData, length) || !image.Has(section.VirtualAddress, length)) {
            return Error(PeStatus::BadSection, index);
        }
        memcpy(image.Data() + section.VirtualAddress, file.Data() + section.PointerToRawData, length);
    }
    return {};
}

PeResult PeRelocate(const PeModule& module) {
    const ULONG delta = module.VirtualBase - module.Info.ImageBase;
    const IMAGE_DATA_DIRECTORY table = module.Info.Relocations;
    if (delta != 0 && (module.Info.Characteristics & IMAGE_FILE_RELOCS_STRIPPED) != 0) {
        return Error(PeStatus::NoRelocations);
    }
    if (!module.Image.Has(table.VirtualAddress, table.Size)) {
        return Error(PeStatus::BadRelocation, table.VirtualAddress);
    }
    ULONG at = table.VirtualAddress;
    const ULONG end = at + table.Size;
    while (end - at >= sizeof(IMAGE_BASE_RELOCATION)) {
        IMAGE_BASE_RELOCATION block;
        if (!module.Image.Read(at, &block) || block.SizeOfBlock < sizeof(block) || block.SizeOfBlock % 2 != 0 ||
            block.SizeOfBlock > end - at) {
            return Error(PeStatus::BadRelocation, at);
        }
        for (ULONG entry = at + Field(sizeof(block)); entry < at + block.SizeOfBlock; entry += 2) {
            USHORT relocation;
            if (!module.Image.Read(entry, &relocation)) {
                return Error(PeStatus::BadRelocation, entry);
            }
            const ULONG type = relocation >> 12;
            if (type == IMAGE_REL_BASED_ABSOLUTE) {
                continue;
            }
            const ULONG target = block.VirtualAddress + (relocation & 0xfff);
            ULONG value;
            if (type != IMAGE_REL_BASED_HIGHLOW || target < block.VirtualAddress ||
                !module.Image.Read(target, &value) || !module.Image.Write(target, value + delta)) {
                return Error(PeStatus::BadRelocation, entry);
            }
        }
        at += block.SizeOfBlock;
    }
    return {};
}

} // namespace boot
