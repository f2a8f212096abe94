// Reading an image's headers: what each routine promises, imagelayout.h says.
//
// In the books: "PE format". POL-09
#include "mm/section/imagelayout.h"
#include "mm/i386/pte.h"
#include "ntimage.h"
#include "rtl/string.h"

namespace {

constexpr ULONG PagesFor(ULONG bytes) { return bytes / PAGE_SIZE + (bytes % PAGE_SIZE != 0); }

/// Copies a structure out of the headers. @returns whether all of it is there.
template <typename T> bool Get(const UCHAR* headers, ULONG bytes, ULONG offset, T* structure) {
    if (offset > bytes || bytes - offset < sizeof(T)) return false;
    RtlCopyMemory(structure, headers + offset, sizeof(T));
    return true;
}

bool IsSound(const IMAGE_NT_HEADERS& nt, ULONGLONG fileSize) {
    const IMAGE_FILE_HEADER& file = nt.FileHeader;
    const IMAGE_OPTIONAL_HEADER& optional = nt.OptionalHeader;
    if (nt.Signature != IMAGE_NT_SIGNATURE || file.Machine != IMAGE_FILE_MACHINE_I386) return false;
    if (!(file.Characteristics & IMAGE_FILE_EXECUTABLE_IMAGE)) return false;
    if (file.NumberOfSections > MI_MAXIMUM_IMAGE_SECTIONS) return false;
    if (optional.Magic != IMAGE_NT_OPTIONAL_HDR32_MAGIC) return false;
    // Pages of one part must not share a page with another part.
    if (optional.SectionAlignment < PAGE_SIZE || optional.SectionAlignment % PAGE_SIZE != 0) return false;
    if (optional.FileAlignment == 0 || optional.FileAlignment % MM_SECTOR_SIZE != 0) return false;
    if (optional.ImageBase % MM_ALLOCATION_GRANULARITY != 0) return false;
    if (optional.SizeOfImage == 0 || PagesFor(optional.SizeOfImage) > MI_MAXIMUM_IMAGE_PAGES) return false;
    return optional.SizeOfHeaders != 0 && optional.SizeOfHeaders <= fileSize &&
           optional.SizeOfHeaders <= optional.SizeOfImage;
}

/// Adds a part behind those that are there. @returns whether it lies behind them, within the image and within the file.
bool Add(MI_IMAGE_LAYOUT* layout, const MI_IMAGE_PART& part, ULONGLONG fileSize) {
    ULONG end = 0;
    if (layout->Parts != 0) {
        const MI_IMAGE_PART& before = layout->Part[layout->Parts - 1];
        end = before.FirstPage + before.Pages;
    }
    if (part.FirstPage < end || part.FirstPage > layout->Pages || part.Pages > layout->Pages - part.FirstPage)
        return false;
    if (part.FileBytes != 0 &&
        (part.FileOffset % MM_SECTOR_SIZE != 0 || ULONGLONG(part.FileOffset) + part.FileBytes > fileSize))
        return false;
    layout->Part[layout->Parts++] = part;
    return true;
}

bool AddSection(MI_IMAGE_LAYOUT* layout, const IMAGE_SECTION_HEADER& section, ULONGLONG fileSize) {
    const ULONG size = section.VirtualSize ? section.VirtualSize : section.SizeOfRawData;
    if (size == 0) return true;
    if (section.VirtualAddress % PAGE_SIZE != 0) return false;
    const ULONG pages = PagesFor(size);
    ULONG bytes = section.PointerToRawData ? section.SizeOfRawData : 0;
    if (bytes > ULONGLONG(pages) * PAGE_SIZE) bytes = pages * PAGE_SIZE; // the file is padded, memory is not
    const ULONG protection = MiImageProtection(section.Characteristics);
    return Add(layout,
               {.FirstPage = section.VirtualAddress / PAGE_SIZE,
                .Pages = pages,
                .FileOffset = section.PointerToRawData,
                .FileBytes = bytes,
                .Protection = protection,
                .Shared = protection == MM_READWRITE || protection == MM_EXECUTE_READWRITE},
               fileSize);
}

SECTION_IMAGE_INFORMATION InformationOf(const IMAGE_NT_HEADERS& nt, ULONGLONG fileSize) {
    const IMAGE_OPTIONAL_HEADER& optional = nt.OptionalHeader;
    SECTION_IMAGE_INFORMATION told = {};
    if (optional.AddressOfEntryPoint != 0)
        told.TransferAddress = reinterpret_cast<PVOID>(ULONG_PTR(optional.ImageBase) + optional.AddressOfEntryPoint);
    told.MaximumStackSize = optional.SizeOfStackReserve;
    told.CommittedStackSize = optional.SizeOfStackCommit;
    told.SubSystemType = optional.Subsystem;
    told.SubSystemMinorVersion = optional.MinorSubsystemVersion;
    told.SubSystemMajorVersion = optional.MajorSubsystemVersion;
    told.ImageCharacteristics = nt.FileHeader.Characteristics;
    told.DllCharacteristics = optional.DllCharacteristics;
    told.Machine = nt.FileHeader.Machine;
    told.ImageContainsCode = optional.SizeOfCode != 0;
    told.LoaderFlags = optional.LoaderFlags;
    told.ImageFileSize = ULONG(fileSize);
    told.CheckSum = optional.CheckSum;
    return told;
}

} // namespace

ULONG MiImageProtection(ULONG characteristics) {
    const bool execute = (characteristics & IMAGE_SCN_MEM_EXECUTE) != 0;
    if (characteristics & IMAGE_SCN_MEM_WRITE) {
        const bool shared = (characteristics & IMAGE_SCN_MEM_SHARED) != 0;
        if (execute) return shared ? MM_EXECUTE_READWRITE : MM_EXECUTE_WRITECOPY;
        return shared ? MM_READWRITE : MM_WRITECOPY;
    }
    if (characteristics & IMAGE_SCN_MEM_READ) return execute ? MM_EXECUTE_READ : MM_READONLY;
    return execute ? MM_EXECUTE : MM_NOACCESS;
}

NTSTATUS MiReadImageLayout(const UCHAR* headers, ULONG bytes, ULONGLONG fileSize, MI_IMAGE_LAYOUT* layout) {
    IMAGE_DOS_HEADER dos;
    IMAGE_NT_HEADERS nt;
    if (!Get(headers, bytes, 0, &dos) || dos.e_magic != IMAGE_DOS_SIGNATURE) return STATUS_INVALID_IMAGE_NOT_MZ;
    if (!Get(headers, bytes, dos.e_lfanew, &nt) || !IsSound(nt, fileSize)) return STATUS_INVALID_IMAGE_FORMAT;

    layout->ImageBase = nt.OptionalHeader.ImageBase;
    layout->Pages = PagesFor(nt.OptionalHeader.SizeOfImage);
    layout->Information = InformationOf(nt, fileSize);
    layout->Parts = 0;
    const ULONG headerBytes = nt.OptionalHeader.SizeOfHeaders;
    if (!Add(layout,
             {.FirstPage = 0,
              .Pages = PagesFor(headerBytes),
              .FileOffset = 0,
              .FileBytes = headerBytes,
              .Protection = MM_READONLY,
              .Shared = false},
             fileSize))
        return STATUS_INVALID_IMAGE_FORMAT;

    // e_lfanew lies within the headers, so this sum is small.
    ULONG offset = dos.e_lfanew + ULONG(sizeof(ULONG) + sizeof(IMAGE_FILE_HEADER)) + nt.FileHeader.SizeOfOptionalHeader;
    for (ULONG i = 0; i < nt.FileHeader.NumberOfSections; i++, offset += sizeof(IMAGE_SECTION_HEADER)) {
        IMAGE_SECTION_HEADER section;
        if (!Get(headers, bytes, offset, &section) || !AddSection(layout, section, fileSize))
            return STATUS_INVALID_IMAGE_FORMAT;
    }
    return STATUS_SUCCESS;
}
