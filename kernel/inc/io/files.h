// Files as programs see them: how they are opened, what is asked of them, how an operation ended.
//
// All values and layouts are the documented ones; programs include this header too.
// In the books: "I/O processing", "file object". IOM-03, BOO-04
#pragma once

#include "ntstatus.h"
#include "rtl/ustring.h"
#include "se/access.h"

/// How an operation ended.
struct IO_STATUS_BLOCK {
    union {
        NTSTATUS Status;
        PVOID Pointer;
    };
    ULONG_PTR Information; ///< bytes that were transferred; of an opened file FILE_OPENED and the like
};
using PIO_STATUS_BLOCK = IO_STATUS_BLOCK*;
PUBLIC_SIZE(IO_STATUS_BLOCK, 8);

/// Called in the thread that began an operation, when it has ended.
using IO_APC_ROUTINE = void NTAPI(PVOID ApcContext, PIO_STATUS_BLOCK IoStatusBlock, ULONG Reserved);
using PIO_APC_ROUTINE = IO_APC_ROUTINE*;

// Rights. Of a directory the same bits mean: list, add a file, add a directory, pass through, delete what is in it.
constexpr ACCESS_MASK FILE_READ_DATA = 0x001;
constexpr ACCESS_MASK FILE_LIST_DIRECTORY = 0x001;
constexpr ACCESS_MASK FILE_WRITE_DATA = 0x002;
constexpr ACCESS_MASK FILE_APPEND_DATA = 0x004;
constexpr ACCESS_MASK FILE_READ_EA = 0x008;
constexpr ACCESS_MASK FILE_WRITE_EA = 0x010;
constexpr ACCESS_MASK FILE_EXECUTE = 0x020;
constexpr ACCESS_MASK FILE_TRAVERSE = 0x020;
constexpr ACCESS_MASK FILE_DELETE_CHILD = 0x040;
constexpr ACCESS_MASK FILE_READ_ATTRIBUTES = 0x080;
constexpr ACCESS_MASK FILE_WRITE_ATTRIBUTES = 0x100;
constexpr ACCESS_MASK FILE_ALL_ACCESS = STANDARD_RIGHTS_REQUIRED | SYNCHRONIZE | 0x1FF;
constexpr ACCESS_MASK FILE_GENERIC_READ =
    STANDARD_RIGHTS_READ | FILE_READ_DATA | FILE_READ_ATTRIBUTES | FILE_READ_EA | SYNCHRONIZE;
constexpr ACCESS_MASK FILE_GENERIC_WRITE =
    STANDARD_RIGHTS_WRITE | FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES | FILE_WRITE_EA | FILE_APPEND_DATA | SYNCHRONIZE;
constexpr ACCESS_MASK FILE_GENERIC_EXECUTE =
    STANDARD_RIGHTS_EXECUTE | FILE_READ_ATTRIBUTES | FILE_EXECUTE | SYNCHRONIZE;

// What others may do with the file meanwhile.
constexpr ULONG FILE_SHARE_READ = 1;
constexpr ULONG FILE_SHARE_WRITE = 2;
constexpr ULONG FILE_SHARE_DELETE = 4;
constexpr ULONG FILE_SHARE_VALID_FLAGS = 7;

// What to do whether the file is there or not.
constexpr ULONG FILE_SUPERSEDE = 0;
constexpr ULONG FILE_OPEN = 1;
constexpr ULONG FILE_CREATE = 2;
constexpr ULONG FILE_OPEN_IF = 3;
constexpr ULONG FILE_OVERWRITE = 4;
constexpr ULONG FILE_OVERWRITE_IF = 5;
constexpr ULONG FILE_MAXIMUM_DISPOSITION = 5;

// How it is opened.
constexpr ULONG FILE_DIRECTORY_FILE = 0x1;
constexpr ULONG FILE_WRITE_THROUGH = 0x2;
constexpr ULONG FILE_SEQUENTIAL_ONLY = 0x4;
constexpr ULONG FILE_SYNCHRONOUS_IO_ALERT = 0x10;
constexpr ULONG FILE_SYNCHRONOUS_IO_NONALERT = 0x20;
constexpr ULONG FILE_NON_DIRECTORY_FILE = 0x40;
constexpr ULONG FILE_DELETE_ON_CLOSE = 0x1000;
constexpr ULONG FILE_VALID_OPTION_FLAGS = 0x00FF'FFFF;

// What opening did: IO_STATUS_BLOCK::Information.
constexpr ULONG_PTR FILE_OPENED = 1;

// Attributes.
constexpr ULONG FILE_ATTRIBUTE_READONLY = 0x01;
constexpr ULONG FILE_ATTRIBUTE_DIRECTORY = 0x10;
constexpr ULONG FILE_ATTRIBUTE_NORMAL = 0x80;
constexpr ULONG FILE_ATTRIBUTE_VALID_FLAGS = 0x7FB7;

// Byte offsets with a meaning of their own: the high part is -1.
constexpr ULONG FILE_WRITE_TO_END_OF_FILE = 0xFFFF'FFFF;
constexpr ULONG FILE_USE_FILE_POINTER_POSITION = 0xFFFF'FFFE;

// Kinds of devices, and what they are like.
constexpr ULONG FILE_DEVICE_DISK = 0x07;
constexpr ULONG FILE_DEVICE_CONSOLE = 0x50;
constexpr ULONG FILE_READ_ONLY_DEVICE = 0x02;

/// What NtQueryInformationFile and NtSetInformationFile are asked for.
enum class FILE_INFORMATION_CLASS : LONG {
    FileDirectoryInformation = 1, ///< this one and the next two, and names: NtQueryDirectoryFile
    FileFullDirectoryInformation = 2,
    FileBothDirectoryInformation = 3,
    FileBasicInformation = 4,
    FileStandardInformation = 5,
    FileInternalInformation = 6,
    FileAccessInformation = 8,
    FileNameInformation = 9,
    FileNamesInformation = 12,
    FilePositionInformation = 14,
    FileModeInformation = 16,
    FileAlignmentInformation = 17
};

/// Times and attributes.
struct FILE_BASIC_INFORMATION {
    LARGE_INTEGER CreationTime; ///< 0: not kept, as the other three
    LARGE_INTEGER LastAccessTime;
    LARGE_INTEGER LastWriteTime;
    LARGE_INTEGER ChangeTime;
    ULONG FileAttributes;
};
PUBLIC_SIZE(FILE_BASIC_INFORMATION, 40);

/// Sizes in bytes, names, what it is.
struct FILE_STANDARD_INFORMATION {
    LARGE_INTEGER AllocationSize;
    LARGE_INTEGER EndOfFile;
    ULONG NumberOfLinks;
    BOOLEAN DeletePending;
    BOOLEAN Directory;
};
PUBLIC_SIZE(FILE_STANDARD_INFORMATION, 24);

/// A number that no other file of the device has.
struct FILE_INTERNAL_INFORMATION {
    LARGE_INTEGER IndexNumber;
};

/// The rights of the handle.
struct FILE_ACCESS_INFORMATION {
    ACCESS_MASK AccessFlags;
};

/// The name behind the device's; no 0 behind it.
struct FILE_NAME_INFORMATION {
    ULONG FileNameLength; ///< in bytes
    WCHAR FileName[1];
};

/// Where the next synchronous transfer begins, in bytes.
struct FILE_POSITION_INFORMATION {
    LARGE_INTEGER CurrentByteOffset;
};

/// How it was opened: FILE_SYNCHRONOUS_IO_ALERT and the like.
struct FILE_MODE_INFORMATION {
    ULONG Mode;
};

/// How a buffer must lie in memory.
struct FILE_ALIGNMENT_INFORMATION {
    ULONG AlignmentRequirement; ///< 0: at any byte
};

/// An entry of a directory: its name.
struct FILE_NAMES_INFORMATION {
    ULONG NextEntryOffset; ///< from this entry to the next, in bytes; 0: the last
    ULONG FileIndex;
    ULONG FileNameLength; ///< in bytes; no 0 behind it
    WCHAR FileName[1];
};

/// An entry of a directory: its name, its times, its size.
struct FILE_DIRECTORY_INFORMATION {
    ULONG NextEntryOffset;
    ULONG FileIndex;
    LARGE_INTEGER CreationTime;
    LARGE_INTEGER LastAccessTime;
    LARGE_INTEGER LastWriteTime;
    LARGE_INTEGER ChangeTime;
    LARGE_INTEGER EndOfFile;
    LARGE_INTEGER AllocationSize;
    ULONG FileAttributes;
    ULONG FileNameLength;
    WCHAR FileName[1];
};
PUBLIC_OFFSET(FILE_DIRECTORY_INFORMATION, FileName, 64);

/// The same with the size of extended attributes.
struct FILE_FULL_DIR_INFORMATION {
    ULONG NextEntryOffset;
    ULONG FileIndex;
    LARGE_INTEGER CreationTime;
    LARGE_INTEGER LastAccessTime;
    LARGE_INTEGER LastWriteTime;
    LARGE_INTEGER ChangeTime;
    LARGE_INTEGER EndOfFile;
    LARGE_INTEGER AllocationSize;
    ULONG FileAttributes;
    ULONG FileNameLength;
    ULONG EaSize;
    WCHAR FileName[1];
};
PUBLIC_OFFSET(FILE_FULL_DIR_INFORMATION, FileName, 68);

/// The same with the short name.
struct FILE_BOTH_DIR_INFORMATION {
    ULONG NextEntryOffset;
    ULONG FileIndex;
    LARGE_INTEGER CreationTime;
    LARGE_INTEGER LastAccessTime;
    LARGE_INTEGER LastWriteTime;
    LARGE_INTEGER ChangeTime;
    LARGE_INTEGER EndOfFile;
    LARGE_INTEGER AllocationSize;
    ULONG FileAttributes;
    ULONG FileNameLength;
    ULONG EaSize;
    CHAR ShortNameLength; ///< 0: it has none
    WCHAR ShortName[12];
    WCHAR FileName[1];
};
PUBLIC_OFFSET(FILE_BOTH_DIR_INFORMATION, FileName, 94);

/// What NtQueryVolumeInformationFile is asked for.
enum class FS_INFORMATION_CLASS : LONG { FileFsDeviceInformation = 4 };

/// What kind of device a file is on.
struct FILE_FS_DEVICE_INFORMATION {
    ULONG DeviceType;      ///< FILE_DEVICE_*
    ULONG Characteristics; ///< FILE_READ_ONLY_DEVICE
};
