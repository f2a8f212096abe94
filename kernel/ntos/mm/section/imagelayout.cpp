// From an image's headers (rtl/pe.h) to its parts: what each routine promises, imagelayout.h says.
//
// In the books: "PE format". POL-09
#include "mm/section/imagelayout.h"
#include "mm/i386/pte.h"
#include "rtl/pe.h"
#include "rtl/string.h"

namespace {

constexpr ULONG PagesFor(ULONG bytes) { return bytes / PAGE_SIZE + (bytes % PAGE_SIZE != 0); }

/// The first bytes of a file.
class HEADER_BYTES final : public nt::PeImage {
public:
    HEADER_BYTES(const UCHAR* headers, ULONG bytes) : PeImage(bytes), m_headers(headers) {}

private:
    NTSTATUS Read(ULONG offset, PVOID to, ULONG bytes) override {
        RtlCopyMemory(to, m_headers + offset, bytes);
        return STATUS_SUCCESS;
    }
    NTSTATUS Write(ULONG, const void*, ULONG) override { return STATUS_SECTION_PROTECTION; }

    const UCHAR* m_headers;
};

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

bool AddSection(MI_IMAGE_LAYOUT* layout, const nt::PeSection& section, ULONGLONG fileSize) {
    if (section.Bytes == 0) return true;
    const ULONG pages = PagesFor(section.Bytes), protection = MiImageProtection(section.Characteristics);
    const bool padded = section.FileBytes > ULONGLONG(pages) * PAGE_SIZE; // the file is padded, memory is not
    return Add(layout,
               {.FirstPage = section.Address / PAGE_SIZE,
                .Pages = pages,
                .FileOffset = section.FileOffset,
                .FileBytes = padded ? pages * PAGE_SIZE : section.FileBytes,
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
    HEADER_BYTES image(headers, bytes);
    nt::PeHeaders read;
    nt::PeError error;
    NT_TRY(nt::PeReadHeaders(image, MI_MAXIMUM_IMAGE_PAGES * PAGE_SIZE, &read, &error));

    layout->ImageBase = read.Optional().ImageBase;
    layout->Pages = PagesFor(read.Optional().SizeOfImage);
    layout->Information = InformationOf(read.Nt, fileSize);
    layout->Parts = 0;
    ULONG end = read.Optional().SizeOfHeaders;
    if (!Add(layout,
             {.FirstPage = 0,
              .Pages = PagesFor(end),
              .FileOffset = 0,
              .FileBytes = end,
              .Protection = MM_READONLY,
              .Shared = false},
             fileSize))
        return STATUS_INVALID_IMAGE_FORMAT;
    for (ULONG i = 0; i < read.Nt.FileHeader.NumberOfSections; i++) {
        nt::PeSection section;
        NT_TRY(nt::PeReadSection(image, read, fileSize, i, &end, &section, &error));
        if (!AddSection(layout, section, fileSize)) return STATUS_INVALID_IMAGE_FORMAT;
    }
    return STATUS_SUCCESS;
}
