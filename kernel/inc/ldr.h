// ldr.h - what the boot loader hands to the kernel: the loader parameter block.
//
// The loader (kernel/boot, an i386 ELF program) fills these structures and passes the block's address to
// KiSystemStartup(PLOADER_PARAMETER_BLOCK), __stdcall, with paging on and interrupts off.
//
// Invariants
//  - Every pointer and list link is a system-space virtual address: physical + LDR_SYSTEM_SPACE. Fields whose name
//    or comment says "physical" are physical addresses.
//  - LoadOrderListHead holds ntoskrnl.exe first, hal.dll second, then the boot drivers in the order of the boot list.
//    Every image is mapped, relocated to DllBase and bound; no entry point has been called.
//  - BootFileListHead holds what else the boot list names: .exe and .dll files, which the loader leaves as they are on the disk. They
//    lie in whole pages anywhere in memory and are mapped nowhere.
//  - MemoryDescriptorListHead is sorted by BasePage, descriptors do not overlap and neighbours of one type are merged.
//    Pages in no descriptor do not exist (holes) and are never RAM.
//  - Mapped in system space are the first megabyte and what the loader brought, by 4 KB pages: images as their sections say
//    (what is not writable is read-only for the kernel too, CR0.WP is set), stack, page tables and block writable.
//  - The page directory is its own page table at LDR_PAGE_TABLES. The last 4 MB have a page table, which is empty.
//  - The low 4 MB are also mapped at 0 (page 0 is not); the memory manager drops that map.
//  - The block, the images, the boot stack and the page tables are outside LoaderFree memory; LoaderLoadedProgram
//    pages (the loader itself) may be reused as soon as the kernel runs on its own GDT.
//
// Locks: none, written before the kernel runs and read-only until phase 0 copies what it keeps. IRQL: any.
//
// Both compilers must agree on the layout: the loader is built with -malign-double, and every offset is asserted below.
//
// In the books: Windows Internals, "Startup and shutdown" / "System mechanisms: image loader" (BOO-01..04).
#pragma once

#include "nt/list.h"
#include "nt/types.h"
#include "rtl/ustring.h"

/// Virtual address of physical address 0 in system space, as far as it is mapped.
inline constexpr ULONG LDR_SYSTEM_SPACE = 0x80000000;
/// Nothing that the loader leaves behind lies above this physical address, except boot files.
inline constexpr ULONG LDR_SYSTEM_LIMIT = 16u << 20;
/// The first megabyte, all of which is mapped: firmware tables, the screen, pages that start processors.
inline constexpr ULONG LDR_LOW_MEMORY = 1u << 20;
inline constexpr ULONG LDR_PAGE_TABLES = 0xC0000000; ///< page tables, mapped to themselves
inline constexpr ULONG LDR_BOOT_STACK_SIZE = 16384;

inline constexpr ULONG LDR_BLOCK_SIGNATURE = 0x4143494d; ///< 'MICA' in memory order
inline constexpr ULONG LDR_BLOCK_VERSION = 3;

/// What a run of physical pages holds when the kernel gets control. The values are NT's.
enum TYPE_OF_MEMORY : ULONG {
    LoaderFree = 2,                ///< free RAM
    LoaderBad = 3,                 ///< firmware says: defective
    LoaderLoadedProgram = 4,       ///< the loader itself: free once the kernel has its own GDT
    LoaderFirmwareTemporary = 5,   ///< ACPI tables: free once they are read
    LoaderFirmwarePermanent = 6,   ///< page 0, BIOS, ROMs, devices: never RAM for the kernel
    LoaderOsloaderHeap = 7,        ///< only while the loader runs: image files before they are loaded
    LoaderSystemCode = 9,          ///< ntoskrnl.exe
    LoaderHalCode = 10,            ///< hal.dll
    LoaderBootDriver = 11,         ///< any other image in the boot list
    LoaderStartupKernelStack = 15, ///< the stack KiSystemStartup runs on
    LoaderStartupPdrPage = 18,     ///< page directory and page tables
    LoaderMemoryData = 20,         ///< the loader block and all it points to
    LoaderBootFile = 64,           ///< a file that stays as it is (Mica's own value)
};

/// A run of physical pages of one type.
struct MEMORY_ALLOCATION_DESCRIPTOR {
    LIST_ENTRY ListEntry; ///< in LOADER_PARAMETER_BLOCK::MemoryDescriptorListHead
    TYPE_OF_MEMORY MemoryType;
    ULONG BasePage;  ///< physical page number
    ULONG PageCount; ///< in 4 KB pages
};
using PMEMORY_ALLOCATION_DESCRIPTOR = MEMORY_ALLOCATION_DESCRIPTOR*;

inline constexpr ULONG LDR_NAME_LENGTH = 32; ///< characters of a file's name, with a 0

/// LDR_DATA_TABLE_ENTRY::Flags
inline constexpr ULONG LDRP_IMAGE_DLL = 0x00000004;         ///< the image is a DLL
inline constexpr ULONG LDRP_ENTRY_PROCESSED = 0x00004000;   ///< set by the kernel when the entry point has been called
inline constexpr ULONG LDRP_IMAGE_NOT_AT_BASE = 0x00200000; ///< relocated: DllBase is not OriginalBase

/// One loaded image. The kernel keeps these as PsLoadedModuleList. Names are counted strings, which the loader ends with a 0 too.
struct LDR_DATA_TABLE_ENTRY {
    LIST_ENTRY InLoadOrderLinks;
    LIST_ENTRY InMemoryOrderLinks;         ///< empty list at boot
    LIST_ENTRY InInitializationOrderLinks; ///< empty list at boot
    PVOID DllBase;                         ///< virtual address of the image
    PVOID EntryPoint;                      ///< virtual address, nullptr when the image has none
    ULONG SizeOfImage;                     ///< bytes, a multiple of the page size
    UNICODE_STRING FullDllName;            ///< "\MICA\ntoskrnl.exe"
    UNICODE_STRING BaseDllName;            ///< "ntoskrnl.exe"
    ULONG Flags;                           ///< LDRP_*
    USHORT LoadCount;
    USHORT TlsIndex;
    PVOID SectionPointer;
    ULONG CheckSum;      ///< of the PE header
    ULONG TimeDateStamp; ///< of the PE header
    PVOID EntryPointActivationContext;
    PVOID PatchInformation;
    LIST_ENTRY ForwarderLinks;
    LIST_ENTRY ServiceTagLinks;
    LIST_ENTRY StaticLinks;
    PVOID ContextInformation;
    ULONG OriginalBase; ///< preferred base: symbol address = address - DllBase + OriginalBase
    LARGE_INTEGER LoadTime;
};
using PLDR_DATA_TABLE_ENTRY = LDR_DATA_TABLE_ENTRY*;

/// A file that the loader has left as it is.
struct LDR_BOOT_FILE {
    LIST_ENTRY Links;    ///< in LOADER_PARAMETER_BLOCK::BootFileListHead
    UNICODE_STRING Name; ///< "ntdll.dll"
    ULONG BasePage;      ///< physical page number of its first byte
    ULONG Size;          ///< bytes
};

extern "C" {
/// The loaded images, of LDR_DATA_TABLE_ENTRY::InLoadOrderLinks: the kernel's own copy of LoadOrderListHead, in phase 0. Flink is
/// nullptr before that. Guarded by PsLoadedModuleSpinLock (ke/loadedmodules.h says for whom).
NTKERNELAPI extern LIST_ENTRY PsLoadedModuleList;
}

/// How the machine was started.
enum LOADER_BOOT_PATH : ULONG { LoaderBootDisk = 0, LoaderBootMultiboot = 1 };

/// Everything the kernel knows about the machine when it starts.
struct LOADER_PARAMETER_BLOCK {
    ULONG Signature; ///< LDR_BLOCK_SIGNATURE: anything else means a loader of another build
    ULONG Version;   ///< LDR_BLOCK_VERSION
    ULONG Size;      ///< sizeof(LOADER_PARAMETER_BLOCK)
    LOADER_BOOT_PATH BootPath;
    LIST_ENTRY LoadOrderListHead;        ///< of LDR_DATA_TABLE_ENTRY::InLoadOrderLinks
    LIST_ENTRY MemoryDescriptorListHead; ///< of MEMORY_ALLOCATION_DESCRIPTOR::ListEntry
    ULONG KernelStack;                   ///< top (highest address) of the boot stack, LDR_BOOT_STACK_SIZE bytes
    CHAR* LoadOptions;                   ///< boot options, "" when there are none: "/TEST /SEED=7"
    CHAR* NtBootPathName;                ///< "\MICA\"
    ULONG PageDirectory;                 ///< physical address (the value of CR3)
    ULONG LowPageTable;                  ///< physical address of the page table of the first 4 MB
    ULONG SystemMapSize;                 ///< bytes from LDR_SYSTEM_SPACE on that have page tables, a multiple of 4 MB
    ULONG HighestPhysicalPage;           ///< last RAM page below 4 GB
    ULONG AcpiRsdp;                      ///< physical address of the ACPI root pointer, 0: none found
    ULONG MpFloatingPointer;             ///< physical address of the MP table pointer ("_MP_"), 0: none found
    ULONG BootDrive;                     ///< BIOS drive number (disk boot only)
    ULONGLONG TotalMemory;               ///< bytes of usable RAM, above 4 GB included
    LIST_ENTRY BootFileListHead;         ///< of LDR_BOOT_FILE::Links
    ULONG Reserved[2];
};
using PLOADER_PARAMETER_BLOCK = LOADER_PARAMETER_BLOCK*;

extern "C" {
/// PsLoadedModuleList takes over the loader's entries. Phase 0.
void NTAPI LdrInitializeLoadedModuleList(PLOADER_PARAMETER_BLOCK LoaderBlock);
/// Makes the loader's boot files known (ldr/bootfiles.h). Phase 1. @returns whether there was memory for it
BOOLEAN NTAPI LdrInitializeBootFiles(PLOADER_PARAMETER_BLOCK LoaderBlock);
/// Calls the entry points of the drivers that the loader brought. @irql PASSIVE_LEVEL
void NTAPI LdrCallBootDrivers();
}

#if __SIZEOF_POINTER__ == 4 // host tests may be 64-bit: the layout is a contract between the two 32-bit sides only
static_assert(sizeof(MEMORY_ALLOCATION_DESCRIPTOR) == 20);
static_assert(__builtin_offsetof(MEMORY_ALLOCATION_DESCRIPTOR, MemoryType) == 8);
static_assert(__builtin_offsetof(MEMORY_ALLOCATION_DESCRIPTOR, BasePage) == 12);
static_assert(__builtin_offsetof(MEMORY_ALLOCATION_DESCRIPTOR, PageCount) == 16);

static_assert(sizeof(LDR_DATA_TABLE_ENTRY) == 0x78);
static_assert(__builtin_offsetof(LDR_DATA_TABLE_ENTRY, DllBase) == 0x18);
static_assert(__builtin_offsetof(LDR_DATA_TABLE_ENTRY, EntryPoint) == 0x1c);
static_assert(__builtin_offsetof(LDR_DATA_TABLE_ENTRY, SizeOfImage) == 0x20);
static_assert(__builtin_offsetof(LDR_DATA_TABLE_ENTRY, FullDllName) == 0x24);
static_assert(__builtin_offsetof(LDR_DATA_TABLE_ENTRY, BaseDllName) == 0x2c);
static_assert(__builtin_offsetof(LDR_DATA_TABLE_ENTRY, Flags) == 0x34);
static_assert(__builtin_offsetof(LDR_DATA_TABLE_ENTRY, TlsIndex) == 0x3a);
static_assert(__builtin_offsetof(LDR_DATA_TABLE_ENTRY, TimeDateStamp) == 0x44);
static_assert(__builtin_offsetof(LDR_DATA_TABLE_ENTRY, OriginalBase) == 0x6c);

static_assert(sizeof(LDR_BOOT_FILE) == 24);
static_assert(__builtin_offsetof(LDR_BOOT_FILE, BasePage) == 16);

static_assert(sizeof(LOADER_PARAMETER_BLOCK) == 0x60);
static_assert(__builtin_offsetof(LOADER_PARAMETER_BLOCK, LoadOrderListHead) == 0x10);
static_assert(__builtin_offsetof(LOADER_PARAMETER_BLOCK, MemoryDescriptorListHead) == 0x18);
static_assert(__builtin_offsetof(LOADER_PARAMETER_BLOCK, KernelStack) == 0x20);
static_assert(__builtin_offsetof(LOADER_PARAMETER_BLOCK, PageDirectory) == 0x2c);
static_assert(__builtin_offsetof(LOADER_PARAMETER_BLOCK, AcpiRsdp) == 0x3c);
static_assert(__builtin_offsetof(LOADER_PARAMETER_BLOCK, BootDrive) == 0x44);
static_assert(__builtin_offsetof(LOADER_PARAMETER_BLOCK, TotalMemory) == 0x48);
static_assert(__builtin_offsetof(LOADER_PARAMETER_BLOCK, BootFileListHead) == 0x50);
#endif
