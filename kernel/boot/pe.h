// pe.h - loads PE images: check the file, lay out its sections, relocate, bind imports to exports.
//
// The same source runs in the loader and, under GoogleTest with sanitizers, on the host (pe_test.cpp).
// Invariants
//  - The file and everything in it is untrusted: any bytes give a PeResult, never an access outside them.
//  - Order: PeParse, PeLayOut, PeRelocate for every image, then PeBind for every image. Because all images are laid
//    out before the first is bound, circular imports (ntoskrnl <-> hal) need no special case.
//  - PeInfo comes from the file once and is trusted afterwards; the image in memory is still read with checks.
//
// In the books: "PE format", "section padding", "relocation" (BOO-01, BOO-02, BOO-03).
#pragma once

#include "bytes.h"
#include "nt/array.h"
#include "ntimage.h"

namespace boot {

/// Why an image cannot be loaded.
enum class PeStatus : UCHAR {
    Ok,
    NotAnImage,    ///< no MZ or PE signature
    Truncated,     ///< the file ends before what its header promises
    WrongMachine,  ///< Value: the machine type
    NotPe32,       ///< optional header of another format; Value: its magic
    BadHeader,     ///< a field contradicts another; Value: which (offset in IMAGE_NT_HEADERS)
    BadSection,    ///< Value: index of the section
    BadCheckSum,   ///< Value: the checksum computed
    NoRelocations, ///< must move, but has no relocations
    BadRelocation, ///< Value: offset of the entry or block in the image
    BadImports,    ///< import table outside the image; Value: offset
    BadExports,    ///< export table of Module outside the image
    ModuleMissing, ///< Module is imported but not in the boot list
    SymbolMissing, ///< Module does not export Symbol (or ordinal Value when Symbol is null)
    ForwarderLoop, ///< Module!Symbol is forwarded too many times
};

/// The outcome of a step of loading, with what a message to the user needs.
struct [[nodiscard]] PeResult {
    PeStatus Status = PeStatus::Ok;
    ULONG Value = 0;
    const char* Module = nullptr;
    const char* Symbol = nullptr;

    explicit operator bool() const { return Status == PeStatus::Ok; }
};

/// What the loader keeps of an image's headers.
struct PeInfo {
    ULONG ImageBase;
    ULONG SizeOfImage;
    ULONG SizeOfHeaders;
    ULONG EntryPoint; ///< offset in the image, 0: none
    ULONG CheckSum;
    ULONG TimeDateStamp;
    USHORT Characteristics;
    USHORT SectionCount;
    ULONG SectionTable; ///< file offset
    IMAGE_DATA_DIRECTORY Exports;
    IMAGE_DATA_DIRECTORY Imports;
    IMAGE_DATA_DIRECTORY Relocations;
};

/// An image in memory.
struct PeModule {
    const char* Name;
    Bytes Image;       ///< SizeOfImage bytes, where the loader can reach them
    ULONG VirtualBase; ///< where it will run
    PeInfo Info;
};

/// The largest image accepted: catches a header whose SizeOfImage is garbage.
inline constexpr ULONG PE_MAXIMUM_IMAGE = 64u << 20;

/// Checks the headers, the section table and the checksum (when it is not 0).
PeResult PeParse(Bytes file, PeInfo* info);

/// Copies headers and sections to `image` (SizeOfImage bytes); whatever the file does not fill becomes 0.
PeResult PeLayOut(Bytes file, const PeInfo& info, Bytes image);

/// Walks all base relocations and adds VirtualBase - ImageBase to what they name. The table is checked even when
/// the image stays at its preferred base, so that a damaged image fails everywhere alike.
PeResult PeRelocate(const PeModule& module);

/// Fills the import address tables of `module` with the exports of `modules`.
PeResult PeBind(const PeModule& module, nt::Span<const PeModule> modules);

/// Looks up an export by name (or by ordinal when name is null); forwarders are followed through `modules`.
/// @param address receives the virtual address of the routine or variable.
PeResult PeFindExport(const PeModule& first, const char* name, ULONG ordinal, nt::Span<const PeModule> modules,
                      ULONG* address);

/// The PE header's checksum of a file whose checksum field is at `checkSumOffset`.
[[nodiscard]] ULONG PeCheckSum(Bytes file, ULONG checkSumOffset);

} // namespace boot
