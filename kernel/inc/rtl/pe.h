// Images in the PE format: headers, base relocations, exports and imports.
//
// One source for all that load images: the boot loader (bytes in memory), the kernel (a view of a process) and ntdll.dll (its own
// process). What differs between them is how an image is reached; that is a PeImage.
// Invariants
//  - An image is what a stranger wrote. Any bytes give a status, and no access outside of the image.
//  - Headers are read and checked once; afterwards PeHeaders is trusted, and the image itself never.
//  - An image in the memory of a process may change at any time: no value is read twice.
//  - All images are relocated before the first is bound, so images that import from each other need no special case.
// Locks: none. IRQL: that of the PeImage.
// In the books: "PE format", "relocation", "image loader: import resolution". BOO-01, BOO-03, POL-09
#pragma once

#include "ntimage.h"
#include "ntstatus.h"

namespace nt {

/// What is wrong with an image, or what it lacks.
enum class PeFault : UCHAR {
    None,
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
    ModuleMissing, ///< Module is imported, and there is none of that name
    SymbolMissing, ///< Module does not export Symbol (or ordinal Value when Symbol is empty)
    ForwarderLoop, ///< Module!Symbol is forwarded too many times
};

/// What a message to the user needs. Names are copies, cut where they are too long.
struct PeError {
    static constexpr ULONG MODULE_SIZE = 64, SYMBOL_SIZE = 128;

    PeFault Fault = PeFault::None;
    ULONG Value = 0;
    CHAR Module[MODULE_SIZE] = {};
    CHAR Symbol[SYMBOL_SIZE] = {};

    /// Notes a fault. @returns the status that says it best
    NTSTATUS Set(PeFault fault, ULONG value = 0);
    /// Notes a fault. @returns `status`
    NTSTATUS Set(PeFault fault, ULONG value, NTSTATUS status);
    /// Notes a fault that has to do with an export. @param symbol nullptr: the export of ordinal `value`
    NTSTATUS SetNames(PeFault fault, PCSTR module, PCSTR symbol, ULONG value = 0);
};

/// The bytes of an image: those of its file, or those in memory, where offsets are relative to its base.
///
/// All access is checked against the size here; what derives from this class gets ranges inside of it only.
class PeImage {
public:
    [[nodiscard]] ULONG Size() const { return m_size; } ///< in bytes
    [[nodiscard]] bool Has(ULONG offset, ULONG bytes) const { return offset <= m_size && bytes <= m_size - offset; }

    /// @returns STATUS_INVALID_IMAGE_FORMAT: it lies outside; or what the access met
    NTSTATUS GetBytes(ULONG offset, PVOID to, ULONG bytes);
    template <typename T> NTSTATUS Get(ULONG offset, T* value) { return GetBytes(offset, value, sizeof(T)); }
    /// Writes, whatever the protection of its pages is.
    template <typename T> NTSTATUS Put(ULONG offset, const T& value) {
        return Has(offset, sizeof(T)) ? Write(offset, &value, sizeof(T)) : STATUS_INVALID_IMAGE_FORMAT;
    }
    /// Copies text with its 0. @param size of the buffer; longer text: STATUS_INVALID_IMAGE_FORMAT
    NTSTATUS GetText(ULONG offset, CHAR* to, ULONG size);
    /// Compares text, byte by byte. @param order less than 0: `text` comes first
    NTSTATUS CompareText(PCSTR text, ULONG offset, int* order);

protected:
    explicit constexpr PeImage(ULONG size) : m_size(size) {}
    constexpr PeImage(const PeImage&) = default;
    constexpr PeImage& operator=(const PeImage&) = default;
    ~PeImage() = default;

private:
    virtual NTSTATUS Read(ULONG offset, PVOID to, ULONG bytes) = 0;
    virtual NTSTATUS Write(ULONG offset, const void* from, ULONG bytes) = 0;

    ULONG m_size;
};

/// The headers of an image, checked.
struct PeHeaders {
    IMAGE_NT_HEADERS Nt; ///< SizeOfImage is a multiple of the page size; directories that are absent are zero
    ULONG SectionTable;  ///< offset

    [[nodiscard]] const IMAGE_OPTIONAL_HEADER& Optional() const { return Nt.OptionalHeader; }
    [[nodiscard]] const IMAGE_DATA_DIRECTORY& Directory(ULONG index) const {
        return Nt.OptionalHeader.DataDirectory[index];
    }
};

/// A section of an image, checked: pages that nothing else of the image lies in, and the bytes of the file that fill them.
struct PeSection {
    ULONG Address, Bytes; ///< in memory; 0 bytes: there is none
    ULONG FileOffset, FileBytes;
    ULONG Characteristics;
};

inline constexpr ULONG PE_MAXIMUM_SECTIONS = 96; ///< documented limit

/// Reads and checks the headers. @param maximumSize of the image in memory, in bytes
NTSTATUS PeReadHeaders(PeImage& image, ULONG maximumSize, PeHeaders* headers, PeError* error);
/// Reads and checks a section's header. @param fileSize in bytes. @param index below NumberOfSections; they are read in order.
/// @param[in,out] end where the section before ends, at first SizeOfHeaders
NTSTATUS PeReadSection(PeImage& image, const PeHeaders& headers, ULONGLONG fileSize, ULONG index, ULONG* end,
                       PeSection* section, PeError* error);

/// Adds `base` - ImageBase to every address that the image's linker has noted. Contract: rtl/pe/relocate.cpp.
NTSTATUS PeRelocate(PeImage& image, const PeHeaders& headers, ULONG base, PeError* error);

/// A loaded image, as others import from it.
struct PeModule {
    PCSTR Name;
    PeImage* Image; ///< in memory
    ULONG Base;     ///< where it will run
    PeHeaders Headers;
};

/// The images that may be imported from.
class PeModules {
public:
    /// Looks for an image, and may load it. @param name of a DLL; a name without an extension comes from a forwarder
    /// @returns STATUS_DLL_NOT_FOUND: there is none
    virtual NTSTATUS Find(PCSTR name, const PeModule** module) = 0;

protected:
    ~PeModules() = default;
};

/// The longest name of an export that can be imported.
inline constexpr ULONG PE_SYMBOL_SIZE = 512;

/// Looks up an export; forwarders are followed through `modules`. Contract: rtl/pe/bind.cpp.
NTSTATUS PeFindExport(const PeModule& first, PCSTR name, ULONG ordinal, PeModules& modules, ULONG* address,
                      PeError* error);
/// Fills the import address tables of an image. Contract: rtl/pe/bind.cpp.
NTSTATUS PeBind(const PeModule& module, PeModules& modules, PeError* error);

} // namespace nt
