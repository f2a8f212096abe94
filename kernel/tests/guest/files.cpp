// Files: \Boot and what is in it, opened, read, asked about, and mapped; hostile callers.
// machine: file=loader.elf
// IOM-03, BOO-04, OBJ-05, TRP-06
#include "ex.h"
#include "io.h"
#include "mm/section.h"
#include "ob/services.h"
#include "ob/sync.h"
#include "ps.h"
#include "rtl/string.h"
#include "usermode.h"

#include "guest_main.h"

namespace {

constexpr ULONG SYNCHRONOUS = FILE_SYNCHRONOUS_IO_NONALERT;
constexpr ACCESS_MASK READ = FILE_GENERIC_READ;

/// Attributes with a name that lives as long.
struct NAMED {
    explicit NAMED(PCWSTR name, HANDLE root = nullptr, ULONG attributes = OBJ_CASE_INSENSITIVE) {
        RtlInitUnicodeString(&Name, name);
        InitializeObjectAttributes(&Attributes, &Name, attributes, root, nullptr);
    }
    operator POBJECT_ATTRIBUTES() { return &Attributes; }
    UNICODE_STRING Name;
    OBJECT_ATTRIBUTES Attributes;
};

NTSTATUS Open(PCWSTR name, ACCESS_MASK access, ULONG options, HANDLE* handle, HANDLE root = nullptr) {
    NAMED named(name, root);
    IO_STATUS_BLOCK block;
    return ZwOpenFile(handle, access, named, &block, FILE_SHARE_READ, options);
}

/// Opens, and closes what it has opened.
NTSTATUS TryOpen(PCWSTR name, ACCESS_MASK access, ULONG options, HANDLE root = nullptr) {
    HANDLE handle;
    const NTSTATUS status = Open(name, access, options, &handle, root);
    if (NT_SUCCESS(status)) GUEST_EQUAL(STATUS_SUCCESS, ZwClose(handle));
    return status;
}

/// The test's file, open for reading, as long as this lives.
struct BOOT {
    explicit BOOT(ULONG options = SYNCHRONOUS) {
        GUEST_EQUAL(STATUS_SUCCESS, Open(u"\\Boot\\loader.elf", READ, options, &Handle));
    }
    ~BOOT() { GUEST_EQUAL(STATUS_SUCCESS, ZwClose(Handle)); }
    BOOT(const BOOT&) = delete;
    BOOT& operator=(const BOOT&) = delete;
    NTSTATUS Read(PVOID buffer, ULONG length, LONGLONG offset) {
        LARGE_INTEGER at;
        at.QuadPart = offset;
        return ZwReadFile(Handle, nullptr, nullptr, nullptr, &Block, buffer, length, &at, nullptr);
    }
    NTSTATUS ReadOn(PVOID buffer, ULONG length) {
        return ZwReadFile(Handle, nullptr, nullptr, nullptr, &Block, buffer, length, nullptr, nullptr);
    }
    LONGLONG Position() {
        FILE_POSITION_INFORMATION position;
        GUEST_EQUAL(STATUS_SUCCESS, ZwQueryInformationFile(Handle, &Block, &position, sizeof(position),
                                                           FILE_INFORMATION_CLASS::FilePositionInformation));
        return position.CurrentByteOffset.QuadPart;
    }
    NTSTATUS Seek(LONGLONG to) {
        FILE_POSITION_INFORMATION position;
        position.CurrentByteOffset.QuadPart = to;
        return ZwSetInformationFile(Handle, &Block, &position, sizeof(position),
                                    FILE_INFORMATION_CLASS::FilePositionInformation);
    }
    LONGLONG Size() {
        FILE_STANDARD_INFORMATION standard;
        GUEST_EQUAL(STATUS_SUCCESS, ZwQueryInformationFile(Handle, &Block, &standard, sizeof(standard),
                                                           FILE_INFORMATION_CLASS::FileStandardInformation));
        return standard.EndOfFile.QuadPart;
    }
    HANDLE Handle = nullptr;
    IO_STATUS_BLOCK Block = {};
};

} // namespace

// Names: case, links, the directory with and without a backslash, names relative to it
GUEST_TEST(BootFilesAreOpenedByTheirNames) {
    GUEST_EQUAL(STATUS_SUCCESS, TryOpen(u"\\Boot\\loader.elf", READ, SYNCHRONOUS));
    GUEST_EQUAL(STATUS_SUCCESS, TryOpen(u"\\BOOT\\LOADER.ELF", READ, SYNCHRONOUS | FILE_NON_DIRECTORY_FILE));
    GUEST_EQUAL(STATUS_SUCCESS, TryOpen(u"\\??\\C:\\Loader.elf", READ, SYNCHRONOUS));
    GUEST_EQUAL(STATUS_SUCCESS, TryOpen(u"\\DosDevices\\c:\\loader.elf", GENERIC_READ | SYNCHRONIZE, SYNCHRONOUS));
    GUEST_EQUAL(STATUS_SUCCESS, TryOpen(u"\\Boot", READ, SYNCHRONOUS | FILE_DIRECTORY_FILE));
    GUEST_EQUAL(STATUS_SUCCESS, TryOpen(u"\\Boot\\", READ, SYNCHRONOUS | FILE_DIRECTORY_FILE));
    GUEST_EQUAL(STATUS_SUCCESS, TryOpen(u"\\??\\C:\\", READ, SYNCHRONOUS));
    HANDLE directory;
    GUEST_EQUAL(STATUS_SUCCESS, Open(u"\\Boot", READ, SYNCHRONOUS, &directory));
    GUEST_EQUAL(STATUS_SUCCESS, TryOpen(u"loader.elf", READ, SYNCHRONOUS, directory));
    GUEST_EQUAL(STATUS_SUCCESS, TryOpen(u"", READ, SYNCHRONOUS | FILE_DIRECTORY_FILE, directory));
    GUEST_EQUAL(STATUS_OBJECT_NAME_NOT_FOUND, TryOpen(u"loader", READ, SYNCHRONOUS, directory));
    GUEST_EQUAL(STATUS_OBJECT_PATH_SYNTAX_BAD, TryOpen(u"\\loader.elf", READ, SYNCHRONOUS, directory));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(directory));
    BOOT file;
    GUEST_EQUAL(STATUS_OBJECT_PATH_NOT_FOUND, TryOpen(u"more", READ, SYNCHRONOUS, file.Handle));
}

GUEST_TEST(WhatIsNotThereIsNotOpened) {
    GUEST_EQUAL(STATUS_OBJECT_NAME_NOT_FOUND, TryOpen(u"\\Boot\\nothing", READ, SYNCHRONOUS));
    GUEST_EQUAL(STATUS_OBJECT_NAME_NOT_FOUND, TryOpen(u"\\Boot\\hal.dll", READ, SYNCHRONOUS)); // an image, no file
    GUEST_EQUAL(STATUS_OBJECT_PATH_NOT_FOUND, TryOpen(u"\\Boot\\a\\b", READ, SYNCHRONOUS));
    GUEST_EQUAL(STATUS_OBJECT_PATH_NOT_FOUND, TryOpen(u"\\Boot\\loader.elf\\", READ, SYNCHRONOUS));
    GUEST_EQUAL(STATUS_OBJECT_NAME_INVALID, TryOpen(u"\\Boot\\\\", READ, SYNCHRONOUS));
    GUEST_EQUAL(STATUS_OBJECT_NAME_INVALID, TryOpen(u"\\Device\\", READ, SYNCHRONOUS)); // no device
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH, TryOpen(u"\\Device", READ, SYNCHRONOUS));
    GUEST_EQUAL(STATUS_NOT_A_DIRECTORY, TryOpen(u"\\Boot\\loader.elf", READ, SYNCHRONOUS | FILE_DIRECTORY_FILE));
    GUEST_EQUAL(STATUS_FILE_IS_A_DIRECTORY, TryOpen(u"\\Boot", READ, SYNCHRONOUS | FILE_NON_DIRECTORY_FILE));
    HANDLE handle;
    NAMED event(u"\\Boot\\loader.elf");
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH, ZwOpenEvent(&handle, EVENT_ALL_ACCESS, event));
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH, ZwCreateEvent(&handle, EVENT_ALL_ACCESS, event, NotificationEvent, FALSE));
}

// Options that do not go together; rights that a read-only file does not give; what making a file says
GUEST_TEST(OpeningChecksWhatItIsAsked) {
    static constexpr struct {
        ACCESS_MASK Access;
        ULONG Attributes, Share, Disposition, Options;
        NTSTATUS Status;
    } cases[] = {
        {READ, 0, 0, FILE_OPEN, FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT, STATUS_INVALID_PARAMETER},
        {FILE_READ_DATA, 0, 0, FILE_OPEN, FILE_SYNCHRONOUS_IO_ALERT, STATUS_INVALID_PARAMETER},
        {READ, 0, 0, FILE_OPEN, FILE_DIRECTORY_FILE | FILE_NON_DIRECTORY_FILE, STATUS_INVALID_PARAMETER},
        {READ, 0, 0, FILE_OVERWRITE, FILE_DIRECTORY_FILE, STATUS_INVALID_PARAMETER},
        {READ, 0, 0, FILE_OPEN, FILE_DELETE_ON_CLOSE, STATUS_INVALID_PARAMETER},
        {READ, 0, 0, FILE_OPEN, 0x01000000, STATUS_INVALID_PARAMETER},
        {READ, 0, 8, FILE_OPEN, 0, STATUS_INVALID_PARAMETER},
        {READ, 0x8000'0000, 0, FILE_OPEN, 0, STATUS_INVALID_PARAMETER},
        {READ, 0, 0, FILE_MAXIMUM_DISPOSITION + 1, 0, STATUS_INVALID_PARAMETER},
        {FILE_WRITE_DATA, 0, 0, FILE_OPEN, 0, STATUS_ACCESS_DENIED},
        {GENERIC_WRITE, 0, 0, FILE_OPEN, 0, STATUS_ACCESS_DENIED},
        {GENERIC_ALL, 0, 0, FILE_OPEN_IF, 0, STATUS_ACCESS_DENIED},
        {DELETE, 0, 0, FILE_OPEN, 0, STATUS_ACCESS_DENIED},
        {READ, 0, 0, FILE_CREATE, 0, STATUS_OBJECT_NAME_COLLISION},
        {READ, 0, 0, FILE_SUPERSEDE, 0, STATUS_ACCESS_DENIED},
        {READ, 0, 0, FILE_OVERWRITE_IF, 0, STATUS_ACCESS_DENIED},
        {READ, 0, FILE_SHARE_VALID_FLAGS, FILE_OPEN_IF, SYNCHRONOUS, STATUS_SUCCESS},
        {MAXIMUM_ALLOWED, 0, 0, FILE_OPEN, 0, STATUS_SUCCESS},
    };
    for (const auto& each : cases) {
        NAMED name(u"\\Boot\\loader.elf");
        IO_STATUS_BLOCK block;
        HANDLE handle;
        const NTSTATUS status = ZwCreateFile(&handle, each.Access, name, &block, nullptr, each.Attributes, each.Share,
                                             each.Disposition, each.Options, nullptr, 0);
        GUEST_EQUAL(each.Status, status);
        if (!NT_SUCCESS(status)) continue;
        GUEST_TRUE(block.Status == STATUS_SUCCESS && block.Information == FILE_OPENED);
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(handle));
    }
    static constexpr ULONG making[] = {FILE_CREATE, FILE_OPEN_IF, FILE_OVERWRITE_IF, FILE_SUPERSEDE};
    for (const ULONG disposition : making) {
        NAMED name(u"\\Boot\\new.txt");
        IO_STATUS_BLOCK block;
        HANDLE handle;
        GUEST_EQUAL(STATUS_MEDIA_WRITE_PROTECTED,
                    ZwCreateFile(&handle, READ, name, &block, nullptr, 0, 0, disposition, 0, nullptr, 0));
    }
}

// A position, offsets, the end; events and the file object tell the end
GUEST_TEST(BootFilesAreRead) {
    BOOT file;
    UCHAR bytes[16] = {}, again[16] = {};
    GUEST_EQUAL(STATUS_SUCCESS, file.ReadOn(bytes, 4));
    GUEST_TRUE(file.Block.Status == STATUS_SUCCESS && file.Block.Information == 4);
    GUEST_TRUE(bytes[0] == 0x7F && bytes[1] == 'E' && bytes[3] == 'F');
    GUEST_EQUAL(4, file.Position());
    GUEST_EQUAL(STATUS_SUCCESS, file.ReadOn(bytes, 16));
    GUEST_EQUAL(20, file.Position());
    GUEST_EQUAL(STATUS_SUCCESS, file.Read(again, 16, 4));
    GUEST_EQUAL(0, memcmp(bytes, again, 16));
    GUEST_EQUAL(20, file.Position()); // an offset moves it too, here to the same place
    GUEST_EQUAL(STATUS_SUCCESS, file.Seek(0));
    GUEST_EQUAL(STATUS_SUCCESS, file.Read(again, 1, LONGLONG(0xFFFF'FFFF'FFFF'FFFE))); // at the position
    GUEST_TRUE(again[0] == 0x7F && file.Position() == 1);
    const LONGLONG size = file.Size();
    GUEST_TRUE(size > 0x1000);
    GUEST_EQUAL(STATUS_SUCCESS, file.Read(bytes, 16, size - 3));
    GUEST_EQUAL(3, file.Block.Information);
    GUEST_EQUAL(size, file.Position());
    GUEST_EQUAL(STATUS_END_OF_FILE, file.ReadOn(bytes, 1));
    GUEST_EQUAL(0, file.Block.Information);
    GUEST_EQUAL(STATUS_SUCCESS, file.ReadOn(bytes, 0));
    GUEST_EQUAL(STATUS_END_OF_FILE, file.Read(bytes, 1, 0x7FFF'FFFF'FFFF'FFFF));
    GUEST_EQUAL(STATUS_END_OF_FILE, file.Read(bytes, 1, 0x1'0000'0000)); // behind 4 GB, not at 0
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, file.Read(bytes, 1, -3));
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, file.Seek(-1));
    GUEST_EQUAL(STATUS_SUCCESS, file.Seek(0x7FFF'FFFF'FFFF'FFFF));
    GUEST_EQUAL(STATUS_END_OF_FILE, file.ReadOn(bytes, 1));
}

GUEST_TEST(TheEndOfAnOperationIsTold) {
    BOOT file(0);
    UCHAR byte;
    HANDLE event;
    LARGE_INTEGER zero = {};
    IO_STATUS_BLOCK block;
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, file.ReadOn(&byte, 1)); // not synchronous: it has no position
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, file.Seek(1));
    GUEST_EQUAL(STATUS_SUCCESS, ZwCreateEvent(&event, EVENT_ALL_ACCESS, nullptr, NotificationEvent, FALSE));
    GUEST_EQUAL(STATUS_SUCCESS, ZwReadFile(file.Handle, event, nullptr, nullptr, &block, &byte, 1, &zero, nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, ZwWaitForSingleObject(event, FALSE, &zero));
    GUEST_EQUAL(STATUS_SUCCESS, ZwWaitForSingleObject(file.Handle, FALSE, &zero));
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH,
                ZwReadFile(file.Handle, file.Handle, nullptr, nullptr, &block, &byte, 1, &zero, nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(event));
    static ULONG calls;
    calls = 0;
    const PIO_APC_ROUTINE routine = [](PVOID context, PIO_STATUS_BLOCK told, ULONG) {
        if (told->Information == 1) ++*static_cast<ULONG*>(context);
    };
    GUEST_EQUAL(STATUS_SUCCESS, ZwReadFile(file.Handle, nullptr, routine, &calls, &block, &byte, 1, &zero, nullptr));
    GUEST_EQUAL(1, calls);
    zero.QuadPart = file.Size();
    GUEST_EQUAL(STATUS_END_OF_FILE,
                ZwReadFile(file.Handle, nullptr, routine, &calls, &block, &byte, 1, &zero, nullptr));
    GUEST_EQUAL(1, calls);
}

GUEST_TEST(BootFilesAreNotWritten) {
    BOOT file;
    UCHAR byte = 1;
    // Kernel mode may do what the handle does not allow; the file still says no.
    GUEST_EQUAL(STATUS_ACCESS_DENIED,
                ZwWriteFile(file.Handle, nullptr, nullptr, nullptr, &file.Block, &byte, 1, nullptr, nullptr));
    HANDLE directory;
    GUEST_EQUAL(STATUS_SUCCESS, Open(u"\\Boot", READ, SYNCHRONOUS, &directory));
    GUEST_EQUAL(STATUS_INVALID_DEVICE_REQUEST,
                ZwWriteFile(directory, nullptr, nullptr, nullptr, &file.Block, &byte, 1, nullptr, nullptr));
    GUEST_EQUAL(STATUS_INVALID_DEVICE_REQUEST,
                ZwReadFile(directory, nullptr, nullptr, nullptr, &file.Block, &byte, 1, nullptr, nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(directory));
    GUEST_EQUAL(0, file.Position());
}

GUEST_TEST(FilesTellWhatTheyAre) {
    BOOT file;
    FILE_BASIC_INFORMATION basic;
    GUEST_EQUAL(STATUS_SUCCESS, ZwQueryInformationFile(file.Handle, &file.Block, &basic, sizeof(basic),
                                                       FILE_INFORMATION_CLASS::FileBasicInformation));
    GUEST_TRUE(basic.FileAttributes == FILE_ATTRIBUTE_READONLY && file.Block.Information == sizeof(basic));
    FILE_STANDARD_INFORMATION standard;
    GUEST_EQUAL(STATUS_SUCCESS, ZwQueryInformationFile(file.Handle, &file.Block, &standard, sizeof(standard),
                                                       FILE_INFORMATION_CLASS::FileStandardInformation));
    GUEST_TRUE(!standard.Directory && standard.NumberOfLinks == 1 && !standard.DeletePending);
    GUEST_TRUE(standard.AllocationSize.QuadPart % PAGE_SIZE == 0 &&
               standard.AllocationSize.QuadPart >= standard.EndOfFile.QuadPart);
    FILE_MODE_INFORMATION mode;
    GUEST_EQUAL(STATUS_SUCCESS, ZwQueryInformationFile(file.Handle, &file.Block, &mode, sizeof(mode),
                                                       FILE_INFORMATION_CLASS::FileModeInformation));
    GUEST_EQUAL(FILE_SYNCHRONOUS_IO_NONALERT, mode.Mode);
    FILE_ACCESS_INFORMATION access;
    GUEST_EQUAL(STATUS_SUCCESS, ZwQueryInformationFile(file.Handle, &file.Block, &access, sizeof(access),
                                                       FILE_INFORMATION_CLASS::FileAccessInformation));
    GUEST_EQUAL(READ, access.AccessFlags);
    FILE_FS_DEVICE_INFORMATION device;
    GUEST_EQUAL(STATUS_SUCCESS, ZwQueryVolumeInformationFile(file.Handle, &file.Block, &device, sizeof(device),
                                                             FS_INFORMATION_CLASS::FileFsDeviceInformation));
    GUEST_TRUE(device.DeviceType == FILE_DEVICE_DISK && device.Characteristics == FILE_READ_ONLY_DEVICE);
    GUEST_EQUAL(STATUS_INFO_LENGTH_MISMATCH, ZwQueryInformationFile(file.Handle, &file.Block, &basic, sizeof(basic) - 1,
                                                                    FILE_INFORMATION_CLASS::FileBasicInformation));
    static constexpr LONG unknown[] = {-1, 0, 1, 7, 77};
    for (const LONG none : unknown)
        GUEST_EQUAL(STATUS_INVALID_INFO_CLASS, ZwQueryInformationFile(file.Handle, &file.Block, &basic, sizeof(basic),
                                                                      FILE_INFORMATION_CLASS(none)));
}

// The name behind the device's, cut where the room ends; the whole name from the object manager
GUEST_TEST(FilesTellTheirNames) {
    BOOT file;
    union {
        FILE_NAME_INFORMATION Name;
        OBJECT_NAME_INFORMATION Whole;
        UCHAR Bytes[128];
    } told = {};
    static constexpr WCHAR name[] = u"\\loader.elf";
    constexpr ULONG length = sizeof(name) - sizeof(WCHAR);
    GUEST_EQUAL(STATUS_SUCCESS, ZwQueryInformationFile(file.Handle, &file.Block, &told, sizeof(told),
                                                       FILE_INFORMATION_CLASS::FileNameInformation));
    GUEST_TRUE(told.Name.FileNameLength == length && memcmp(told.Name.FileName, name, length) == 0);
    GUEST_EQUAL(4 + length, file.Block.Information);
    told = {};
    GUEST_EQUAL(STATUS_BUFFER_OVERFLOW, ZwQueryInformationFile(file.Handle, &file.Block, &told, 4 + 7,
                                                               FILE_INFORMATION_CLASS::FileNameInformation));
    GUEST_TRUE(told.Name.FileNameLength == length && memcmp(told.Name.FileName, name, 6) == 0);
    GUEST_TRUE(told.Name.FileName[3] == 0 && file.Block.Information == 4 + 6);
    ULONG bytes;
    static constexpr WCHAR whole[] = u"\\Boot\\loader.elf";
    GUEST_EQUAL(STATUS_SUCCESS, ZwQueryObject(file.Handle, OBJECT_INFORMATION_CLASS::ObjectNameInformation, &told,
                                              sizeof(told), &bytes));
    GUEST_TRUE(told.Whole.Name.Length == sizeof(whole) - sizeof(WCHAR) &&
               memcmp(told.Whole.Name.Buffer, whole, sizeof(whole)) == 0);
    GUEST_EQUAL(STATUS_INFO_LENGTH_MISMATCH,
                ZwQueryObject(file.Handle, OBJECT_INFORMATION_CLASS::ObjectNameInformation, &told, bytes - 1, &bytes));
}

// POL-09: a section of what a handle leads to
GUEST_TEST(FilesAreMapped) {
    BOOT file;
    PVOID object;
    GUEST_EQUAL(STATUS_SUCCESS,
                ObReferenceObjectByHandle(file.Handle, FILE_READ_DATA, IoFileObjectType, KernelMode, &object, nullptr));
    MM_BACKING* backing = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, IoGetFileBacking(object, &backing));
    GUEST_EQUAL(file.Size(), backing->Calls->Size(backing));
    MmDereferenceBacking(backing);
    (void)ObfDereferenceObject(object);
    HANDLE directory, section;
    GUEST_EQUAL(STATUS_SUCCESS, ZwCreateSection(&section, SECTION_MAP_READ | SECTION_QUERY, nullptr, nullptr,
                                                PAGE_READONLY, SEC_COMMIT, file.Handle));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(section));
    GUEST_EQUAL(STATUS_SUCCESS, Open(u"\\Boot", READ, SYNCHRONOUS, &directory));
    GUEST_EQUAL(STATUS_INVALID_FILE_FOR_SECTION,
                ZwCreateSection(&section, SECTION_MAP_READ, nullptr, nullptr, PAGE_READONLY, SEC_COMMIT, directory));
    GUEST_EQUAL(STATUS_SUCCESS,
                ObReferenceObjectByHandle(directory, 0, IoFileObjectType, KernelMode, &object, nullptr));
    GUEST_EQUAL(STATUS_INVALID_FILE_FOR_SECTION, IoGetFileBacking(object, &backing));
    (void)ObfDereferenceObject(object);
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(directory));
}

// Opening and closing leaves nothing behind, also where it fails half-way
GUEST_TEST(FilesGoWithTheirHandles) {
    const LONG before = IoFileObjectType->TotalNumberOfObjects;
    for (ULONG i = 0; i < 20; i++) {
        GUEST_EQUAL(STATUS_SUCCESS, TryOpen(u"\\Boot\\loader.elf", READ, SYNCHRONOUS));
        GUEST_EQUAL(STATUS_NOT_A_DIRECTORY, TryOpen(u"\\Boot\\loader.elf", READ, FILE_DIRECTORY_FILE));
        GUEST_EQUAL(STATUS_ACCESS_DENIED, TryOpen(u"\\Boot\\loader.elf", FILE_WRITE_DATA, 0));
        GUEST_EQUAL(STATUS_OBJECT_NAME_NOT_FOUND, TryOpen(u"\\Boot\\other", READ, 0));
    }
    GUEST_EQUAL(before, IoFileObjectType->TotalNumberOfObjects);
    {
        BOOT file;
        GUEST_EQUAL(before + 1, IoFileObjectType->TotalNumberOfObjects);
    }
    GUEST_EQUAL(before, IoFileObjectType->TotalNumberOfObjects);
}

// TRP-06: in user mode's name kernel memory is not the caller's, and the rights of the handle count
GUEST_TEST(HostileCallersGetAStatus) {
    BOOT file;
    HANDLE handle;
    UCHAR byte;
    FILE_BASIC_INFORMATION basic;
    NAMED name(u"\\Boot\\loader.elf");
    auto* const odd = reinterpret_cast<PIO_STATUS_BLOCK>(ULONG_PTR(0x10002));
    auto* const nowhere = reinterpret_cast<PIO_STATUS_BLOCK>(ULONG_PTR(0x10000));
    const auto asUser = [&](PIO_STATUS_BLOCK block) {
        return AsUserMode(
            [&] { return NtReadFile(file.Handle, nullptr, nullptr, nullptr, block, &byte, 1, nullptr, nullptr); });
    };
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, asUser(&file.Block));
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, asUser(nowhere));
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, asUser(nullptr));
    GUEST_EQUAL(STATUS_DATATYPE_MISALIGNMENT, asUser(odd));
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION,
                AsUserMode([&] { return NtOpenFile(&handle, READ, name, &file.Block, 0, SYNCHRONOUS); }));
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, AsUserMode([&] {
                    return NtQueryInformationFile(file.Handle, &file.Block, &basic, sizeof(basic),
                                                  FILE_INFORMATION_CLASS::FileBasicInformation);
                }));
    GUEST_EQUAL(STATUS_INVALID_HANDLE,
                ZwReadFile(nullptr, nullptr, nullptr, nullptr, &file.Block, &byte, 1, nullptr, nullptr));
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH,
                ZwReadFile(NtCurrentProcess(), nullptr, nullptr, nullptr, &file.Block, &byte, 1, nullptr, nullptr));
    GUEST_EQUAL(0, file.Position());
}

namespace {

/// \Boot, open for scans, as long as this lives.
struct SCANNED {
    SCANNED() { GUEST_EQUAL(STATUS_SUCCESS, Open(u"\\Boot", READ, SYNCHRONOUS, &Handle)); }
    ~SCANNED() { GUEST_EQUAL(STATUS_SUCCESS, ZwClose(Handle)); }
    SCANNED(const SCANNED&) = delete;
    SCANNED& operator=(const SCANNED&) = delete;
    NTSTATUS Next(ULONG length, FILE_INFORMATION_CLASS what, bool single, PCWSTR pattern, bool restart) {
        UNICODE_STRING text;
        RtlInitUnicodeString(&text, pattern);
        RtlZeroMemory(Buffer, sizeof(Buffer));
        return ZwQueryDirectoryFile(Handle, nullptr, nullptr, nullptr, &Block, Buffer, length, what, single,
                                    pattern ? &text : nullptr, restart);
    }
    HANDLE Handle = nullptr;
    IO_STATUS_BLOCK Block = {};
    alignas(8) UCHAR Buffer[1024];
};

constexpr auto NAMES = FILE_INFORMATION_CLASS::FileNamesInformation;
constexpr WCHAR FILE_NAME[] = u"loader.elf";
constexpr ULONG NAME_BYTES = sizeof(FILE_NAME) - sizeof(WCHAR);

} // namespace

// Each form has the name in its place; the size is the file's; after the last entry there is none
GUEST_TEST(DirectoriesTellWhatIsInThem) {
    BOOT file;
    static constexpr struct {
        FILE_INFORMATION_CLASS Class;
        ULONG LengthOffset, NameOffset;
    } forms[] = {
        {NAMES, offsetof(FILE_NAMES_INFORMATION, FileNameLength), offsetof(FILE_NAMES_INFORMATION, FileName)},
        {FILE_INFORMATION_CLASS::FileDirectoryInformation, offsetof(FILE_DIRECTORY_INFORMATION, FileNameLength),
         offsetof(FILE_DIRECTORY_INFORMATION, FileName)},
        {FILE_INFORMATION_CLASS::FileFullDirectoryInformation, offsetof(FILE_FULL_DIR_INFORMATION, FileNameLength),
         offsetof(FILE_FULL_DIR_INFORMATION, FileName)},
        {FILE_INFORMATION_CLASS::FileBothDirectoryInformation, offsetof(FILE_BOTH_DIR_INFORMATION, FileNameLength),
         offsetof(FILE_BOTH_DIR_INFORMATION, FileName)},
    };
    for (const auto& form : forms) {
        SCANNED boot;
        GUEST_EQUAL(STATUS_SUCCESS, boot.Next(sizeof(boot.Buffer), form.Class, false, nullptr, false));
        GUEST_EQUAL(form.NameOffset + NAME_BYTES, boot.Block.Information);
        GUEST_EQUAL(NAME_BYTES, *reinterpret_cast<ULONG*>(boot.Buffer + form.LengthOffset));
        GUEST_EQUAL(0, memcmp(boot.Buffer + form.NameOffset, FILE_NAME, NAME_BYTES));
        if (form.Class != NAMES) {
            const auto& entry = *reinterpret_cast<FILE_DIRECTORY_INFORMATION*>(boot.Buffer);
            GUEST_TRUE(entry.NextEntryOffset == 0 && entry.EndOfFile.QuadPart == file.Size());
            GUEST_EQUAL(FILE_ATTRIBUTE_READONLY, entry.FileAttributes);
        }
        GUEST_EQUAL(STATUS_NO_MORE_FILES, boot.Next(sizeof(boot.Buffer), form.Class, false, nullptr, false));
        GUEST_EQUAL(STATUS_SUCCESS, boot.Next(sizeof(boot.Buffer), form.Class, true, nullptr, true));
        GUEST_EQUAL(STATUS_NO_MORE_FILES, boot.Next(sizeof(boot.Buffer), form.Class, true, nullptr, false));
    }
}

GUEST_TEST(ScansHavePatterns) {
    static constexpr struct {
        PCWSTR Pattern;
        bool Matches;
    } cases[] = {{u"*", true},
                 {u"LOADER.*", true},
                 {u"l*er.e?f", true},
                 {u"*.exe", false},
                 {u"loader", false},
                 {u"loader.elf?", false},
                 {u"????????.???", false},
                 {u"<.elf", true},
                 {u"loader.elf>>", true},
                 {u"*a*e*f", true},
                 {u"*****x", false},
                 {u"loader\"elf", true},
                 {u"", true}};
    for (const auto& each : cases) {
        SCANNED boot;
        GUEST_EQUAL(each.Matches ? STATUS_SUCCESS : STATUS_NO_SUCH_FILE,
                    boot.Next(sizeof(boot.Buffer), NAMES, false, each.Pattern, false));
        // The first call's pattern stays.
        GUEST_EQUAL(each.Matches ? STATUS_SUCCESS : STATUS_NO_SUCH_FILE,
                    boot.Next(sizeof(boot.Buffer), NAMES, false, each.Matches ? u"no" : u"*", true));
    }
}

// Room for a part of the name, and not even that; then all of it; and what is no directory
GUEST_TEST(ScansCheckTheirRoom) {
    SCANNED boot;
    constexpr ULONG fixed = offsetof(FILE_NAMES_INFORMATION, FileName);
    GUEST_EQUAL(STATUS_INFO_LENGTH_MISMATCH, boot.Next(fixed - 1, NAMES, false, nullptr, false));
    GUEST_EQUAL(STATUS_BUFFER_OVERFLOW, boot.Next(fixed + 6, NAMES, false, nullptr, false));
    const auto& entry = *reinterpret_cast<FILE_NAMES_INFORMATION*>(boot.Buffer);
    GUEST_EQUAL(NAME_BYTES, entry.FileNameLength);
    GUEST_TRUE(memcmp(entry.FileName, FILE_NAME, 6) == 0 && entry.FileName[3] == 0);
    GUEST_EQUAL(fixed + 6, boot.Block.Information);
    GUEST_EQUAL(STATUS_SUCCESS, boot.Next(fixed + NAME_BYTES, NAMES, false, nullptr, false));
    GUEST_EQUAL(STATUS_INVALID_INFO_CLASS,
                boot.Next(sizeof(boot.Buffer), FILE_INFORMATION_CLASS::FileBasicInformation, false, nullptr, false));
    BOOT file;
    GUEST_EQUAL(STATUS_INVALID_PARAMETER,
                ZwQueryDirectoryFile(file.Handle, nullptr, nullptr, nullptr, &boot.Block, boot.Buffer,
                                     sizeof(boot.Buffer), NAMES, FALSE, nullptr, FALSE));
}
