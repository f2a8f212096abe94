// images.cpp - from files to bound images in memory. Contract: images.h. BOO-01, BOO-02, BOO-03
#include "images.h"
#include "console.h"

namespace boot {

using nt::PeError;
using nt::PeFault;
using nt::PeHeaders;
using nt::PeModule;

namespace {

/// The bytes of the images in memory, through which they are relocated and bound.
constinit ImageBytes g_images[MAXIMUM_FILES]{};

constexpr char KERNEL_NAME[] = "ntoskrnl.exe";
constexpr char HAL_NAME[] = "hal.dll";
constexpr ULONG FIRST_IMAGE_PAGE = 0x100; // 1 MB
constexpr char REBUILD[] = "the file is damaged or not a Mica image; rebuild it: make kernel.";

/// Says what an error means for the image `name`.
[[noreturn]] void FailImage(const char* name, const PeError& error) {
    switch (error.Fault) {
    case PeFault::NotAnImage: Fail(REBUILD, "%s is not a PE image.", name);
    case PeFault::Truncated: Fail(REBUILD, "%s is cut off: the file is shorter than its header says.", name);
    case PeFault::WrongMachine:
        Fail("build it for 32-bit x86: clang++ --target=i686-pc-windows-msvc.",
             "%s is built for another processor (machine type %x, needed 14c).", name, error.Value);
    case PeFault::NotPe32: Fail(REBUILD, "%s is not a PE32 image (format %x).", name, error.Value);
    case PeFault::BadHeader: Fail(REBUILD, "%s has a corrupt PE header (field at offset %x).", name, error.Value);
    case PeFault::BadSection: Fail(REBUILD, "%s has a corrupt section table (section %u).", name, error.Value);
    case PeFault::BadCheckSum:
        Fail(REBUILD, "%s is corrupt: its checksum is %x, not what its header says.", name, error.Value);
    case PeFault::NoRelocations:
        Fail("link it with /fixed:no.", "%s has to move from its preferred address but has no relocations.", name);
    case PeFault::BadRelocation:
        Fail(REBUILD, "%s has a bad relocation (at offset %x of the image).", name, error.Value);
    case PeFault::BadImports:
        Fail(REBUILD, "%s has a corrupt import table (at offset %x of the image).", name, error.Value);
    case PeFault::BadExports: Fail(REBUILD, "%s has a corrupt export table; %s imports from it.", error.Module, name);
    case PeFault::ModuleMissing:
        Fail("add that image to the boot list (\\MICA\\BOOT.LST, or -initrd), or rebuild: make kernel.",
             "%s imports from %s, which is not in the boot list.", name, error.Module);
    case PeFault::SymbolMissing:
        if (error.Symbol[0] != 0) {
            Fail("export it there, or rebuild both images together: make kernel.",
                 "%s imports %s!%s, which %s does not export.", name, error.Module, error.Symbol, error.Module);
        }
        Fail("export it there, or rebuild both images together: make kernel.",
             "%s imports %s!#%u, which %s does not export.", name, error.Module, error.Value, error.Module);
    case PeFault::ForwarderLoop:
        Fail(REBUILD, "%s imports an export of %s that is forwarded in a ring.", name, error.Module);
    default: Fail(REBUILD, "%s cannot be loaded.", name);
    }
}

TYPE_OF_MEMORY TypeOf(const char* name) {
    if (EqualNames(name, KERNEL_NAME)) {
        return LoaderSystemCode;
    }
    return EqualNames(name, HAL_NAME) ? LoaderHalCode : LoaderBootDriver;
}

/// The preferred base when it is within the limit and free, else the next free pages upwards.
ULONG PlaceImage(const BootPlan& plan, const BootFile& file, const PeHeaders& headers, ULONG nextPage) {
    const ULONG pages = headers.Optional().SizeOfImage >> PAGE_SHIFT;
    const ULONG base = headers.Optional().ImageBase;
    const ULONG limit = SystemPages(plan.Memory);
    if (base >= LDR_SYSTEM_SPACE) {
        const ULONG page = (base - LDR_SYSTEM_SPACE) >> PAGE_SHIFT;
        if (page < limit && pages <= limit - page && plan.Memory.Is(page, pages, LoaderFree)) {
            return page;
        }
    }
    const nt::Optional<ULONG> page = plan.Memory.FindUp(pages, nextPage, limit);
    if (!page) {
        Fail("give the machine more memory, or take images off the boot list.",
             "There is no room in memory for the image %s (%u KB).", file.Name, headers.Optional().SizeOfImage / 1024);
    }
    return *page;
}

/// Checks a file, lays the image out and relocates it. @returns the page behind it.
ULONG LoadImage(BootPlan& plan, const BootFile& file, ULONG nextPage, ImageBytes* bytes, PeModule* module) {
    PeError error;
    PeHeaders& headers = module->Headers;
    if (!NT_SUCCESS(CheckImageFile(file.Data, &headers, &error))) {
        FailImage(file.Name, error);
    }
    const ULONG page = PlaceImage(plan, file, headers, nextPage);
    const ULONG size = headers.Optional().SizeOfImage;
    const ULONG pages = size >> PAGE_SHIFT;
    if (!plan.Memory.Set(page, pages, TypeOf(file.Name))) {
        Fail("report this machine.", "The memory map has too many ranges.");
    }
    const Bytes memory(reinterpret_cast<UCHAR*>(static_cast<ULONG_PTR>(page) << PAGE_SHIFT), size);
    *bytes = ImageBytes(memory);
    module->Name = file.Name;
    module->Image = bytes;
    module->Base = LDR_SYSTEM_SPACE + (page << PAGE_SHIFT);
    if (!NT_SUCCESS(LayOutImage(file.Data, headers, memory, &error)) ||
        !NT_SUCCESS(nt::PeRelocate(*bytes, headers, module->Base, &error))) {
        FailImage(file.Name, error);
    }
    if (plan.IsVerbose()) {
        SerialPrint("loader: %X-%X %s%s\n", module->Base, module->Base + size, file.Name,
                    module->Base == headers.Optional().ImageBase ? "" : " (relocated)");
    }
    return page + pages;
}

/// The file's pages stay.
void Keep(BootPlan& plan, const BootFile& file) {
    const ULONG first = static_cast<ULONG>(reinterpret_cast<ULONG_PTR>(file.Data.Data()) >> PAGE_SHIFT);
    const ULONG pages = (file.Data.Size() + PAGE_SIZE - 1) >> PAGE_SHIFT;
    if (pages != 0 && !plan.Memory.Set(first, pages, LoaderBootFile)) {
        Fail("report this machine.", "The memory map has too many ranges.");
    }
}

void CheckList(const BootPlan& plan) {
    if (plan.FileCount == 0) {
        Fail("name ntoskrnl.exe, hal.dll and the drivers there, or pass -initrd \"ntoskrnl.exe,hal.dll,...\".",
             "The boot list is empty: there is no kernel to start.");
    }
    if (!EqualNames(plan.Files[0].Name, KERNEL_NAME)) {
        Fail("put ntoskrnl.exe first, then hal.dll, then the drivers.",
             "The boot list starts with %s; the kernel %s comes first.", plan.Files[0].Name, KERNEL_NAME);
    }
}

} // namespace

bool IsBootFile(const char* name) {
    const char* extension = "";
    for (const char* at = name; *at != 0; at++) {
        extension = *at == '.' ? at : extension;
    }
    return !EqualNames(name, KERNEL_NAME) && !EqualNames(name, HAL_NAME) && !EqualNames(extension, ".sys");
}

void LoadImages(BootPlan& plan, LoadedFiles* loaded) {
    CheckList(plan);
    loaded->NextPage = FIRST_IMAGE_PAGE;
    for (ULONG index = 0; index < plan.FileCount; index++) {
        const BootFile& file = plan.Files[index];
        if (IsBootFile(file.Name)) {
            Keep(plan, file);
            loaded->Others[loaded->OtherCount++] = &file;
            continue;
        }
        const ULONG module = loaded->ModuleCount++;
        const ULONG end = LoadImage(plan, file, loaded->NextPage, &g_images[module], &loaded->Modules[module]);
        loaded->NextPage = end > loaded->NextPage ? end : loaded->NextPage;
    }
    if (loaded->Modules[0].Headers.Optional().AddressOfEntryPoint == 0) {
        Fail("link it with /entry:KiSystemStartup.", "%s has no entry point.", loaded->Modules[0].Name);
    }
    BootModules all({loaded->Modules, loaded->ModuleCount});
    for (ULONG index = 0; index < loaded->ModuleCount; index++) {
        PeError error;
        if (!NT_SUCCESS(nt::PeBind(loaded->Modules[index], all, &error))) {
            FailImage(loaded->Modules[index].Name, error);
        }
    }
}

} // namespace boot
