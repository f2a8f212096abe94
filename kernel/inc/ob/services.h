// The services of the object manager: what user mode calls.
//
// A Zw form is the same call in the name of kernel mode. Pointers are the caller's; from user mode they may be anything:
// STATUS_ACCESS_VIOLATION, STATUS_DATATYPE_MISALIGNMENT. IRQL: PASSIVE_LEVEL.
// In the books: "object manager", "object handles". OBJ-05..07
#pragma once

#include "ob/handles.h"

/// An entry that NtQueryDirectoryObject tells; the texts lie behind all entries. One with empty names is the last.
struct OBJECT_DIRECTORY_INFORMATION {
    UNICODE_STRING Name;
    UNICODE_STRING TypeName;
};

/// What NtQueryObject tells (documented values).
enum class OBJECT_INFORMATION_CLASS : LONG {
    ObjectBasicInformation = 0,
    ObjectNameInformation = 1,
    ObjectTypeInformation = 2,
    ObjectTypesInformation = 3,
    ObjectHandleFlagInformation = 4 ///< NtSetInformationObject, too
};

/// An object and the handle that leads to it.
struct OBJECT_BASIC_INFORMATION {
    ULONG Attributes; ///< OBJ_*: of the handle, and OBJ_PERMANENT, OBJ_EXCLUSIVE of the object
    ACCESS_MASK GrantedAccess;
    ULONG HandleCount;
    ULONG PointerCount; ///< without the references of this query
    ULONG PagedPoolCharge;
    ULONG NonPagedPoolCharge;
    ULONG Reserved[3];
    ULONG NameInfoSize; ///< bytes that ObjectNameInformation needs; 0: no name
    ULONG TypeInfoSize;
    ULONG SecurityDescriptorSize;
    LARGE_INTEGER CreationTime; ///< of a symbolic link; others: 0
};
PUBLIC_SIZE(OBJECT_BASIC_INFORMATION, 56);

/// A type; its name's text lies behind.
struct OBJECT_TYPE_INFORMATION {
    UNICODE_STRING TypeName;
    ULONG TotalNumberOfObjects;
    ULONG TotalNumberOfHandles;
    ULONG TotalPoolUsage[4]; ///< not kept: 0
    ULONG HighWaterNumberOfObjects;
    ULONG HighWaterNumberOfHandles;
    ULONG HighWaterPoolUsage[4]; ///< not kept: 0
    ULONG InvalidAttributes;
    GENERIC_MAPPING GenericMapping;
    ULONG ValidAccessMask;
    BOOLEAN SecurityRequired;
    BOOLEAN MaintainHandleCount;
    ULONG PoolType;
    ULONG DefaultPagedPoolCharge;
    ULONG DefaultNonPagedPoolCharge;
};
PUBLIC_SIZE(OBJECT_TYPE_INFORMATION, 96);

/// All types: the number, then each OBJECT_TYPE_INFORMATION at the next multiple of a pointer's size.
struct OBJECT_TYPES_INFORMATION {
    ULONG NumberOfTypes;
};

/// What a handle's flags are.
struct OBJECT_HANDLE_FLAG_INFORMATION {
    BOOLEAN Inherit;
    BOOLEAN ProtectFromClose;
};

#define OB_SERVICE(name, ...)                         \
    NTKERNELAPI NTSTATUS NTAPI Nt##name(__VA_ARGS__); \
    NTKERNELAPI NTSTATUS NTAPI Zw##name(__VA_ARGS__)

extern "C" {
/// Closes a handle. @returns as ObCloseHandle
OB_SERVICE(Close, HANDLE Handle);
/// Makes a directory. @returns as ObCreateObject and ObInsertObject
OB_SERVICE(CreateDirectoryObject, HANDLE* DirectoryHandle, ACCESS_MASK DesiredAccess,
           POBJECT_ATTRIBUTES ObjectAttributes);
/// @returns as ObOpenObjectByName
OB_SERVICE(OpenDirectoryObject, HANDLE* DirectoryHandle, ACCESS_MASK DesiredAccess,
           POBJECT_ATTRIBUTES ObjectAttributes);
/// Tells what is in a directory, as much as there is room for. @param Buffer receives OBJECT_DIRECTORY_INFORMATIONs. @param Context in
/// and out: where the scan goes on. @param ReturnLength receives the bytes that were written, or that one entry needs; may be nullptr.
/// @returns STATUS_SUCCESS; STATUS_MORE_ENTRIES, a success: call again; STATUS_NO_MORE_ENTRIES; STATUS_BUFFER_TOO_SMALL: not even for one
OB_SERVICE(QueryDirectoryObject, HANDLE DirectoryHandle, PVOID Buffer, ULONG Length, BOOLEAN ReturnSingleEntry,
           BOOLEAN RestartScan, ULONG* Context, ULONG* ReturnLength);
/// Makes a symbolic link. @returns also STATUS_INVALID_PARAMETER: no target
OB_SERVICE(CreateSymbolicLinkObject, HANDLE* LinkHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
           PUNICODE_STRING LinkTarget);
/// Opens a link itself. @returns as ObOpenObjectByName
OB_SERVICE(OpenSymbolicLinkObject, HANDLE* LinkHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes);
/// Tells a link's target. @param LinkTarget its buffer receives the text. @param ReturnedLength receives the bytes that it has; may be
/// nullptr. @returns also STATUS_BUFFER_TOO_SMALL
OB_SERVICE(QuerySymbolicLinkObject, HANDLE LinkHandle, PUNICODE_STRING LinkTarget, ULONG* ReturnedLength);
/// Tells about an object, its type or all types. @param Handle not looked at for ObjectTypesInformation. @param ReturnLength receives the
/// bytes that are needed; may be nullptr. @returns STATUS_SUCCESS; STATUS_INFO_LENGTH_MISMATCH: they are too few;
/// STATUS_INVALID_INFO_CLASS; STATUS_INVALID_HANDLE
OB_SERVICE(QueryObject, HANDLE Handle, OBJECT_INFORMATION_CLASS ObjectInformationClass, PVOID ObjectInformation,
           ULONG ObjectInformationLength, ULONG* ReturnLength);
/// Changes a handle's flags. @returns STATUS_SUCCESS; STATUS_INFO_LENGTH_MISMATCH; STATUS_INVALID_INFO_CLASS; STATUS_INVALID_HANDLE
OB_SERVICE(SetInformationObject, HANDLE Handle, OBJECT_INFORMATION_CLASS ObjectInformationClass,
           PVOID ObjectInformation, ULONG ObjectInformationLength);
/// @param TargetProcessHandle, TargetHandle nullptr with DUPLICATE_CLOSE_SOURCE: it is only closed. @returns as ObDuplicateObject
OB_SERVICE(DuplicateObject, HANDLE SourceProcessHandle, HANDLE SourceHandle, HANDLE TargetProcessHandle,
           HANDLE* TargetHandle, ACCESS_MASK DesiredAccess, ULONG HandleAttributes, ULONG Options);
/// The object loses its name with its last handle. @returns STATUS_SUCCESS; STATUS_INVALID_HANDLE; STATUS_ACCESS_DENIED: no DELETE right
OB_SERVICE(MakeTemporaryObject, HANDLE Handle);
/// The object keeps its name without handles. @returns as NtMakeTemporaryObject
OB_SERVICE(MakePermanentObject, HANDLE Handle);
}

#undef OB_SERVICE
