// The sections of system images, as their headers tell, and which of them are pageable.
//
// IRQL: PASSIVE_LEVEL, phase 1; the table is fixed afterwards. In the books: "image loader", "making drivers pageable". PFN-12
#include "ex/pool.h"
#include "mm/i386/pte.h"
#include "mm/pageable/pageable.h"
#include "nt/list.h"
#include "ntimage.h"

MI_IMAGE_SECTION* MiImageSections; // written once
ULONG MiNumberOfImageSections;

namespace {

constexpr ULONG SECTIONS_TAG = EX_TAG("MmSc");
constexpr CHAR MARK[] = {'P', 'A', 'G', 'E'};

const IMAGE_NT_HEADERS& HeadersOf(const LDR_DATA_TABLE_ENTRY* image) {
    auto* const base = static_cast<const UCHAR*>(image->DllBase);
    return *reinterpret_cast<const IMAGE_NT_HEADERS*>(base + reinterpret_cast<const IMAGE_DOS_HEADER*>(base)->e_lfanew);
}

const IMAGE_SECTION_HEADER* SectionsOf(const IMAGE_NT_HEADERS& headers) {
    auto* const optional = reinterpret_cast<const UCHAR*>(&headers.OptionalHeader);
    return reinterpret_cast<const IMAGE_SECTION_HEADER*>(optional + headers.FileHeader.SizeOfOptionalHeader);
}

bool IsMarked(const IMAGE_SECTION_HEADER& section) {
    for (ULONG i = 0; i < sizeof(MARK); i++)
        if (section.Name[i] != UCHAR(MARK[i])) return false;
    return true;
}

ULONG ProtectionOf(ULONG characteristics) {
    if (characteristics & IMAGE_SCN_MEM_EXECUTE)
        return characteristics & IMAGE_SCN_MEM_WRITE ? MM_EXECUTE_READWRITE : MM_EXECUTE_READ;
    return characteristics & IMAGE_SCN_MEM_WRITE ? MM_READWRITE : MM_READONLY;
}

MI_IMAGE_SECTION Describe(const LDR_DATA_TABLE_ENTRY* image, const IMAGE_SECTION_HEADER& header) {
    const ULONG_PTR first = reinterpret_cast<ULONG_PTR>(image->DllBase) + header.VirtualAddress;
    const ULONG size = header.VirtualSize ? header.VirtualSize : header.SizeOfRawData;
    return {.Image = image,
            .FirstVpn = ULONG(first >> PAGE_SHIFT),
            .LastVpn = ULONG((first + size - 1) >> PAGE_SHIFT),
            .Protection = ProtectionOf(header.Characteristics),
            .Marked = IsMarked(header)};
}

/// Calls visit(image, header) for each section that has bytes.
template <typename VISIT> void VisitHeaders(VISIT visit) {
    for (const auto* image : nt::List<&LDR_DATA_TABLE_ENTRY::InLoadOrderLinks>(PsLoadedModuleList)) {
        const IMAGE_NT_HEADERS& headers = HeadersOf(image);
        const IMAGE_SECTION_HEADER* const sections = SectionsOf(headers);
        for (ULONG i = 0; i < headers.FileHeader.NumberOfSections; i++)
            if (sections[i].VirtualSize != 0 || sections[i].SizeOfRawData != 0) visit(image, sections[i]);
    }
}

} // namespace

bool MiInitializePageableSections() {
    ULONG count = 0;
    VisitHeaders([&count](const LDR_DATA_TABLE_ENTRY*, const IMAGE_SECTION_HEADER&) { count++; });
    MiImageSections = static_cast<MI_IMAGE_SECTION*>(
        ExAllocatePoolWithTag(NonPagedPool, count * sizeof(MI_IMAGE_SECTION), SECTIONS_TAG));
    if (!MiImageSections) return false;
    VisitHeaders([](const LDR_DATA_TABLE_ENTRY* image, const IMAGE_SECTION_HEADER& header) {
        MI_IMAGE_SECTION& section = MiImageSections[MiNumberOfImageSections++];
        section = Describe(image, header);
        section.Entered = section.Marked;
        if (section.Entered) MiEnterImageSection(section);
    });
    return true;
}

MI_IMAGE_SECTION* MiLocateImageSection(const void* address) {
    const ULONG vpn = ULONG(reinterpret_cast<ULONG_PTR>(address) >> PAGE_SHIFT);
    for (ULONG i = 0; i < MiNumberOfImageSections; i++)
        if (vpn >= MiImageSections[i].FirstVpn && vpn <= MiImageSections[i].LastVpn) return &MiImageSections[i];
    return nullptr;
}
