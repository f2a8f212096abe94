// The headers of an image. Contract: rtl/pe.h. BOO-01, POL-09
#include "pep.h"

namespace nt {

namespace {

constexpr ULONG IMAGE_GRANULARITY = 0x10000; ///< images lie at multiples of it
constexpr ULONG SECTOR = 512;                ///< the smallest FileAlignment

#define HEADER_FIELD(field) static_cast<ULONG>(__builtin_offsetof(IMAGE_NT_HEADERS, field))

constexpr ULONG FIXED = HEADER_FIELD(OptionalHeader.DataDirectory); ///< bytes in front of the directories

constexpr bool IsPowerOfTwo(ULONG value) { return value != 0 && (value & (value - 1)) == 0; }

/// Reads what every image has, and says which image it is.
NTSTATUS ReadFixed(PeImage& image, ULONG start, PeHeaders* headers, PeError* error) {
    PE_TRY(image.GetBytes(start, &headers->Nt, FIXED), PeFault::Truncated, 0);
    const IMAGE_FILE_HEADER& file = headers->Nt.FileHeader;
    if (headers->Nt.Signature != IMAGE_NT_SIGNATURE)
        return error->Set(PeFault::NotAnImage, 0, STATUS_INVALID_IMAGE_FORMAT);
    if (file.Machine != IMAGE_FILE_MACHINE_I386) return error->Set(PeFault::WrongMachine, file.Machine);
    const USHORT magic = headers->Optional().Magic;
    if (magic != IMAGE_NT_OPTIONAL_HDR32_MAGIC) return error->Set(PeFault::NotPe32, magic);
    if (!(file.Characteristics & IMAGE_FILE_EXECUTABLE_IMAGE)) // the linker reported errors
        return error->Set(PeFault::BadHeader, HEADER_FIELD(FileHeader.Characteristics));
    return STATUS_SUCCESS;
}

NTSTATUS ReadDirectories(PeImage& image, ULONG start, PeHeaders* headers, PeError* error) {
    const ULONG directories = headers->Optional().NumberOfRvaAndSizes;
    const ULONG bytes = headers->Nt.FileHeader.SizeOfOptionalHeader;
    const ULONG fixed = FIXED - HEADER_FIELD(OptionalHeader);
    if (directories > IMAGE_NUMBEROF_DIRECTORY_ENTRIES || bytes < fixed + directories * sizeof(IMAGE_DATA_DIRECTORY))
        return error->Set(PeFault::BadHeader, HEADER_FIELD(OptionalHeader.NumberOfRvaAndSizes));
    if (!image.Has(start + HEADER_FIELD(OptionalHeader), bytes)) return error->Set(PeFault::Truncated);
    PE_TRY(image.GetBytes(start + FIXED, headers->Nt.OptionalHeader.DataDirectory,
                          directories * ULONG(sizeof(IMAGE_DATA_DIRECTORY))),
           PeFault::Truncated, 0);
    headers->SectionTable = start + HEADER_FIELD(OptionalHeader) + bytes;
    return STATUS_SUCCESS;
}

/// @returns the offset of the field that is wrong, or 0
ULONG WrongField(const IMAGE_OPTIONAL_HEADER& optional, ULONG maximumSize) {
    // Sections must not share a page.
    if (optional.SectionAlignment < PAGE_SIZE || !IsPowerOfTwo(optional.SectionAlignment))
        return HEADER_FIELD(OptionalHeader.SectionAlignment);
    if (optional.FileAlignment < SECTOR || !IsPowerOfTwo(optional.FileAlignment))
        return HEADER_FIELD(OptionalHeader.FileAlignment);
    if (optional.SizeOfImage == 0 || optional.SizeOfImage > maximumSize)
        return HEADER_FIELD(OptionalHeader.SizeOfImage);
    if (optional.ImageBase % IMAGE_GRANULARITY != 0) return HEADER_FIELD(OptionalHeader.ImageBase);
    if (optional.AddressOfEntryPoint >= optional.SizeOfImage) return HEADER_FIELD(OptionalHeader.AddressOfEntryPoint);
    if (optional.SizeOfHeaders == 0 || optional.SizeOfHeaders > optional.SizeOfImage)
        return HEADER_FIELD(OptionalHeader.SizeOfHeaders);
    return 0;
}

} // namespace

NTSTATUS PeReadHeaders(PeImage& image, ULONG maximumSize, PeHeaders* headers, PeError* error) {
    IMAGE_DOS_HEADER dos;
    if (!image.Has(0, sizeof(dos))) return error->Set(PeFault::NotAnImage);
    PE_TRY(image.Get(0, &dos), PeFault::NotAnImage, 0);
    if (dos.e_magic != IMAGE_DOS_SIGNATURE) return error->Set(PeFault::NotAnImage);
    *headers = {};
    NT_TRY(ReadFixed(image, dos.e_lfanew, headers, error));
    NT_TRY(ReadDirectories(image, dos.e_lfanew, headers, error));
    if (const ULONG field = WrongField(headers->Optional(), maximumSize); field != 0)
        return error->Set(PeFault::BadHeader, field);
    if (headers->Nt.FileHeader.NumberOfSections > PE_MAXIMUM_SECTIONS)
        return error->Set(PeFault::BadSection, PE_MAXIMUM_SECTIONS);
    ULONG& size = headers->Nt.OptionalHeader.SizeOfImage;
    size = (size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    return STATUS_SUCCESS;
}

NTSTATUS PeReadSection(PeImage& image, const PeHeaders& headers, ULONGLONG fileSize, ULONG index, ULONG* end,
                       PeSection* section, PeError* error) {
    IMAGE_SECTION_HEADER header;
    PE_TRY(image.Get(headers.SectionTable + index * ULONG(sizeof(header)), &header), PeFault::Truncated, 0);
    *section = {.Address = header.VirtualAddress,
                .Bytes = header.VirtualSize != 0 ? header.VirtualSize : header.SizeOfRawData,
                .FileOffset = header.PointerToRawData,
                .FileBytes = header.PointerToRawData != 0 ? header.SizeOfRawData : 0,
                .Characteristics = header.Characteristics};
    if (section->Bytes == 0) return STATUS_SUCCESS;
    const ULONG size = headers.Optional().SizeOfImage;
    if (section->Address % headers.Optional().SectionAlignment != 0 || section->Address < *end ||
        section->Address > size || section->Bytes > size - section->Address)
        return error->Set(PeFault::BadSection, index);
    if (ULONGLONG(section->FileOffset) + section->FileBytes > fileSize) return error->Set(PeFault::Truncated, index);
    *end = section->Address + section->Bytes;
    return STATUS_SUCCESS;
}

} // namespace nt
