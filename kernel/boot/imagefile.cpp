// imagefile.cpp - check an image's file, lay it out in memory. Contract: imagefile.h. BOO-01, BOO-02
#include "imagefile.h"

namespace boot {

using nt::PeError;
using nt::PeFault;
using nt::PeHeaders;
using nt::PeSection;

ULONG ImageCheckSum(Bytes file, ULONG checkSumOffset) {
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

NTSTATUS CheckImageFile(Bytes file, PeHeaders* headers, PeError* error) {
    ImageBytes bytes(file);
    NT_TRY(nt::PeReadHeaders(bytes, MAXIMUM_IMAGE, headers, error));
    ULONG end = headers->Optional().SizeOfHeaders;
    if (end > file.Size()) {
        return error->Set(PeFault::Truncated);
    }
    for (ULONG index = 0; index < headers->Nt.FileHeader.NumberOfSections; index++) {
        PeSection section;
        NT_TRY(nt::PeReadSection(bytes, *headers, file.Size(), index, &end, &section, error));
    }
    if (const ULONG told = headers->Optional().CheckSum; told != 0) {
        constexpr ULONG inOptional = __builtin_offsetof(IMAGE_OPTIONAL_HEADER, CheckSum);
        const ULONG at = headers->SectionTable - headers->Nt.FileHeader.SizeOfOptionalHeader + inOptional;
        const ULONG sum = ImageCheckSum(file, at);
        if (sum != told) {
            return error->Set(PeFault::BadCheckSum, sum);
        }
    }
    return STATUS_SUCCESS;
}

NTSTATUS LayOutImage(Bytes file, const PeHeaders& headers, Bytes image, PeError* error) {
    ULONG end = headers.Optional().SizeOfHeaders;
    if (image.Size() < headers.Optional().SizeOfImage || !file.Has(0, end)) {
        return error->Set(PeFault::Truncated);
    }
    ImageBytes bytes(file);
    memset(image.Data(), 0, image.Size());
    memcpy(image.Data(), file.Data(), end);
    for (ULONG index = 0; index < headers.Nt.FileHeader.NumberOfSections; index++) {
        PeSection section;
        NT_TRY(nt::PeReadSection(bytes, headers, file.Size(), index, &end, &section, error));
        // Raw data is padded to the file alignment: what lies beyond the section's size is not part of it.
        const ULONG length = section.FileBytes < section.Bytes ? section.FileBytes : section.Bytes;
        if (length != 0) {
            memcpy(image.Data() + section.Address, file.Data() + section.FileOffset, length);
        }
    }
    return STATUS_SUCCESS;
}

namespace {

/// Is this the name of an image, or that without its extension?
bool Matches(const char* image, const char* name) {
    char stem[PeError::MODULE_SIZE];
    ULONG dot = 0;
    for (ULONG at = 0; at < sizeof(stem) - 1 && image[at] != 0; at++) {
        stem[at] = image[at];
        dot = image[at] == '.' ? at : dot;
    }
    stem[dot] = 0;
    return EqualNames(image, name) || (dot != 0 && EqualNames(stem, name));
}

} // namespace

const nt::PeModule* FindModule(nt::Span<const nt::PeModule> modules, const char* name) {
    for (const nt::PeModule& module : modules) {
        if (Matches(module.Name, name)) {
            return &module;
        }
    }
    return nullptr;
}

} // namespace boot
