// handoff.cpp - page tables, the loader block, and the jump into the kernel. BOO-04
//
// Behind the highest image lie, in this order: the boot stack, the page directory, the page tables of system space from its
// start, the page table of the last 4 MB, and the loader block with everything it points to.
#include "console.h"
#include "images.h"

extern "C" [[noreturn]] void EnterKernel(ULONG pageDirectory, ULONG stackTop, ULONG entry, ULONG block);

namespace boot {

using nt::PeModule;

namespace {

constexpr ULONG ENTRIES = 1024;
constexpr ULONG PAGE_PRESENT = 0x1;
constexpr ULONG PAGE_WRITABLE = 0x2;
constexpr ULONG PAGE_GLOBAL = 0x100;
constexpr ULONG LARGE_PAGE = 4u << 20;
constexpr ULONG SYSTEM_SPACE_ENTRY = LDR_SYSTEM_SPACE / LARGE_PAGE;
constexpr ULONG PAGE_TABLES_ENTRY = LDR_PAGE_TABLES / LARGE_PAGE;
constexpr ULONG HAL_ENTRY = ENTRIES - 1; ///< the last 4 MB, where the kernel maps single pages before it has memory
constexpr ULONG STACK_PAGES = LDR_BOOT_STACK_SIZE / PAGE_SIZE;
constexpr ULONG LOW_PAGES = LDR_LOW_MEMORY / PAGE_SIZE;
constexpr ULONG CPUID_PSE = 1u << 3;

/// The identity map of the low 4 MB: the loader's own memory, the kernel drops it.
alignas(PAGE_SIZE) constinit ULONG g_identityTable[ENTRIES]{};

constexpr char FOLDER[] = "\\MICA\\";
constexpr ULONG FOLDER_LENGTH = sizeof(FOLDER) - 1;

/// A file of the boot list, as the kernel sees it: an image or a boot file.
union FileEntry {
    LDR_DATA_TABLE_ENTRY Image;
    LDR_BOOT_FILE File;
};

/// Everything the block points to, in one piece of memory.
struct LoaderData {
    LOADER_PARAMETER_BLOCK Block;
    FileEntry Files[MAXIMUM_FILES];
    WCHAR Paths[MAXIMUM_FILES][FOLDER_LENGTH + LDR_NAME_LENGTH]; ///< of Files
    MEMORY_ALLOCATION_DESCRIPTOR Descriptors[MemoryMap::CAPACITY];
    CHAR Options[MAXIMUM_OPTIONS];
    CHAR BootPath[8];
};
constexpr ULONG DATA_PAGES = (sizeof(LoaderData) + PAGE_SIZE - 1) / PAGE_SIZE;

/// The address of loader memory as the kernel will see it.
template <typename T> T* Virtual(T* physical) {
    return reinterpret_cast<T*>(reinterpret_cast<ULONG_PTR>(physical) + LDR_SYSTEM_SPACE);
}

ULONG Physical(const void* address) { return static_cast<ULONG>(reinterpret_cast<ULONG_PTR>(address)); }

template <typename T> T* PageAddress(ULONG page) {
    return reinterpret_cast<T*>(static_cast<ULONG_PTR>(page) << PAGE_SHIFT);
}

/// Builds a list of virtual addresses while paging is off: `previous` is the last entry so far, or the head.
void Append(LIST_ENTRY* head, LIST_ENTRY** previous, LIST_ENTRY* entry) {
    entry->Blink = Virtual(*previous);
    entry->Flink = Virtual(head);
    (*previous)->Flink = Virtual(entry);
    head->Blink = Virtual(entry);
    *previous = entry;
}

void MakeEmpty(LIST_ENTRY* head) { head->Flink = head->Blink = Virtual(head); }

void CheckProcessor() {
    ULONG eax = 1;
    ULONG edx = 0;
    asm volatile("cpuid" : "+a"(eax), "=d"(edx) : : "ebx", "ecx");
    if ((edx & CPUID_PSE) == 0) {
        Fail("use a Pentium or later.", "This processor has no 4 MB pages.");
    }
}

/// Where the pages lie that the handoff takes behind the images, one after the other.
struct Placement {
    ULONG Stack;     ///< STACK_PAGES
    ULONG Directory; ///< one page
    ULONG Tables;    ///< of system space from its start
    ULONG TableCount;
    ULONG HalTable; ///< one page
    ULONG Data;     ///< DATA_PAGES

    [[nodiscard]] ULONG End() const { return Data + DATA_PAGES; }
};

/// Finds room behind the images. One page table maps 4 MB: as many as reach the end of what they map.
Placement Place(MemoryMap& memory, ULONG nextPage) {
    for (ULONG tables = 1; tables <= LDR_SYSTEM_LIMIT / LARGE_PAGE; tables++) {
        const ULONG pages = STACK_PAGES + 1 + tables + 1 + DATA_PAGES;
        const nt::Optional<ULONG> first = memory.FindUp(pages, nextPage, tables * ENTRIES);
        if (!first) {
            continue;
        }
        const ULONG directory = *first + STACK_PAGES;
        const ULONG hal = directory + 1 + tables;
        if (!memory.Set(*first, STACK_PAGES, LoaderStartupKernelStack) ||
            !memory.Set(directory, 1 + tables + 1, LoaderStartupPdrPage) ||
            !memory.Set(hal + 1, DATA_PAGES, LoaderMemoryData) ||
            !memory.Retype(LoaderOsloaderHeap, LoaderFree)) { // the files have been read
            Fail("report this machine.", "The memory map has too many ranges.");
        }
        return {*first, directory, directory + 1, tables, hal, hal + 1};
    }
    Fail("give the machine more memory.", "There is no room in memory for the loader block.");
}

/// Maps an image: what is not writable by its section is not writable at all, headers included.
void MapImage(const PeModule& module, ULONG* table) {
    const ULONG size = module.Headers.Optional().SizeOfImage;
    const ULONG first = (module.Base - LDR_SYSTEM_SPACE) >> PAGE_SHIFT;
    for (ULONG page = first; page < first + (size >> PAGE_SHIFT); page++) {
        table[page] = page << PAGE_SHIFT | PAGE_GLOBAL | PAGE_PRESENT;
    }
    for (ULONG index = 0; index < module.Headers.Nt.FileHeader.NumberOfSections; index++) {
        IMAGE_SECTION_HEADER section;
        const ULONG at = module.Headers.SectionTable + index * static_cast<ULONG>(sizeof(section));
        if (!NT_SUCCESS(module.Image->Get(at, &section)) || (section.Characteristics & IMAGE_SCN_MEM_WRITE) == 0) {
            continue;
        }
        const ULONG length = section.VirtualSize != 0 ? section.VirtualSize : section.SizeOfRawData;
        for (ULONG offset = 0; offset < length; offset += PAGE_SIZE) {
            table[first + ((section.VirtualAddress + offset) >> PAGE_SHIFT)] |= PAGE_WRITABLE;
        }
    }
}

/// What the loader brought is mapped in system space, page by page, and the first megabyte; the first 4 MB also where they
/// are, until the kernel runs. The directory is its own page table, so that all page tables are mapped.
void BuildPageTables(const Placement& place, nt::Span<const PeModule> modules) {
    ULONG* const directory = PageAddress<ULONG>(place.Directory);
    ULONG* const table = PageAddress<ULONG>(place.Tables);
    memset(directory, 0, PAGE_SIZE);
    memset(table, 0, place.TableCount * PAGE_SIZE);
    memset(PageAddress<ULONG>(place.HalTable), 0, PAGE_SIZE);
    for (ULONG page = 1; page < ENTRIES; page++) { // not page 0: null pointers fault
        g_identityTable[page] = page << PAGE_SHIFT | PAGE_WRITABLE | PAGE_PRESENT;
    }
    for (ULONG page = 0; page < LOW_PAGES; page++) { // not global: a processor that starts has them at 0, too
        table[page] = page << PAGE_SHIFT | PAGE_WRITABLE | PAGE_PRESENT;
    }
    for (const PeModule& module : modules) {
        MapImage(module, table);
    }
    for (ULONG page = place.Stack; page < place.End(); page++) {
        table[page] = page << PAGE_SHIFT | PAGE_GLOBAL | PAGE_WRITABLE | PAGE_PRESENT;
    }
    const auto enter = [&](ULONG entry, ULONG page) {
        directory[entry] = page << PAGE_SHIFT | PAGE_WRITABLE | PAGE_PRESENT;
    };
    directory[0] = Physical(g_identityTable) | PAGE_WRITABLE | PAGE_PRESENT;
    for (ULONG index = 0; index < place.TableCount; index++) {
        enter(SYSTEM_SPACE_ENTRY + index, place.Tables + index);
    }
    enter(PAGE_TABLES_ENTRY, place.Directory);
    enter(HAL_ENTRY, place.HalTable);
}

/// Writes "\MICA\name", which ends with a 0. @returns the name in it
UNICODE_STRING WritePath(const char* name, WCHAR* path, UNICODE_STRING* whole) {
    ULONG length = 0;
    const auto add = [&](const char* text) {
        for (; *text != 0; text++) {
            path[length++] = static_cast<UCHAR>(*text);
        }
    };
    add(FOLDER);
    add(name);
    path[length] = 0;
    const auto counted = [&](ULONG from) {
        const ULONG bytes = (length - from) * static_cast<ULONG>(sizeof(WCHAR));
        return UNICODE_STRING{static_cast<USHORT>(bytes), static_cast<USHORT>(bytes + sizeof(WCHAR)),
                              Virtual(path + from)};
    };
    *whole = counted(0);
    return counted(FOLDER_LENGTH);
}

void DescribeImage(const PeModule& module, WCHAR* path, LDR_DATA_TABLE_ENTRY* entry) {
    const IMAGE_OPTIONAL_HEADER& header = module.Headers.Optional();
    const IMAGE_FILE_HEADER& file = module.Headers.Nt.FileHeader;
    const auto address = [&](ULONG offset) { return reinterpret_cast<PVOID>(ULONG_PTR{module.Base} + offset); };
    entry->DllBase = address(0);
    entry->EntryPoint = header.AddressOfEntryPoint == 0 ? nullptr : address(header.AddressOfEntryPoint);
    entry->SizeOfImage = header.SizeOfImage;
    entry->Flags = ((file.Characteristics & IMAGE_FILE_DLL) != 0 ? LDRP_IMAGE_DLL : 0) |
                   (module.Base != header.ImageBase ? LDRP_IMAGE_NOT_AT_BASE : 0);
    entry->CheckSum = header.CheckSum;
    entry->TimeDateStamp = file.TimeDateStamp;
    entry->OriginalBase = header.ImageBase;
    entry->LoadCount = 1;
    entry->BaseDllName = WritePath(module.Name, path, &entry->FullDllName);
    MakeEmpty(&entry->InMemoryOrderLinks);
    MakeEmpty(&entry->InInitializationOrderLinks);
}

/// Lists the images, then the boot files.
void DescribeFiles(const LoadedFiles& loaded, LoaderData* data) {
    LIST_ENTRY* const images = &data->Block.LoadOrderListHead;
    LIST_ENTRY* const others = &data->Block.BootFileListHead;
    LIST_ENTRY* last = images;
    ULONG used = 0;
    MakeEmpty(images);
    MakeEmpty(others);
    for (ULONG index = 0; index < loaded.ModuleCount; index++, used++) {
        LDR_DATA_TABLE_ENTRY& entry = data->Files[used].Image;
        DescribeImage(loaded.Modules[index], data->Paths[used], &entry);
        Append(images, &last, &entry.InLoadOrderLinks);
    }
    last = others;
    for (ULONG index = 0; index < loaded.OtherCount; index++, used++) {
        const BootFile& file = *loaded.Others[index];
        LDR_BOOT_FILE& entry = data->Files[used].File;
        UNICODE_STRING path;
        entry.Name = WritePath(file.Name, data->Paths[used], &path);
        entry.BasePage = Physical(file.Data.Data()) >> PAGE_SHIFT;
        entry.Size = file.Data.Size();
        Append(others, &last, &entry.Links);
    }
}

/// Looks for a structure that starts with `signature` on a 16-byte boundary and whose first bytes sum to 0.
ULONG FindTable(ULONG from, ULONG length, const char* signature, ULONG signatureLength, ULONG summed) {
    for (ULONG at = from & ~15u; at + summed <= from + length; at += 16) {
        const UCHAR* const candidate = reinterpret_cast<const UCHAR*>(static_cast<ULONG_PTR>(at));
        if (memcmp(candidate, signature, signatureLength) != 0) {
            continue;
        }
        UCHAR sum = 0;
        for (ULONG index = 0; index < summed; index++) {
            sum = static_cast<UCHAR>(sum + candidate[index]);
        }
        if (sum == 0) {
            return at;
        }
    }
    return 0;
}

/// The extended BIOS data area first, then the BIOS ROM: where ACPI and the MP specification say to look.
ULONG FindFirmwareTable(const char* signature, ULONG signatureLength, ULONG summed) {
    USHORT segment;
    memcpy(&segment, PageAddress<UCHAR>(0) + 0x40e, sizeof(segment));
    const ULONG extended = ULONG{segment} << 4;
    if (extended >= 0x80000 && extended < 0xa0000) {
        if (const ULONG found = FindTable(extended, 1024, signature, signatureLength, summed); found != 0) {
            return found;
        }
    }
    return FindTable(0xe0000, 0x20000, signature, signatureLength, summed);
}

void DescribeMemory(const MemoryMap& memory, LoaderData* data) {
    LIST_ENTRY* const head = &data->Block.MemoryDescriptorListHead;
    LIST_ENTRY* last = head;
    MakeEmpty(head);
    ULONG index = 0;
    for (const MemoryRun& run : memory.Runs()) {
        MEMORY_ALLOCATION_DESCRIPTOR& descriptor = data->Descriptors[index++];
        descriptor.MemoryType = run.Type;
        descriptor.BasePage = run.BasePage;
        descriptor.PageCount = run.PageCount;
        Append(head, &last, &descriptor.ListEntry);
    }
}

} // namespace

void StartKernel(BootPlan& plan) {
    static constinit LoadedFiles loaded{};
    CheckProcessor();
    LoadImages(plan, &loaded);

    MemoryMap& memory = plan.Memory;
    const Placement place = Place(memory, loaded.NextPage);
    BuildPageTables(place, {loaded.Modules, loaded.ModuleCount});
    memset(PageAddress<UCHAR>(place.Stack), 0, LDR_BOOT_STACK_SIZE);

    LoaderData* const data = PageAddress<LoaderData>(place.Data);
    memset(data, 0, DATA_PAGES * PAGE_SIZE);
    memcpy(data->Options, plan.Options, MAXIMUM_OPTIONS);
    memcpy(data->BootPath, "\\MICA\\", sizeof("\\MICA\\"));
    LOADER_PARAMETER_BLOCK& block = data->Block;
    block.Signature = LDR_BLOCK_SIGNATURE;
    block.Version = LDR_BLOCK_VERSION;
    block.Size = sizeof(block);
    block.BootPath = plan.Path;
    block.KernelStack = LDR_SYSTEM_SPACE + ((place.Stack + STACK_PAGES) << PAGE_SHIFT);
    block.LoadOptions = Virtual(data->Options);
    block.NtBootPathName = Virtual(data->BootPath);
    block.PageDirectory = place.Directory << PAGE_SHIFT;
    block.LowPageTable = place.Tables << PAGE_SHIFT;
    block.SystemMapSize = place.TableCount * LARGE_PAGE;
    block.HighestPhysicalPage = memory.EndOfRam() - 1;
    block.AcpiRsdp = FindFirmwareTable("RSD PTR ", 8, 20);
    block.MpFloatingPointer = FindFirmwareTable("_MP_", 4, 16);
    block.BootDrive = plan.Drive;
    block.TotalMemory = memory.TotalMemory();
    DescribeMemory(memory, data);
    DescribeFiles(loaded, data);
    EnterKernel(block.PageDirectory, block.KernelStack,
                loaded.Modules[0].Base + loaded.Modules[0].Headers.Optional().AddressOfEntryPoint,
                Physical(Virtual(&block)));
}

} // namespace boot
