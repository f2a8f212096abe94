// images.cpp - from files to bound images in memory. Contract: images.h. BOO-01, BOO-02, BOO-03
#include "images.h"
#include "console.h"

namespace boot {

namespace {

constexpr char KERNEL_NAME[] = "ntoskrnl.exe";
constexpr char HAL_NAME[] = "hal.dll";
constexpr ULONG FIRST_IMAGE_PAGE = 0x100; // 1 MB
constexpr char REBUILD[] = "the file is damaged or not a Mica image; rebuild it: make kernel.";

/// Says what a PeResult means for the image `name`.
[[noreturn]] void FailImage(const char* name, const PeResult& result) {
    switch (result.Status) {
    case PeStatus::NotAnImage: Fail(REBUILD, "%s is not a PE image.", name);
    case PeStatus::Truncated: Fail(REBUILD, "%s is cut off: the file is shorter than its header says.", name);
    case PeStatus::WrongMachine:
        Fail("build it for 32-bit x86: clang++ --target=i686-pc-windows-msvc.",
             "%s is built for another processor (machine type %x, needed 14c).", name, result.Value);
    case PeStatus::NotPe32: Fail(REBUILD, "%s is not a PE32 image (format %x).", name, result.Value);
    case PeStatus::BadHeader: Fail(REBUILD, "%s has a corrupt PE header (field at offset %x).", name, result.Value);
    case PeStatus::BadSection: Fail(REBUILD, "%s has a corrupt section table (section %u).", name, result.Value);
    case PeStatus::BadCheckSum:
        Fail(REBUILD, "%s is corrupt: its checksum is %x, not what its header says.", name, result.Value);
    case PeStatus::NoRelocations:
        Fail("link it with /fixed:no.", "%s has to move from its preferred address but has no relocations.", name);
    case PeStatus::BadRelocation:
        Fail(REBUILD, "%s has a bad relocation (at offset %x of the image).", name, result.Value);
    case PeStatus::BadImports:
        Fail(REBUILD, "%s has a corrupt import table (at offset %x of the image).", name, result.Value);
    case PeStatus::BadExports: Fail(REBUILD, "%s has a corrupt export table; %s imports from it.", result.Module, name);
    case PeStatus::ModuleMissing:
        Fail("add that image to the boot list (\\MICA\\BOOT.LST, or -initrd), or rebuild: make kernel.",
             "%s imports from %s, which is not in the boot list.", name, result.Module);
    case PeStatus::SymbolMissing:
        if (result.Symbol != nullptr) {
            Fail("export it there, or rebuild both images together: make kernel.",
                 "%s imports %s!%s, which %s does not export.", name, result.Module, result.Symbol, result.Module);
        }
        Fail("export it there, or rebuild both images together: make kernel.",
             "%s imports %s!#%u, which %s does not export.", name, result.Module, result.Value, result.Module);
    case PeStatus::ForwarderLoop:
        Fail(REBUILD, "%s imports an export of %s that is forwarded in a ring.", name, result.Module);
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
ULONG PlaceImage(const BootPlan& plan, const BootFile& file, const PeInfo& info, ULONG nextPage) {
    const ULONG pages = info.SizeOfImage >> PAGE_SHIFT;
    const ULONG limit = SystemPages(plan.Memory);
    if (info.ImageBase >= LDR_SYSTEM_SPACE) {
        const ULONG page = (info.ImageBase - LDR_SYSTEM_SPACE) >> PAGE_SHIFT;
        if (page < limit && pages <= limit - page && plan.Memory.Is(page, pages, LoaderFree)) {
            return page;
        }
    }
    const nt::Optional<ULONG> page = plan.Memory.FindUp(pages, nextPage, limit);
    if (!page) {
        Fail("give the machine more memory, or take images off the boot list.",
             "There is no room in memory for the image %s (%u KB).", file.Name, info.SizeOfImage / 1024);
    }
    return *page;
}

} // namespace

ULONG LoadImages(BootPlan& plan, PeModule (&modules)[MAXIMUM_FILES]) {
    if (plan.FileCount == 0) {
        Fail("name ntoskrnl.exe, hal.dll and the drivers there, or pass -initrd \"ntoskrnl.exe,hal.dll,...\".",
             "The boot list is empty: there is no kernel to start.");
    }
    if (!EqualNames(plan.Files[0].Name, KERNEL_NAME)) {
        Fail("put ntoskrnl.exe first, then hal.dll, then the drivers.",
             "The boot list starts with %s; the kernel %s comes first.", plan.Files[0].Name, KERNEL_NAME);
    }
    ULONG nextPage = FIRST_IMAGE_PAGE;
    for (ULONG index = 0; index < plan.FileCount; index++) {
        const BootFile& file = plan.Files[index];
        PeModule& module = modules[index];
        module.Name = file.Name;
        if (const PeResult result = PeParse(file.Data, &module.Info); !result) {
            FailImage(file.Name, result);
        }
        const ULONG page = PlaceImage(plan, file, module.Info, nextPage);
        const ULONG pages = module.Info.SizeOfImage >> PAGE_SHIFT;
        if (!plan.Memory.Set(page, pages, TypeOf(file.Name))) {
            Fail("report this machine.", "The memory map has too many ranges.");
        }
        module.Image = {reinterpret_cast<UCHAR*>(static_cast<ULONG_PTR>(page) << PAGE_SHIFT), module.Info.SizeOfImage};
        module.VirtualBase = LDR_SYSTEM_SPACE + (page << PAGE_SHIFT);
        if (const PeResult result = PeLayOut(file.Data, module.Info, module.Image); !result) {
            FailImage(file.Name, result);
        }
        if (const PeResult result = PeRelocate(module); !result) {
            FailImage(file.Name, result);
        }
        nextPage = page + pages > nextPage ? page + pages : nextPage;
        if (plan.IsVerbose()) {
            SerialPrint("loader: %X-%X %s%s\n", module.VirtualBase, module.VirtualBase + module.Info.SizeOfImage,
                        file.Name, module.VirtualBase == module.Info.ImageBase ? "" : " (relocated)");
        }
    }
    if (modules[0].Info.EntryPoint == 0) {
        Fail("link it with /entry:KiSystemStartup.", "%s has no entry point.", modules[0].Name);
    }
    for (ULONG index = 0; index < plan.FileCount; index++) {
        if (const PeResult result = PeBind(modules[index], {modules, plan.FileCount}); !result) {
            FailImage(modules[index].Name, result);
        }
    }
    return nextPage;
}

} // namespace boot
