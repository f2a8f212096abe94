// multiboot.cpp - the multiboot path: modules and options handed over by the emulator or a boot manager.
//
// Modules come in boot-list order; an image's name is the last part of its module string. The command line is the
// loader's own name, then the boot options. Format: the Multiboot Specification 0.6.96. BOO-04
#include "console.h"
#include "exceptions.h"
#include "layout.h"
#include "plan.h"

namespace boot {

namespace {

constexpr ULONG FLAG_MEMORY = 1u << 0;
constexpr ULONG FLAG_COMMAND_LINE = 1u << 2;
constexpr ULONG FLAG_MODULES = 1u << 3;
constexpr ULONG FLAG_MEMORY_MAP = 1u << 6;
constexpr ULONG MAXIMUM_RANGES = 64;

struct MultibootInfo {
    ULONG Flags;
    ULONG MemoryLower; ///< KB from 0
    ULONG MemoryUpper; ///< KB from 1 MB
    ULONG BootDevice;
    ULONG CommandLine;
    ULONG ModuleCount;
    ULONG Modules;
    ULONG Symbols[4];
    ULONG MapLength;
    ULONG Map;
};
static_assert(offsetof(MultibootInfo, Map) == 48);

struct MultibootModule {
    ULONG Start;
    ULONG End;
    ULONG String;
    ULONG Reserved;
};

constinit BootPlan g_plan{};
constinit FirmwareRange g_ranges[MAXIMUM_RANGES]{};

template <typename T> const T* At(ULONG address) { return reinterpret_cast<const T*>(static_cast<ULONG_PTR>(address)); }

/// The loader copies itself to a fixed place: boot information that lay there is gone.
void RequireIntact(ULONG address) {
    if (address >= LOADER_BASE && address < LOADER_LIMIT) {
        Fail("use QEMU, or boot from the disk image.",
             "The boot manager left its information at %X, where the loader runs.", address);
    }
}

ULONG Length(const char* text) {
    ULONG length = 0;
    while (text[length] != 0) {
        length++;
    }
    return length;
}

ULONG ReadMemoryMap(const MultibootInfo& info) {
    ULONG count = 0;
    if ((info.Flags & FLAG_MEMORY_MAP) != 0) {
        RequireIntact(info.Map);
        const ULONG end = info.Map + info.MapLength;
        for (ULONG at = info.Map; at < end && count < MAXIMUM_RANGES;) {
            ULONG size; // of what follows it
            memcpy(&size, At<void>(at), 4);
            memcpy(&g_ranges[count].Base, At<void>(at + 4), 8);
            memcpy(&g_ranges[count].Length, At<void>(at + 12), 8);
            memcpy(&g_ranges[count].Type, At<void>(at + 20), 4);
            count++;
            at += size + 4;
        }
    } else if ((info.Flags & FLAG_MEMORY) != 0) {
        g_ranges[count++] = {0, ULONGLONG{info.MemoryLower} * 1024, 1};
        g_ranges[count++] = {0x100000, ULONGLONG{info.MemoryUpper} * 1024, 1};
    }
    return count;
}

/// The options follow the loader's own name.
void ReadOptions(const MultibootInfo& info) {
    if ((info.Flags & FLAG_COMMAND_LINE) != 0) RequireIntact(info.CommandLine);
    const char* text = (info.Flags & FLAG_COMMAND_LINE) != 0 ? At<char>(info.CommandLine) : "";
    while (*text != 0 && *text != ' ') {
        text++;
    }
    while (*text == ' ') {
        text++;
    }
    ULONG length = Length(text);
    while (length != 0 && text[length - 1] == ' ') {
        length--;
    }
    SetOptions(g_plan, text, length);
}

/// "build/free/boot/hal.dll argument" to "hal.dll".
void ReadName(const char* string, const char** name, ULONG* length) {
    *name = string;
    for (; *string != 0; string++) {
        if (*string == '/' || *string == '\\') {
            *name = string + 1;
        }
    }
    for (*length = 0; (*name)[*length] != 0 && (*name)[*length] != ' ';) {
        ++*length;
    }
}

void ReadModules(const MultibootInfo& info) {
    const ULONG count = (info.Flags & FLAG_MODULES) != 0 ? info.ModuleCount : 0;
    if (count != 0) RequireIntact(info.Modules);
    for (ULONG index = 0; index < count; index++) {
        const MultibootModule module = At<MultibootModule>(info.Modules)[index];
        RequireIntact(module.String);
        const char* name;
        ULONG length;
        ReadName(At<char>(module.String), &name, &length);
        BootFile& file = AddFile(g_plan, name, length);
        if (module.End < module.Start) {
            Fail("start it with qemu -initrd.", "Module %s ends before it starts.", file.Name);
        }
        file.Data = {reinterpret_cast<UCHAR*>(static_cast<ULONG_PTR>(module.Start)), module.End - module.Start};
    }
}

struct PageRange {
    ULONG First;
    ULONG Count;
};

PageRange PagesOf(const Bytes& data) {
    const ULONG start = static_cast<ULONG>(reinterpret_cast<ULONG_PTR>(data.Data()));
    const ULONG first = start >> PAGE_SHIFT;
    return {first, ((start + data.Size() + PAGE_SIZE - 1) >> PAGE_SHIFT) - first};
}

/// The modules lie where ntoskrnl wants to be. All of them keep their pages until every one has its new place.
void MoveModulesUp() {
    constexpr char advice[] = "start it with qemu -kernel loader.elf -initrd \"ntoskrnl.exe,hal.dll,...\".";
    PageRange old[MAXIMUM_FILES];
    for (ULONG index = 0; index < g_plan.FileCount; index++) {
        old[index] = PagesOf(g_plan.Files[index].Data);
        const PageRange range = old[index];
        // The first and last page may be shared with a neighbour, so "free or already a module" is the condition.
        for (ULONG page = range.First; page < range.First + range.Count; page++) {
            if (!g_plan.Memory.Is(page, 1, LoaderFree) && !g_plan.Memory.Is(page, 1, LoaderOsloaderHeap)) {
                Fail(advice, "Module %s lies at %X, where there is no free memory.", g_plan.Files[index].Name,
                     page << PAGE_SHIFT);
            }
        }
        if (!g_plan.Memory.Set(range.First, range.Count, LoaderOsloaderHeap)) {
            Fail(advice, "The memory map has too many ranges.");
        }
    }
    for (ULONG index = 0; index < g_plan.FileCount; index++) {
        BootFile& file = g_plan.Files[index];
        UCHAR* const to = AllocateForFile(g_plan, file.Name, file.Data.Size());
        memcpy(to, file.Data.Data(), file.Data.Size());
        file.Data = {to, file.Data.Size()};
    }
    for (ULONG index = 0; index < g_plan.FileCount; index++) {
        if (!g_plan.Memory.Set(old[index].First, old[index].Count, LoaderFree)) {
            Fail(advice, "The memory map has too many ranges.");
        }
    }
}

} // namespace

extern "C" [[noreturn]] void LoaderMultibootMain(ULONG magic, const MultibootInfo* information);

void LoaderMultibootMain(ULONG magic, const MultibootInfo* information) {
    ConsoleInitialize();
    CatchExceptions();
    if (magic != MULTIBOOT_ENTRY_MAGIC) {
        Fail("start it with qemu -kernel, or from a multiboot boot manager.",
             "The loader was not started as the Multiboot Specification says (EAX is %X).", magic);
    }
    RequireIntact(static_cast<ULONG>(reinterpret_cast<ULONG_PTR>(information)));
    const MultibootInfo info = *information;
    g_plan.Path = LoaderBootMultiboot;
    const ULONG ranges = ReadMemoryMap(info);
    if (ranges == 0) {
        Fail("use QEMU, or a boot manager that passes a memory map.", "There is no memory map.");
    }
    PlanMemory(g_plan, {g_ranges, ranges});
    ReadOptions(info);
    ReadModules(info);
    MoveModulesUp();
    StartKernel(g_plan);
}

} // namespace boot
