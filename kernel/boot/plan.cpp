// plan.cpp - the boot plan: memory, files, options. Contract: plan.h.
#include "plan.h"
#include "console.h"
#include "layout.h"

namespace boot {

namespace {

constexpr ULONG PAGES_A_MEGABYTE = (1u << 20) >> PAGE_SHIFT;
constexpr ULONG MINIMUM_MEGABYTES = 8;

constexpr ULONG PageOf(ULONG address) { return address >> PAGE_SHIFT; }

void SetOrFail(MemoryMap& memory, ULONG firstPage, ULONG endPage, TYPE_OF_MEMORY type) {
    if (!memory.Set(firstPage, endPage - firstPage, type)) {
        Fail("report this machine: the loader keeps 128 ranges.", "The memory map has too many ranges.");
    }
}

} // namespace

bool BootPlan::IsVerbose() const { return HasOption(Options, "/DEBUG") || HasOption(Options, "/SOS"); }

ULONG SystemPages(const MemoryMap& memory) {
    const ULONG limit = PageOf(LDR_SYSTEM_LIMIT);
    return memory.EndOfRam() < limit ? memory.EndOfRam() : limit;
}

void PlanMemory(BootPlan& plan, nt::Span<const FirmwareRange> ranges) {
    MemoryMap& memory = plan.Memory;
    if (!memory.Build(ranges)) {
        Fail("report this machine: the loader keeps 128 ranges.", "The memory map has too many ranges.");
    }
    const ULONG megabytes = (memory.EndOfRam() + PAGES_A_MEGABYTE - 1) / PAGES_A_MEGABYTE;
    if (megabytes < MINIMUM_MEGABYTES) {
        Fail("give the machine at least 8 MB (64 MB is usual): qemu -m 64, or \"megs: 64\" in bochsrc.",
             "This machine has too little memory: %u MB, and Mica needs %u MB.", megabytes, MINIMUM_MEGABYTES);
    }
    SetOrFail(memory, 0, 1, LoaderFirmwarePermanent); // interrupt vectors and BIOS data
    SetOrFail(memory, PageOf(0xa0000), PageOf(0x100000), LoaderFirmwarePermanent);
    SetOrFail(memory, PageOf(LOADER_BASE), PageOf(BOUNCE_BUFFER + BOUNCE_BUFFER_SIZE), LoaderLoadedProgram);
}

UCHAR* AllocateForFile(BootPlan& plan, const char* name, ULONG size) {
    const ULONG pages = (size >> PAGE_SHIFT) + 1;
    const nt::Optional<ULONG> page = plan.Memory.FindDown(pages, plan.Memory.EndOfRam());
    if (!page || *page < PAGES_A_MEGABYTE) {
        Fail("give the machine more memory, or take images off the boot list.",
             "There is no room in memory for %s (%u KB).", name, size / 1024);
    }
    SetOrFail(plan.Memory, *page, *page + pages, LoaderOsloaderHeap);
    return reinterpret_cast<UCHAR*>(static_cast<ULONG_PTR>(*page) << PAGE_SHIFT);
}

BootFile& AddFile(BootPlan& plan, const char* name, ULONG nameLength) {
    if (plan.FileCount == MAXIMUM_FILES) {
        Fail("take images off the boot list.", "The boot list names more than %u images.", MAXIMUM_FILES);
    }
    BootFile& file = plan.Files[plan.FileCount];
    if (nameLength >= sizeof(file.Name)) {
        Fail("rename the image.", "The name of image %u in the boot list is longer than %u characters.",
             plan.FileCount + 1, static_cast<ULONG>(sizeof(file.Name) - 1));
    }
    memset(file.Name, 0, sizeof(file.Name));
    memcpy(file.Name, name, nameLength);
    for (ULONG index = 0; index < plan.FileCount; index++) {
        if (EqualNames(plan.Files[index].Name, file.Name)) {
            Fail("name every image once.", "The boot list names %s twice.", file.Name);
        }
    }
    plan.FileCount++;
    return file;
}

void SetOptions(BootPlan& plan, const char* options, ULONG length) {
    if (length >= sizeof(plan.Options)) {
        Fail("shorten them.", "The boot options are longer than %u characters.",
             static_cast<ULONG>(sizeof(plan.Options) - 1));
    }
    memset(plan.Options, 0, sizeof(plan.Options));
    memcpy(plan.Options, options, length);
}

bool HasOption(const char* options, const char* option) {
    const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; };
    bool atStart = true;
    for (; *options != 0; atStart = *options == ' ', options++) {
        if (!atStart) {
            continue;
        }
        ULONG length = 0;
        while (option[length] != 0 && upper(options[length]) == upper(option[length])) {
            length++;
        }
        const char after = options[length];
        if (option[length] == 0 && (after == 0 || after == ' ' || after == '=')) {
            return true;
        }
    }
    return false;
}

} // namespace boot
