// Objects: a header that all have, and a body that belongs to the component that made their type.
//
// The header stands in front of the body; a pointer to an object is a pointer to its body. In front of the header stand the optional
// parts that this object has, each at a distance that the header keeps: creator, name, handle count, quota.
// Invariants: an object lives while PointerCount is not 0. Each handle holds a pointer, and so does the directory that has the
// object's name. A permanent object keeps its name without handles; a temporary one loses the name with its last handle. The delete
// procedure runs once, at PASSIVE_LEVEL, for each object that was created, inserted or not.
// Locks: counts change by interlocked operations; each part says what guards it.
// In the books: "object structure", "object methods", "object retention". OBJ-01..04, OBJ-08, OBJ-10
#pragma once

#include "ex/fastmutex.h"
#include "ex/pool.h"
#include "nt/list.h"
#include "rtl/ustring.h"
#include "se/access.h"

struct EPROCESS;
struct OBJECT_TYPE;
using POBJECT_TYPE = OBJECT_TYPE*;
struct OBJECT_DIRECTORY;
struct OBJECT_CREATE_INFORMATION;
struct OBJECT_ATTRIBUTES;
using POBJECT_ATTRIBUTES = OBJECT_ATTRIBUTES*;
struct OBJECT_NAME_INFORMATION;

/// Why a handle comes into being.
enum class OB_OPEN_REASON : LONG { ObCreateHandle, ObOpenHandle, ObDuplicateHandle, ObInheritHandle };
inline constexpr OB_OPEN_REASON ObCreateHandle = OB_OPEN_REASON::ObCreateHandle;
inline constexpr OB_OPEN_REASON ObOpenHandle = OB_OPEN_REASON::ObOpenHandle;
inline constexpr OB_OPEN_REASON ObDuplicateHandle = OB_OPEN_REASON::ObDuplicateHandle;
inline constexpr OB_OPEN_REASON ObInheritHandle = OB_OPEN_REASON::ObInheritHandle;

/// Where a dump procedure writes: the debugger's output.
struct OB_DUMP_CONTROL {
    PVOID Stream;
    ULONG Detail;
};

// The procedures of a type. PASSIVE_LEVEL, no lock held, but where it says something else.

/// Describes an object to a debugger.
using OB_DUMP_METHOD = void NTAPI(PVOID Object, OB_DUMP_CONTROL* Control);
/// A handle comes into being. @param HandleCount of this process, this one included, if the type keeps them; else 0.
/// A failure takes the handle back.
using OB_OPEN_METHOD = NTSTATUS NTAPI(OB_OPEN_REASON OpenReason, EPROCESS* Process, PVOID Object,
                                      ACCESS_MASK GrantedAccess, ULONG HandleCount);
/// A handle was closed. @param ProcessHandleCount, SystemHandleCount before the close: 1 is the last one.
using OB_CLOSE_METHOD = void NTAPI(EPROCESS* Process, PVOID Object, ACCESS_MASK GrantedAccess, ULONG ProcessHandleCount,
                                   ULONG SystemHandleCount);
/// The object is about to be freed: gives back what the body has.
using OB_DELETE_METHOD = void NTAPI(PVOID Object);
/// Looks the rest of a name up, behind this object. @param CompleteName the whole name. A routine that returns STATUS_REPARSE puts
/// another one there, in a buffer from pool that the object manager frees. @param RemainingName what is left of it.
/// @param Object receives what was found, referenced.
using OB_PARSE_METHOD = NTSTATUS NTAPI(PVOID ParseObject, POBJECT_TYPE ObjectType, PACCESS_STATE AccessState,
                                       KPROCESSOR_MODE AccessMode, ULONG Attributes, PUNICODE_STRING CompleteName,
                                       PUNICODE_STRING RemainingName, PVOID Context,
                                       PSECURITY_QUALITY_OF_SERVICE SecurityQos, PVOID* Object);
/// Reads or changes the object's security descriptor. Nothing calls it before the security issue.
using OB_SECURITY_METHOD = NTSTATUS NTAPI(PVOID Object, ULONG OperationCode, ULONG* SecurityInformation,
                                          PSECURITY_DESCRIPTOR SecurityDescriptor, ULONG* CapturedLength,
                                          PSECURITY_DESCRIPTOR* ObjectsSecurityDescriptor);
/// Tells the object's name instead of the object manager.
using OB_QUERYNAME_METHOD = NTSTATUS NTAPI(PVOID Object, BOOLEAN HasObjectName, OBJECT_NAME_INFORMATION* ObjectNameInfo,
                                           ULONG Length, ULONG* ReturnLength);
/// Whether a handle may be closed. @irql APC_LEVEL: its entry is locked
using OB_OKAYTOCLOSE_METHOD = BOOLEAN NTAPI(EPROCESS* Process, PVOID Object, HANDLE Handle);

/// What a type is made from.
struct OBJECT_TYPE_INITIALIZER {
    USHORT Length; ///< sizeof(OBJECT_TYPE_INITIALIZER)
    BOOLEAN UseDefaultObject;
    BOOLEAN CaseInsensitive; ///< names of its objects are the same in any case
    ULONG InvalidAttributes; ///< OBJ_* that its objects must not have
    GENERIC_MAPPING GenericMapping;
    ULONG ValidAccessMask;
    BOOLEAN SecurityRequired;
    BOOLEAN MaintainHandleCount; ///< how many handles each process has
    BOOLEAN MaintainTypeList;    ///< all of its objects, for debuggers
    POOL_TYPE PoolType;
    ULONG DefaultPagedPoolCharge;
    ULONG DefaultNonPagedPoolCharge;
    OB_DUMP_METHOD* DumpProcedure;
    OB_OPEN_METHOD* OpenProcedure;
    OB_CLOSE_METHOD* CloseProcedure;
    OB_DELETE_METHOD* DeleteProcedure;
    OB_PARSE_METHOD* ParseProcedure;
    OB_SECURITY_METHOD* SecurityProcedure;
    OB_QUERYNAME_METHOD* QueryNameProcedure;
    OB_OKAYTOCLOSE_METHOD* OkayToCloseProcedure;
};
using POBJECT_TYPE_INITIALIZER = OBJECT_TYPE_INITIALIZER*;

/// A type: what its objects have in common. It is an object itself.
/// shared: the counts change by interlocked operations, the high-water marks are hints
struct OBJECT_TYPE {
    FAST_MUTEX Mutex;    ///< guards TypeList, and the handle count parts of its objects
    LIST_ENTRY TypeList; ///< OBJECT_HEADER_CREATOR_INFO::TypeList of its objects
    UNICODE_STRING Name;
    PVOID
    DefaultObject; ///< what a wait for an object waits for: nullptr: its body, ObWaitableAt, or one for all objects
    ULONG Index;   ///< 1 is the first type that was made
    volatile LONG TotalNumberOfObjects;
    volatile LONG TotalNumberOfHandles;
    LONG HighWaterNumberOfObjects;
    LONG HighWaterNumberOfHandles;
    OBJECT_TYPE_INITIALIZER TypeInfo;
    ULONG Key; ///< pool tag of its objects
};

/// What every object begins with, in front of its body (documented layout).
/// shared: the counts change by interlocked operations, Flags under the object manager's ObpNameLock once the object is inserted
struct OBJECT_HEADER {
    volatile LONG PointerCount;
    union {
        volatile LONG HandleCount;
        OBJECT_HEADER* NextToFree; ///< of an object that a work item is to delete
    };
    POBJECT_TYPE Type;
    UCHAR NameInfoOffset; ///< bytes from the part to the header; 0: the object has no such part
    UCHAR HandleInfoOffset;
    UCHAR QuotaInfoOffset;
    volatile UCHAR Flags; ///< OB_FLAG_*
    union {
        OBJECT_CREATE_INFORMATION* ObjectCreateInfo; ///< OB_FLAG_CREATE_INFO: not inserted yet
        PVOID QuotaBlockCharged;                     ///< the process's that pays; nullptr: no process does
    };
    PSECURITY_DESCRIPTOR SecurityDescriptor;
    alignas(8) UCHAR Body[8]; ///< begins here
};
using POBJECT_HEADER = OBJECT_HEADER*;
PUBLIC_OFFSET(OBJECT_HEADER, Body, 24);
PUBLIC_OFFSET(OBJECT_HEADER, Type, 8);
PUBLIC_OFFSET(OBJECT_HEADER, Flags, 15);

constexpr UCHAR OB_FLAG_CREATE_INFO = 0x01;   ///< not inserted yet
constexpr UCHAR OB_FLAG_KERNEL_OBJECT = 0x02; ///< made by kernel mode
constexpr UCHAR OB_FLAG_CREATOR_INFO = 0x04;  ///< has the creator part, nearest to the header
constexpr UCHAR OB_FLAG_EXCLUSIVE = 0x08;     ///< one process may have handles
constexpr UCHAR OB_FLAG_PERMANENT = 0x10;     ///< keeps its name without handles

/// Optional part: which objects of a type there are, and who made them.
struct OBJECT_HEADER_CREATOR_INFO {
    LIST_ENTRY TypeList; ///< OBJECT_TYPE::TypeList; under the type's Mutex
    HANDLE CreatorUniqueProcess;
    ULONG Reserved;
};
/// Optional part: the object's name in a directory. ObpNameLock guards Directory; Name stays until the object is freed.
struct OBJECT_HEADER_NAME_INFO {
    OBJECT_DIRECTORY* Directory; ///< nullptr: it has no name there, or no longer
    UNICODE_STRING Name;
    ULONG Reserved;
};
/// How many handles one process has.
struct OBJECT_HANDLE_COUNT_ENTRY {
    EPROCESS* Process; ///< nullptr: the entry is free
    ULONG HandleCount;
};
/// Optional part: the handle counts of processes, under the type's Mutex.
struct OBJECT_HEADER_HANDLE_INFO {
    OBJECT_HANDLE_COUNT_ENTRY* Entries; ///< a block from pool, or nullptr
    ULONG CountEntries;
    ULONG Reserved[2];
};
/// Optional part: charges that differ from the type's, and the only process that may open the object.
struct OBJECT_HEADER_QUOTA_INFO {
    ULONG PagedPoolCharge;
    ULONG NonPagedPoolCharge;
    EPROCESS* ExclusiveProcess; ///< with OB_FLAG_EXCLUSIVE
    ULONG Reserved;
};

/// OBJECT_TYPE::DefaultObject of a type whose dispatcher header lies in the body, so many bytes from its start.
inline PVOID ObWaitableAt(ULONG_PTR offset) { return reinterpret_cast<PVOID>(offset); }

inline POBJECT_HEADER OBJECT_TO_OBJECT_HEADER(const volatile void* object) {
    return CONTAINING_RECORD(object, OBJECT_HEADER, Body);
}
template <typename PART> PART* ObPartOf(POBJECT_HEADER header, UCHAR offset) {
    return offset ? reinterpret_cast<PART*>(reinterpret_cast<UCHAR*>(header) - offset) : nullptr;
}
inline OBJECT_HEADER_NAME_INFO* OBJECT_HEADER_TO_NAME_INFO(POBJECT_HEADER header) {
    return ObPartOf<OBJECT_HEADER_NAME_INFO>(header, header->NameInfoOffset);
}
inline OBJECT_HEADER_HANDLE_INFO* OBJECT_HEADER_TO_HANDLE_INFO(POBJECT_HEADER header) {
    return ObPartOf<OBJECT_HEADER_HANDLE_INFO>(header, header->HandleInfoOffset);
}
inline OBJECT_HEADER_QUOTA_INFO* OBJECT_HEADER_TO_QUOTA_INFO(POBJECT_HEADER header) {
    return ObPartOf<OBJECT_HEADER_QUOTA_INFO>(header, header->QuotaInfoOffset);
}
inline OBJECT_HEADER_CREATOR_INFO* OBJECT_HEADER_TO_CREATOR_INFO(POBJECT_HEADER header) {
    return (header->Flags & OB_FLAG_CREATOR_INFO) ? reinterpret_cast<OBJECT_HEADER_CREATOR_INFO*>(header) - 1 : nullptr;
}

extern "C" {
NTKERNELAPI extern POBJECT_TYPE ObpTypeObjectType;
NTKERNELAPI extern POBJECT_TYPE ObpDirectoryObjectType;
NTKERNELAPI extern POBJECT_TYPE ObpSymbolicLinkObjectType;

/// Phase 0: the types of the object manager itself; phase 1: the name space. @irql DISPATCH_LEVEL, PASSIVE_LEVEL
BOOLEAN NTAPI ObInitSystem(ULONG Phase);
/// Makes a type. From phase 1 on it is in `\ObjectTypes`. @param TypeName without a backslash. @param ObjectType receives it.
/// @returns STATUS_SUCCESS; STATUS_INVALID_PARAMETER: the initializer; STATUS_OBJECT_NAME_INVALID; STATUS_OBJECT_NAME_COLLISION;
/// STATUS_INSUFFICIENT_RESOURCES. @irql PASSIVE_LEVEL; at boot <= DISPATCH_LEVEL
NTKERNELAPI NTSTATUS NTAPI ObCreateObjectType(PUNICODE_STRING TypeName, POBJECT_TYPE_INITIALIZER ObjectTypeInitializer,
                                              PSECURITY_DESCRIPTOR SecurityDescriptor, POBJECT_TYPE* ObjectType);
/// Makes an object that nothing knows yet, its body not cleared. ObInsertObject gives it a name and a handle; ObDereferenceObject
/// deletes it. @param ProbeMode whose pointer ObjectAttributes is. @param ObjectAttributes may be nullptr. @param ParseContext for
/// parse procedures that the name leads to. @param PagedPoolCharge, NonPagedPoolCharge in bytes; both 0: the type's.
/// @returns STATUS_SUCCESS; STATUS_INVALID_PARAMETER: attributes; STATUS_OBJECT_NAME_INVALID; STATUS_INSUFFICIENT_RESOURCES; from
/// user mode STATUS_ACCESS_VIOLATION, STATUS_DATATYPE_MISALIGNMENT. @irql PASSIVE_LEVEL; without attributes <= DISPATCH_LEVEL
NTKERNELAPI NTSTATUS NTAPI ObCreateObject(KPROCESSOR_MODE ProbeMode, POBJECT_TYPE ObjectType,
                                          POBJECT_ATTRIBUTES ObjectAttributes, KPROCESSOR_MODE OwnershipMode,
                                          PVOID ParseContext, ULONG ObjectBodySize, ULONG PagedPoolCharge,
                                          ULONG NonPagedPoolCharge, PVOID* Object);
/// Gives a new object its name and a handle. The reference of the creation goes: to the handle, or, without `Handle`, it stays the
/// caller's. A failure deletes the object. @param AccessState nullptr: DesiredAccess counts. @param ObjectPointerBias more references,
/// for the caller. @param NewObject receives the object that has the handle, if ObjectPointerBias is not 0; may be nullptr.
/// @param Handle kernel memory; may be nullptr. @returns STATUS_SUCCESS; STATUS_OBJECT_NAME_EXISTS, a success: the name was there,
/// OBJ_OPENIF: the handle is that object's, and the new one is deleted; STATUS_OBJECT_NAME_COLLISION; STATUS_OBJECT_TYPE_MISMATCH;
/// what the look-up says; STATUS_QUOTA_EXCEEDED; STATUS_INSUFFICIENT_RESOURCES. @irql PASSIVE_LEVEL
NTKERNELAPI NTSTATUS NTAPI ObInsertObject(PVOID Object, PACCESS_STATE AccessState, ACCESS_MASK DesiredAccess,
                                          ULONG ObjectPointerBias, PVOID* NewObject, HANDLE* Handle);
/// Makes the header of an OB_STATIC_OBJECT. @irql any, boot
void NTAPI ObInitializeStaticObject(PVOID Body, POBJECT_TYPE ObjectType);

/// Counts a reference. The caller has one already, or a lock that keeps the object. @returns how many there are now. @irql <= DISPATCH_LEVEL
NTKERNELAPI LONG FASTCALL ObfReferenceObject(PVOID Object);
/// The same without a reference: of an object that a list leads to, whose lock the caller holds; its delete procedure takes it off that list.
/// @returns FALSE: its last reference has gone already. @irql <= DISPATCH_LEVEL
BOOLEAN NTAPI ObReferenceObjectSafe(PVOID Object);
/// Gives a reference back. The last one deletes the object: here at PASSIVE_LEVEL, from a work item soon at a higher IRQL.
/// @returns how many there are now. @irql <= DISPATCH_LEVEL
NTKERNELAPI LONG FASTCALL ObfDereferenceObject(PVOID Object);
/// References an object if it is of that type. @param DesiredAccess not looked at. @param ObjectType nullptr: any, from kernel mode.
/// @returns STATUS_SUCCESS; STATUS_OBJECT_TYPE_MISMATCH. @irql <= DISPATCH_LEVEL
NTKERNELAPI NTSTATUS NTAPI ObReferenceObjectByPointer(PVOID Object, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                                      KPROCESSOR_MODE AccessMode);
/// @returns the type, without a reference. @irql any
NTKERNELAPI POBJECT_TYPE NTAPI ObGetObjectType(PVOID Object);
}

/// An object that lies in the image and is never freed.
template <typename T> struct OB_STATIC_OBJECT {
    alignas(8) UCHAR Header[offsetof(OBJECT_HEADER, Body)];
    T Body;
};

inline LONG ObReferenceObject(PVOID Object) { return ObfReferenceObject(Object); }
inline LONG ObDereferenceObject(PVOID Object) { return ObfDereferenceObject(Object); }
