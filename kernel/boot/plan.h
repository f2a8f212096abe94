// plan.h - what is to be started: the image files in memory, the options, the memory map.
//
// Both boot paths (disk.cpp, multiboot.cpp) fill one BootPlan and call StartKernel; from there on there is one path.
// Invariants
//  - Files[0] is ntoskrnl.exe; the order is the order of the boot list.
//  - File data lies in pages of type LoaderOsloaderHeap at the top of memory, out of the way of the images.
//  - Until EnterKernel paging is off: a pointer is a physical address.
#pragma once

#include "bytes.h"
#include "memory.h"

namespace boot {

constexpr ULONG MAXIMUM_FILES = 128;
constexpr ULONG MAXIMUM_OPTIONS = 512;

/// A file that the loader has read: its name and its bytes.
struct BootFile {
    char Name[LDR_NAME_LENGTH];
    Bytes Data;
};

/// What to boot: the files in their order, the options, and where they came from.
struct BootPlan {
    LOADER_BOOT_PATH Path;
    ULONG Drive;
    char Options[MAXIMUM_OPTIONS];
    BootFile Files[MAXIMUM_FILES];
    ULONG FileCount;
    MemoryMap Memory;

    [[nodiscard]] bool IsVerbose() const; ///< /DEBUG or /SOS: a progress line for each image
};

/// What stays for the kernel lies below this page.
[[nodiscard]] ULONG SystemPages(const MemoryMap& memory);

/// Builds the plan's memory map: firmware ranges, fixed regions, the loader. Fails when there is too little.
void PlanMemory(BootPlan& plan, nt::Span<const FirmwareRange> ranges);

/// Pages for a file of `size` bytes, typed LoaderOsloaderHeap, as high as there is memory.
[[nodiscard]] UCHAR* AllocateForFile(BootPlan& plan, const char* name, ULONG size);

/// Appends a file. Fails when there are too many or the name is too long.
BootFile& AddFile(BootPlan& plan, const char* name, ULONG nameLength);

/// Copies the boot options. Fails when they are too long.
void SetOptions(BootPlan& plan, const char* options, ULONG length);

/// Is this word among the options? In any case; "/DEBUG" also matches "/DEBUG=COM1".
[[nodiscard]] bool HasOption(const char* options, const char* option);

/// Loads the images, builds the loader block and jumps to KiSystemStartup.
[[noreturn]] void StartKernel(BootPlan& plan);

} // namespace boot
