// The name space: directories, symbolic links, and how a name leads to an object.
//
// A name is components between backslashes. The look-up begins at the root directory, or at the directory whose handle is the
// RootDirectory of the attributes. In a directory it goes on with the next component. An object whose type has a parse procedure takes the
// rest of the name. A symbolic link is one: its target replaces what was read so far, and the look-up begins again, at most 32 times.
// Invariants: a directory holds a reference to each object in it, and each object with a name holds one to its directory.
// Locks: OBJECT_DIRECTORY::Lock for the entries; ObpNameLock for OBJECT_HEADER_NAME_INFO::Directory.
// IRQL: PASSIVE_LEVEL. In the books: "object names", "object directories", "symbolic links", "session namespace". OBJ-05
#pragma once

#include "ob/object.h"

// Attributes (documented values).
constexpr ULONG OBJ_PROTECT_CLOSE = 0x001; ///< of a handle
constexpr ULONG OBJ_INHERIT = 0x002;
constexpr ULONG OBJ_AUDIT_OBJECT_CLOSE = 0x004; ///< of a handle
constexpr ULONG OBJ_PERMANENT = 0x010;
constexpr ULONG OBJ_EXCLUSIVE = 0x020;
constexpr ULONG OBJ_CASE_INSENSITIVE = 0x040;
constexpr ULONG OBJ_OPENIF = 0x080;   ///< create, or open what has the name
constexpr ULONG OBJ_OPENLINK = 0x100; ///< the link itself
constexpr ULONG OBJ_KERNEL_HANDLE = 0x200;
constexpr ULONG OBJ_FORCE_ACCESS_CHECK = 0x400;
constexpr ULONG OBJ_VALID_ATTRIBUTES = 0x7F2;

/// What a caller says of an object that it creates or opens.
struct OBJECT_ATTRIBUTES {
    ULONG Length; ///< sizeof(OBJECT_ATTRIBUTES)
    HANDLE RootDirectory;
    PUNICODE_STRING ObjectName;
    ULONG Attributes; ///< OBJ_*
    PVOID SecurityDescriptor;
    PVOID SecurityQualityOfService;
};
PUBLIC_SIZE(OBJECT_ATTRIBUTES, 24);

inline void InitializeObjectAttributes(POBJECT_ATTRIBUTES p, PUNICODE_STRING name, ULONG attributes, HANDLE root,
                                       PSECURITY_DESCRIPTOR security) {
    *p = {sizeof(OBJECT_ATTRIBUTES), root, name, attributes, security, nullptr};
}

/// A name, and the text behind the structure.
struct OBJECT_NAME_INFORMATION {
    UNICODE_STRING Name;
};
using POBJECT_NAME_INFORMATION = OBJECT_NAME_INFORMATION*;

/// An object in a directory.
struct OBJECT_DIRECTORY_ENTRY {
    OBJECT_DIRECTORY_ENTRY* ChainLink;
    PVOID Object; ///< referenced
    ULONG HashValue;
};

constexpr ULONG NUMBER_HASH_BUCKETS = 37;

/// A directory: a hash table of names.
struct OBJECT_DIRECTORY {
    OBJECT_DIRECTORY_ENTRY* HashBuckets[NUMBER_HASH_BUCKETS]; ///< under Lock
    FAST_MUTEX Lock;
};
using POBJECT_DIRECTORY = OBJECT_DIRECTORY*;

/// A symbolic link: another name. It does not change once it is made.
struct OBJECT_SYMBOLIC_LINK {
    LARGE_INTEGER CreationTime;
    UNICODE_STRING LinkTarget; ///< its buffer belongs to the link
};
using POBJECT_SYMBOLIC_LINK = OBJECT_SYMBOLIC_LINK*;

// Rights (documented values).
constexpr ACCESS_MASK DIRECTORY_QUERY = 0x1;
constexpr ACCESS_MASK DIRECTORY_TRAVERSE = 0x2;
constexpr ACCESS_MASK DIRECTORY_CREATE_OBJECT = 0x4;
constexpr ACCESS_MASK DIRECTORY_CREATE_SUBDIRECTORY = 0x8;
constexpr ACCESS_MASK DIRECTORY_ALL_ACCESS = STANDARD_RIGHTS_REQUIRED | 0xF;
constexpr ACCESS_MASK SYMBOLIC_LINK_QUERY = 0x1;
constexpr ACCESS_MASK SYMBOLIC_LINK_ALL_ACCESS = STANDARD_RIGHTS_REQUIRED | 0x1;

extern "C" {
NTKERNELAPI extern POBJECT_DIRECTORY ObpRootDirectoryObject;

/// Finds an object by its name. @param ObjectName from the root. @param Attributes OBJ_CASE_INSENSITIVE. @param PassedAccessState may
/// be nullptr. @param ParseContext for parse procedures. @param Object receives it, referenced. @returns STATUS_SUCCESS;
/// STATUS_OBJECT_NAME_INVALID; STATUS_OBJECT_PATH_SYNTAX_BAD; STATUS_OBJECT_NAME_NOT_FOUND; STATUS_OBJECT_PATH_NOT_FOUND;
/// STATUS_OBJECT_TYPE_MISMATCH; STATUS_NAME_TOO_LONG; STATUS_REPARSE_POINT_NOT_RESOLVED: links lead on and on;
/// STATUS_INSUFFICIENT_RESOURCES; what a parse procedure says. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI ObReferenceObjectByName(PUNICODE_STRING ObjectName, ULONG Attributes,
                                                   PACCESS_STATE PassedAccessState, ACCESS_MASK DesiredAccess,
                                                   POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                                                   PVOID ParseContext, PVOID* Object);
/// Opens an object by its name: a handle. @param AccessMode whose pointer ObjectAttributes is, and for whom the handle is. @param Handle
/// kernel memory. @returns as ObReferenceObjectByName and ObOpenObjectByPointer. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI ObOpenObjectByName(POBJECT_ATTRIBUTES ObjectAttributes, POBJECT_TYPE ObjectType,
                                              KPROCESSOR_MODE AccessMode, PACCESS_STATE AccessState,
                                              ACCESS_MASK DesiredAccess, PVOID ParseContext, HANDLE* Handle);
/// An object that has no handle loses its name at once; others with their last handle. @irql PASSIVE_LEVEL
NTKERNELAPI void NTAPI ObMakeTemporaryObject(PVOID Object);
/// Tells an object's name from the root on, or an empty one. @param ObjectNameInfo kernel memory of `Length` bytes. @param ReturnLength
/// receives the bytes that it needs. @returns STATUS_SUCCESS; STATUS_INFO_LENGTH_MISMATCH: they are too few. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI ObQueryNameString(PVOID Object, POBJECT_NAME_INFORMATION ObjectNameInfo, ULONG Length,
                                             ULONG* ReturnLength);
}
