// Section objects: memory that several processes may map, backed by a page file, by the data of a file, or by an image.
//
// A section is made once and mapped any number of times; each view shows the same pages. A section object (MmSectionObjectType) has a
// SECTION as its body, and handles. The kernel's own sections are SECTIONs without an object: MmCreateBackedSection gives one,
// MmCloseSection takes it back.
// In the books: "section objects", "mapped files", "image activation". POL-08, POL-09
#pragma once

#include "io/files.h"
#include "mm/backing.h"
#include "mm/virtual.h"
#include "ob/handles.h"

struct SECTION;
struct EPROCESS;

// How a section is made (documented values).
constexpr ULONG SEC_IMAGE = 0x1000000;
constexpr ULONG SEC_RESERVE = 0x4000000;
constexpr ULONG SEC_COMMIT = 0x8000000;
constexpr ULONG SEC_NOCACHE = 0x10000000;

// Rights (documented values).
constexpr ACCESS_MASK SECTION_QUERY = 0x01;
constexpr ACCESS_MASK SECTION_MAP_WRITE = 0x02;
constexpr ACCESS_MASK SECTION_MAP_READ = 0x04;
constexpr ACCESS_MASK SECTION_MAP_EXECUTE = 0x08;
constexpr ACCESS_MASK SECTION_EXTEND_SIZE = 0x10;
constexpr ACCESS_MASK SECTION_ALL_ACCESS = STANDARD_RIGHTS_REQUIRED | 0x1F;

/// What happens to a view when its process makes a child (documented values).
enum class SECTION_INHERIT : LONG { ViewShare = 1, ViewUnmap = 2 };
inline constexpr SECTION_INHERIT ViewShare = SECTION_INHERIT::ViewShare;
inline constexpr SECTION_INHERIT ViewUnmap = SECTION_INHERIT::ViewUnmap;

/// What NtQuerySection tells.
enum class SECTION_INFORMATION_CLASS : LONG { SectionBasicInformation = 0, SectionImageInformation = 1 };

/// How a file's handle leads to the file's pages: file objects stand above, and their component registers this.
struct MM_FILE_SOURCE {
    POBJECT_TYPE* FileType;
    /// @param Backing receives a reference, which the caller takes back. @returns why the file cannot be mapped. @irql PASSIVE_LEVEL
    NTSTATUS(NTAPI* GetBacking)(PVOID FileObject, MM_BACKING** Backing);
};

/// What MmQuerySection tells of every section.
struct SECTION_BASIC_INFORMATION {
    PVOID BaseAddress;          ///< nullptr: a view may lie anywhere
    ULONG AllocationAttributes; ///< SEC_*
    LARGE_INTEGER MaximumSize;  ///< in bytes
};
PUBLIC_SIZE(SECTION_BASIC_INFORMATION, 16);

/// What MmQuerySection tells of an image.
struct SECTION_IMAGE_INFORMATION {
    PVOID TransferAddress; ///< where it begins to run, if it lies at its own base
    ULONG ZeroBits;
    ULONG MaximumStackSize;
    ULONG CommittedStackSize;
    ULONG SubSystemType;
    USHORT SubSystemMinorVersion;
    USHORT SubSystemMajorVersion;
    ULONG GpValue;
    USHORT ImageCharacteristics;
    USHORT DllCharacteristics;
    USHORT Machine;
    BOOLEAN ImageContainsCode;
    BOOLEAN Spare1;
    ULONG LoaderFlags;
    ULONG ImageFileSize;
    ULONG CheckSum;
};
PUBLIC_SIZE(SECTION_IMAGE_INFORMATION, 48);

extern "C" {
/// Makes a section. @param Section receives it. @param File what it is made of; nullptr: the page file, pages of zeros at first.
/// @param MaximumSize in bytes; for a file, 0: the file's size, more than it: the file grows. An image has its own size.
/// @param SectionPageProtection PAGE_*, the most that a view may have. @param AllocationAttributes SEC_COMMIT, SEC_RESERVE (of the
/// page file: NtAllocateVirtualMemory commits pages of a view, for all views; of a file: as SEC_COMMIT) or SEC_IMAGE, with SEC_NOCACHE. @returns STATUS_SUCCESS; STATUS_INVALID_PARAMETER_4: no size; STATUS_INVALID_PARAMETER_6;
/// STATUS_INVALID_PAGE_PROTECTION; STATUS_MAPPED_FILE_SIZE_ZERO; STATUS_SECTION_TOO_BIG: the file cannot grow, or no memory
/// could describe so much; STATUS_INVALID_FILE_FOR_SECTION: an image without a file; STATUS_INVALID_IMAGE_NOT_MZ,
/// STATUS_INVALID_IMAGE_FORMAT; STATUS_COMMITMENT_LIMIT; STATUS_INSUFFICIENT_RESOURCES; what the backing says. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI MmCreateBackedSection(SECTION** Section, MM_BACKING* File, ULONGLONG MaximumSize,
                                                 ULONG SectionPageProtection, ULONG AllocationAttributes);
/// Gives a section back. Views that are mapped keep what they show. @irql PASSIVE_LEVEL
NTKERNELAPI void NTAPI MmCloseSection(SECTION* Section);
/// Maps a view into a process. @param BaseAddress in: where (rounded down to 64 KB), or nullptr: where there is room, an image at its
/// own base if that is free; out: where it begins. @param ZeroBits upper address bits that must be 0, at most 20.
/// @param SectionOffset in bytes, a multiple of 64 KB; nullptr: 0. @param ViewSize in and out, in bytes; 0: to the section's end.
/// @param AllocationType 0 or MEM_TOP_DOWN. @param Protect PAGE_*; each page of an image has its own instead.
/// @returns STATUS_SUCCESS; STATUS_IMAGE_NOT_AT_BASE, a success: relocate it; STATUS_INVALID_PARAMETER_n;
/// STATUS_INVALID_PAGE_PROTECTION; STATUS_SECTION_PROTECTION: the section does not allow that; STATUS_MAPPED_ALIGNMENT;
/// STATUS_INVALID_VIEW_SIZE: beyond the section's end; STATUS_CONFLICTING_ADDRESSES; STATUS_NO_MEMORY: no room;
/// STATUS_COMMITMENT_LIMIT; STATUS_INSUFFICIENT_RESOURCES; STATUS_PROCESS_IS_TERMINATING. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI MmMapViewOfSection(SECTION* Section, EPROCESS* Process, PVOID* BaseAddress,
                                              ULONG_PTR ZeroBits, SIZE_T CommitSize, LARGE_INTEGER* SectionOffset,
                                              SIZE_T* ViewSize, SECTION_INHERIT InheritDisposition,
                                              ULONG AllocationType, ULONG Protect);
/// Relocates the view of an image that was mapped with STATUS_IMAGE_NOT_AT_BASE; once. Pages that change are the process's own copies,
/// charged to it. @param BaseAddress where the view begins. @returns STATUS_SUCCESS; STATUS_NOT_MAPPED_VIEW: no image begins there;
/// STATUS_CONFLICTING_ADDRESSES: the image can lie at its own base only; STATUS_INVALID_IMAGE_FORMAT; STATUS_COMMITMENT_LIMIT;
/// STATUS_INSUFFICIENT_RESOURCES; why a page could not be used. If it fails, unmap the view. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI MmRelocateImage(EPROCESS* Process, PVOID BaseAddress);
/// Takes the view away that holds an address. @returns STATUS_SUCCESS; STATUS_NOT_MAPPED_VIEW. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI MmUnmapViewOfSection(EPROCESS* Process, PVOID BaseAddress);
/// Maps a section of data in system space, from its start on, for every process; pages come with their first use, at APC_LEVEL or below.
/// @param Section a SECTION; its protection is the view's, without copies. @param MappedBase receives where it begins.
/// @param ViewSize in and out, in bytes; 0: all of it. @returns STATUS_SUCCESS; STATUS_INVALID_PARAMETER: an image;
/// STATUS_INVALID_VIEW_SIZE; STATUS_NO_MEMORY: no room; STATUS_INSUFFICIENT_RESOURCES. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI MmMapViewInSystemSpace(PVOID Section, PVOID* MappedBase, SIZE_T* ViewSize);
/// Takes such a view away. @param MappedBase where it begins. @returns STATUS_SUCCESS; STATUS_NOT_MAPPED_VIEW. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI MmUnmapViewInSystemSpace(PVOID MappedBase);
/// Writes what has changed in views of files to the files, and waits. @param BaseAddress, RegionSize in: a range within one view, size
/// 0: to its end; out: the pages that were looked at. Pages that only other processes have changed since they were last written are
/// written when those processes flush or let them go. @returns STATUS_SUCCESS; STATUS_NOT_MAPPED_VIEW: none, or the range leaves it;
/// STATUS_NOT_MAPPED_DATA: no file's data; why the file could not be written: the pages are modified still. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI MmFlushVirtualMemory(EPROCESS* Process, PVOID* BaseAddress, SIZE_T* RegionSize);
/// Makes a section of a file longer, and the file, if it ends before. @param NewSize in: in bytes; out: the section's size.
/// @returns STATUS_SUCCESS; STATUS_SECTION_NOT_EXTENDED: it is no section of data, or what the file says. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI MmExtendSection(SECTION* Section, ULONGLONG* NewSize);
/// Tells about a section. @irql any
NTKERNELAPI void NTAPI MmQuerySection(SECTION* Section, SECTION_BASIC_INFORMATION* Information);
/// Tells about an image. @returns STATUS_SUCCESS; STATUS_SECTION_NOT_IMAGE. @irql any
NTKERNELAPI NTSTATUS NTAPI MmQueryImageSection(SECTION* Section, SECTION_IMAGE_INFORMATION* Information);

/// Is told of an image that the calling thread has mapped into its own process from user mode, or unmapped there, if the process has a
/// debugger. Called at PASSIVE_LEVEL. @param BaseAddress of the image
using MM_IMAGE_VIEW_ROUTINE = void NTAPI(PVOID BaseAddress, BOOLEAN Mapped);
/// Says what that is; once, when the system starts.
extern "C" void NTAPI MmSetImageViewRoutine(MM_IMAGE_VIEW_ROUTINE* Routine);
/// @returns the name of the section's file, as long as the section is; nullptr: none. @irql any
NTKERNELAPI PCUNICODE_STRING NTAPI MmQuerySectionName(SECTION* Section);

NTKERNELAPI extern POBJECT_TYPE MmSectionObjectType;

/// @param Source stays in use for ever. @irql any, boot
NTKERNELAPI void NTAPI MmRegisterFileSource(const MM_FILE_SOURCE* Source);
/// Makes a section object. @param SectionObject receives it, referenced; its creation is not finished before ObInsertObject.
/// @param ObjectAttributes may be nullptr; a pointer of the previous mode. @param MaximumSize nullptr: 0. @param FileHandle nullptr: as
/// File says. @param File may be nullptr. @returns as MmCreateBackedSection and ObCreateObject; what the file's handle gives.
/// @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI MmCreateSection(PVOID* SectionObject, ACCESS_MASK DesiredAccess,
                                           POBJECT_ATTRIBUTES ObjectAttributes, LARGE_INTEGER* MaximumSize,
                                           ULONG SectionPageProtection, ULONG AllocationAttributes, HANDLE FileHandle,
                                           MM_BACKING* File);

// The services. Pointers are the caller's; from user mode they may be anything: STATUS_ACCESS_VIOLATION,
// STATUS_DATATYPE_MISALIGNMENT. @irql PASSIVE_LEVEL
/// @returns as MmCreateSection and ObInsertObject
NTKERNELAPI NTSTATUS NTAPI NtCreateSection(HANDLE* SectionHandle, ACCESS_MASK DesiredAccess,
                                           POBJECT_ATTRIBUTES ObjectAttributes, LARGE_INTEGER* MaximumSize,
                                           ULONG SectionPageProtection, ULONG AllocationAttributes, HANDLE FileHandle);
NTKERNELAPI NTSTATUS NTAPI ZwCreateSection(HANDLE* SectionHandle, ACCESS_MASK DesiredAccess,
                                           POBJECT_ATTRIBUTES ObjectAttributes, LARGE_INTEGER* MaximumSize,
                                           ULONG SectionPageProtection, ULONG AllocationAttributes, HANDLE FileHandle);
/// @returns as ObOpenObjectByName
NTKERNELAPI NTSTATUS NTAPI NtOpenSection(HANDLE* SectionHandle, ACCESS_MASK DesiredAccess,
                                         POBJECT_ATTRIBUTES ObjectAttributes);
NTKERNELAPI NTSTATUS NTAPI ZwOpenSection(HANDLE* SectionHandle, ACCESS_MASK DesiredAccess,
                                         POBJECT_ATTRIBUTES ObjectAttributes);
/// @param SectionOffset may be nullptr. @returns as MmMapViewOfSection; as ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtMapViewOfSection(HANDLE SectionHandle, HANDLE ProcessHandle, PVOID* BaseAddress,
                                              ULONG_PTR ZeroBits, SIZE_T CommitSize, LARGE_INTEGER* SectionOffset,
                                              SIZE_T* ViewSize, SECTION_INHERIT InheritDisposition,
                                              ULONG AllocationType, ULONG Protect);
NTKERNELAPI NTSTATUS NTAPI ZwMapViewOfSection(HANDLE SectionHandle, HANDLE ProcessHandle, PVOID* BaseAddress,
                                              ULONG_PTR ZeroBits, SIZE_T CommitSize, LARGE_INTEGER* SectionOffset,
                                              SIZE_T* ViewSize, SECTION_INHERIT InheritDisposition,
                                              ULONG AllocationType, ULONG Protect);
/// @returns as MmUnmapViewOfSection; as ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtUnmapViewOfSection(HANDLE ProcessHandle, PVOID BaseAddress);
NTKERNELAPI NTSTATUS NTAPI ZwUnmapViewOfSection(HANDLE ProcessHandle, PVOID BaseAddress);
/// @param ResultLength may be nullptr. @returns STATUS_SUCCESS; STATUS_INVALID_INFO_CLASS; STATUS_INFO_LENGTH_MISMATCH: the buffer is
/// too small; STATUS_SECTION_NOT_IMAGE; as ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtQuerySection(HANDLE SectionHandle, SECTION_INFORMATION_CLASS SectionInformationClass,
                                          PVOID SectionInformation, SIZE_T SectionInformationLength,
                                          SIZE_T* ResultLength);
/// @param NewSectionSize in and out. @returns as MmExtendSection; as ObReferenceObjectByHandle
NTKERNELAPI NTSTATUS NTAPI NtExtendSection(HANDLE SectionHandle, LARGE_INTEGER* NewSectionSize);
}
