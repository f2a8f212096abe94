// disk.cpp - the disk boot path: BIOS services, the FAT16 volume, the boot list. BOO-04
#include "bios.h"
#include "bootlist.h"
#include "console.h"
#include "exceptions.h"
#include "fat16.h"
#include "plan.h"

namespace boot {

namespace {

constexpr ULONG MAXIMUM_BOOT_LIST = 64 * 1024;
constexpr ULONG MAXIMUM_PATH = 64;
constexpr ULONG MAXIMUM_RANGES = 64;

constexpr char REBUILD[] = "rebuild the disk image: make kernel.";

constinit BootPlan g_plan{};
constinit FatVolume g_volume{};
constinit FirmwareRange g_ranges[MAXIMUM_RANGES]{};

[[noreturn]] void FailToRead(FatStatus status, const char* path) {
    switch (status) {
    case FatStatus::ReadError:
        Fail("check the disk, or rebuild the image: make kernel.", "The disk cannot be read (%s).", path);
    case FatStatus::NoPartition: Fail(REBUILD, "The disk has no FAT16 partition.");
    case FatStatus::NotFat16: Fail(REBUILD, "The partition is not a FAT16 volume: its boot sector is damaged.");
    case FatStatus::NotFound:
        Fail("put it there, or take it off the boot list \\MICA\\BOOT.LST; make kernel does both.",
             "%s is not on the disk.", path);
    default: Fail(REBUILD, "The file system is damaged: %s cannot be followed through the allocation table.", path);
    }
}

Bytes LoadFile(const char* path, ULONG limit) {
    FatFile file;
    if (const FatStatus status = g_volume.Open(path, &file); status != FatStatus::Ok) {
        FailToRead(status, path);
    }
    if (file.IsDirectory) {
        FailToRead(FatStatus::NotFound, path);
    }
    if (file.Size > limit) {
        Fail(REBUILD, "%s is too large: %u KB.", path, file.Size / 1024);
    }
    UCHAR* const data = AllocateForFile(g_plan, path, file.Size); // whole pages: room for the last sector
    if (const FatStatus status = g_volume.Read(file, data); status != FatStatus::Ok) {
        FailToRead(status, path);
    }
    return {data, file.Size};
}

void LoadImage(const char* name, ULONG nameLength) {
    constexpr char folder[] = "\\MICA\\";
    constexpr ULONG largestFile = 64u << 20;
    BootFile& file = AddFile(g_plan, name, nameLength);
    char path[MAXIMUM_PATH];
    static_assert(sizeof(folder) + sizeof(file.Name) <= sizeof(path));
    memcpy(path, folder, sizeof(folder));
    memcpy(path + sizeof(folder) - 1, file.Name, sizeof(file.Name));
    file.Data = LoadFile(path, largestFile);
}

} // namespace

extern "C" [[noreturn]] void LoaderDiskMain(ULONG drive);

void LoaderDiskMain(ULONG drive) {
    ConsoleInitialize();
    CatchExceptions();
    BiosSetTextMode();
    g_plan.Path = LoaderBootDisk;
    g_plan.Drive = drive;
    if (!BiosEnableA20()) {
        Fail("enable A20 (\"fast gate A20\") in the machine's set-up.", "Address line 20 cannot be opened.");
    }
    const ULONG ranges = BiosMemoryMap(g_ranges);
    if (ranges == 0) {
        Fail("use a machine or emulator made after 1998.", "The BIOS gives no memory map (int 15h, E820h).");
    }
    PlanMemory(g_plan, {g_ranges, ranges});

    void* const context = reinterpret_cast<void*>(static_cast<ULONG_PTR>(drive));
    if (const FatStatus status = g_volume.Mount(BiosReadSectors, context); status != FatStatus::Ok) {
        FailToRead(status, "the boot sector");
    }
    const Bytes list = LoadFile("\\MICA\\BOOT.LST", MAXIMUM_BOOT_LIST);
    const char* text = reinterpret_cast<const char*>(list.Data());
    const char* const end = text + list.Size();
    const char* start;
    ULONG length;
    for (BootLine line; (line = NextBootLine(&text, end, &start, &length)) != BootLine::End;) {
        if (line == BootLine::Options) {
            SetOptions(g_plan, start, length);
        } else {
            LoadImage(start, length);
        }
    }
    StartKernel(g_plan);
}

} // namespace boot
