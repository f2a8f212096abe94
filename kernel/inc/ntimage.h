// ntimage.h - the PE/COFF image format for 32-bit x86, under the names of the DDK's header of this name.
//
// Facts of the published "PE Format" specification; all fields are little endian and naturally aligned.
// Used by the boot loader (kernel/boot), the image loader and the crash backtrace.
//
// In the books: "PE format" (BOO-01).
#pragma once

#include "nt/types.h"

inline constexpr USHORT IMAGE_DOS_SIGNATURE = 0x5a4d;   // "MZ"
inline constexpr ULONG IMAGE_NT_SIGNATURE = 0x00004550; // "PE\0\0"
inline constexpr USHORT IMAGE_NT_OPTIONAL_HDR32_MAGIC = 0x10b;

inline constexpr USHORT IMAGE_FILE_MACHINE_I386 = 0x014c;
inline constexpr USHORT IMAGE_FILE_MACHINE_AMD64 = 0x8664;
inline constexpr USHORT IMAGE_FILE_MACHINE_ARM64 = 0xaa64;

// IMAGE_FILE_HEADER::Characteristics
inline constexpr USHORT IMAGE_FILE_RELOCS_STRIPPED = 0x0001;
inline constexpr USHORT IMAGE_FILE_EXECUTABLE_IMAGE = 0x0002;
inline constexpr USHORT IMAGE_FILE_DLL = 0x2000;

// Indices of IMAGE_OPTIONAL_HEADER::DataDirectory
inline constexpr ULONG IMAGE_DIRECTORY_ENTRY_EXPORT = 0;
inline constexpr ULONG IMAGE_DIRECTORY_ENTRY_IMPORT = 1;
inline constexpr ULONG IMAGE_DIRECTORY_ENTRY_BASERELOC = 5;
inline constexpr ULONG IMAGE_DIRECTORY_ENTRY_TLS = 9;
inline constexpr ULONG IMAGE_NUMBEROF_DIRECTORY_ENTRIES = 16;

// The type of a base relocation: the high four bits of its 16-bit entry
inline constexpr ULONG IMAGE_REL_BASED_ABSOLUTE = 0; // padding
inline constexpr ULONG IMAGE_REL_BASED_HIGHLOW = 3;  // add the difference to 32 bits

inline constexpr ULONG IMAGE_ORDINAL_FLAG32 = 0x80000000;

/// The first bytes of an image file, which say where its PE header is.
struct IMAGE_DOS_HEADER {
    USHORT e_magic;
    USHORT e_unused[29];
    ULONG e_lfanew; ///< file offset of the PE signature
};

/// What an image is: for which machine, and how many sections it has.
struct IMAGE_FILE_HEADER {
    USHORT Machine;
    USHORT NumberOfSections;
    ULONG TimeDateStamp;
    ULONG PointerToSymbolTable;
    ULONG NumberOfSymbols;
    USHORT SizeOfOptionalHeader;
    USHORT Characteristics;
};

/// Where one of an image's tables is.
struct IMAGE_DATA_DIRECTORY {
    ULONG VirtualAddress; ///< relative to the image's base
    ULONG Size;
};

/// How an image wants to be loaded: base, size, entry point, tables.
struct IMAGE_OPTIONAL_HEADER {
    USHORT Magic;
    UCHAR MajorLinkerVersion;
    UCHAR MinorLinkerVersion;
    ULONG SizeOfCode;
    ULONG SizeOfInitializedData;
    ULONG SizeOfUninitializedData;
    ULONG AddressOfEntryPoint;
    ULONG BaseOfCode;
    ULONG BaseOfData;
    ULONG ImageBase;
    ULONG SectionAlignment;
    ULONG FileAlignment;
    USHORT MajorOperatingSystemVersion;
    USHORT MinorOperatingSystemVersion;
    USHORT MajorImageVersion;
    USHORT MinorImageVersion;
    USHORT MajorSubsystemVersion;
    USHORT MinorSubsystemVersion;
    ULONG Win32VersionValue;
    ULONG SizeOfImage;
    ULONG SizeOfHeaders;
    ULONG CheckSum;
    USHORT Subsystem;
    USHORT DllCharacteristics;
    ULONG SizeOfStackReserve;
    ULONG SizeOfStackCommit;
    ULONG SizeOfHeapReserve;
    ULONG SizeOfHeapCommit;
    ULONG LoaderFlags;
    ULONG NumberOfRvaAndSizes;
    IMAGE_DATA_DIRECTORY DataDirectory[IMAGE_NUMBEROF_DIRECTORY_ENTRIES];
};

/// The headers of an image, behind the PE signature.
struct IMAGE_NT_HEADERS {
    ULONG Signature;
    IMAGE_FILE_HEADER FileHeader;
    IMAGE_OPTIONAL_HEADER OptionalHeader;
};

// IMAGE_SECTION_HEADER::Characteristics: how its pages may be used
inline constexpr ULONG IMAGE_SCN_MEM_SHARED = 0x10000000; ///< all processes write to the same pages
inline constexpr ULONG IMAGE_SCN_MEM_EXECUTE = 0x20000000;
inline constexpr ULONG IMAGE_SCN_MEM_READ = 0x40000000;
inline constexpr ULONG IMAGE_SCN_MEM_WRITE = 0x80000000;

/// One section: where it is in the file, and where in memory.
struct IMAGE_SECTION_HEADER {
    UCHAR Name[8];
    ULONG VirtualSize;
    ULONG VirtualAddress;
    ULONG SizeOfRawData;
    ULONG PointerToRawData;
    ULONG PointerToRelocations;
    ULONG PointerToLinenumbers;
    USHORT NumberOfRelocations;
    USHORT NumberOfLinenumbers;
    ULONG Characteristics;
};

/// The head of the relocations of one page.
struct IMAGE_BASE_RELOCATION {
    ULONG VirtualAddress; ///< page the block's entries lie in
    ULONG SizeOfBlock;    ///< bytes, this header included
};

/// What an image imports from one other image.
struct IMAGE_IMPORT_DESCRIPTOR {
    ULONG OriginalFirstThunk; ///< names or ordinals to look up, ends with 0
    ULONG TimeDateStamp;
    ULONG ForwarderChain;
    ULONG Name;       ///< of the image that is imported from
    ULONG FirstThunk; ///< addresses go here
};

/// What an image exports, by name and by ordinal.
struct IMAGE_EXPORT_DIRECTORY {
    ULONG Characteristics;
    ULONG TimeDateStamp;
    USHORT MajorVersion;
    USHORT MinorVersion;
    ULONG Name;
    ULONG Base; ///< ordinal of the first function
    ULONG NumberOfFunctions;
    ULONG NumberOfNames;
    ULONG AddressOfFunctions;
    ULONG AddressOfNames; ///< sorted
    ULONG AddressOfNameOrdinals;
};

/// An image's thread-local variables. The addresses are absolute, and relocated with the image.
struct IMAGE_TLS_DIRECTORY32 {
    ULONG StartAddressOfRawData; ///< what each thread's copy begins with
    ULONG EndAddressOfRawData;
    ULONG AddressOfIndex;     ///< receives the image's index in TEB::ThreadLocalStoragePointer
    ULONG AddressOfCallBacks; ///< addresses of routines, the last one 0; 0: none
    ULONG SizeOfZeroFill;     ///< bytes of zeros behind the copy
    ULONG Characteristics;
};

static_assert(sizeof(IMAGE_DOS_HEADER) == 64);
static_assert(sizeof(IMAGE_FILE_HEADER) == 20);
static_assert(sizeof(IMAGE_OPTIONAL_HEADER) == 224);
static_assert(sizeof(IMAGE_NT_HEADERS) == 248);
static_assert(sizeof(IMAGE_SECTION_HEADER) == 40);
static_assert(sizeof(IMAGE_IMPORT_DESCRIPTOR) == 20);
static_assert(sizeof(IMAGE_EXPORT_DIRECTORY) == 40);
static_assert(sizeof(IMAGE_TLS_DIRECTORY32) == 24);
