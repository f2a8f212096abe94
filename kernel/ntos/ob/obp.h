// Private to ob.
#pragma once

#include "ex.h"
#include "ke.h"
#include "nt/atomic.h"
#include "ob.h"
#include "ob/handles.h"

constexpr ULONG OB_NAME_TAG = EX_TAG("ObNm");
constexpr ULONG OB_DIRECTORY_TAG = EX_TAG("ObDi");
constexpr ULONG OB_CREATE_TAG = EX_TAG("ObCi");
constexpr ULONG OB_COUNT_TAG = EX_TAG("ObHc");
constexpr ULONG OB_MAXIMUM_REPARSES = 32;
constexpr WCHAR OBJ_NAME_PATH_SEPARATOR = u'\\';

/// How a new object is to be inserted; also what a caller says of one that it opens.
struct OBJECT_CREATE_INFORMATION {
    ULONG Attributes;
    HANDLE RootDirectory;
    PVOID ParseContext;
    KPROCESSOR_MODE ProbeMode;
    UNICODE_STRING Name; ///< a copy, in a block from pool; empty: no name
};

/// A look-up: what is asked, and what was found.
struct OBP_LOOKUP {
    HANDLE RootDirectory;
    UNICODE_STRING Name;
    ULONG Attributes;
    POBJECT_TYPE Type; ///< nullptr: any
    KPROCESSOR_MODE Mode;
    PACCESS_STATE AccessState;
    PVOID ParseContext;
    PVOID Insert;  ///< an object that gets the name if no object has it; may be nullptr
    PVOID Found;   ///< out: referenced; Insert itself, if it was inserted
    bool Inserted; ///< out
};

namespace nt {

/// Keeps APCs away from a locked entry of a handle table.
class ApcLevelGuard {
public:
    ApcLevelGuard() : m_oldIrql(KfRaiseIrql(APC_LEVEL)) {}
    ~ApcLevelGuard() { KfLowerIrql(m_oldIrql); }
    ApcLevelGuard(const ApcLevelGuard&) = delete;
    ApcLevelGuard& operator=(const ApcLevelGuard&) = delete;

private:
    const KIRQL m_oldIrql;
};

} // namespace nt

// attributes.cpp
/// Copies what a caller says of an object. @param info its Name is to be given back by ObpFreeCreateInfoName.
NTSTATUS ObpCaptureAttributes(KPROCESSOR_MODE mode, const OBJECT_ATTRIBUTES* attributes,
                              OBJECT_CREATE_INFORMATION* info);
void ObpFreeCreateInfoName(OBJECT_CREATE_INFORMATION* info);

// create.cpp
/// Gives an object's create information back: it is inserted, or deleted.
void ObpFreeCreateInfo(POBJECT_HEADER header);
/// Frees a header with all its parts. The delete procedure has run.
void ObpFreeObject(POBJECT_HEADER header);

// type.cpp
/// Makes one of the first types, while `Type` may not exist yet.
NTSTATUS ObpCreateType(PCWSTR name, const OBJECT_TYPE_INITIALIZER& info, POBJECT_TYPE* type);
/// Makes what all types share. Boot.
void ObpInitializeTypes();
/// New types get their names from now on.
void ObpBeginTypeNames();
// init.cpp
/// Puts a type into `\ObjectTypes`.
NTSTATUS ObpInsertType(POBJECT_TYPE type);
// type.cpp
/// Calls a routine with each type. @irql PASSIVE_LEVEL
using OBP_TYPE_ROUTINE = bool(POBJECT_TYPE type, PVOID context);
bool ObpEnumerateTypes(OBP_TYPE_ROUTINE* routine, PVOID context);

// reference.cpp
void ObpInitializeDeletion();

// directory.cpp
ULONG ObpHashName(const UNICODE_STRING& name);
/// Finds a name. The directory's Lock is held. @returns the object, not referenced; nullptr: none
PVOID ObpFindEntry(POBJECT_DIRECTORY directory, const UNICODE_STRING& name, ULONG hash, bool caseInsensitive);
/// Adds an object, and references it. The directory's Lock is held, and no object has the name. @returns false: no memory.
bool ObpAddEntry(POBJECT_DIRECTORY directory, PVOID object, ULONG hash);
/// Takes an object away; its reference becomes the caller's. The directory's Lock is held.
void ObpRemoveEntry(POBJECT_DIRECTORY directory, PVOID object, ULONG hash);

/// Makes an empty directory that is not inserted yet.
NTSTATUS ObpMakeDirectory(KPROCESSOR_MODE mode, POBJECT_ATTRIBUTES attributes, POBJECT_DIRECTORY* directory);

// name.cpp
void ObpInitializeNames();
/// The directory that has the object's name, referenced; nullptr: none.
POBJECT_DIRECTORY ObpReferenceNameDirectory(POBJECT_HEADER header);
/// Says in an object's name part that `directory` has it. The directory's Lock is held, and the reference is the name's.
void ObpSetNameDirectory(OBJECT_HEADER_NAME_INFO* info, POBJECT_DIRECTORY directory);
/// Takes the name of a temporary object without handles away.
void ObpDeleteNameCheck(PVOID object);
/// Sets or clears OB_FLAG_PERMANENT.
void ObpSetPermanent(POBJECT_HEADER header, bool permanent);

// lookup.cpp
NTSTATUS ObpLookupObjectName(OBP_LOOKUP& lookup);

// symlink.cpp
extern OB_PARSE_METHOD ObpParseSymbolicLink;
extern OB_DELETE_METHOD ObpDeleteSymbolicLink;
/// Makes a link that is not inserted yet. @param target its buffer becomes the link's; freed if that fails
NTSTATUS ObpMakeSymbolicLink(KPROCESSOR_MODE mode, POBJECT_ATTRIBUTES attributes, const UNICODE_STRING& target,
                             POBJECT_SYMBOLIC_LINK* link);
/// Makes a permanent link at boot.
NTSTATUS ObpMakeLink(PCWSTR name, PCWSTR target);

// handlecount.cpp
/// Counts a handle that is about to be made, and asks the type.
NTSTATUS ObpIncrementHandleCount(OB_OPEN_REASON reason, EPROCESS* process, POBJECT_HEADER header, ACCESS_MASK granted,
                                 ULONG attributes);
/// Counts a closed handle, and tells the type. The name of a temporary object goes with the last one.
void ObpDecrementHandleCount(EPROCESS* process, POBJECT_HEADER header, ACCESS_MASK granted);

// quota.cpp
/// Charges the process for an object that no process pays for yet.
NTSTATUS ObpChargeQuota(EPROCESS* process, POBJECT_HEADER header);
void ObpReturnQuota(POBJECT_HEADER header);
ULONG ObpPagedCharge(POBJECT_HEADER header);
ULONG ObpNonPagedCharge(POBJECT_HEADER header);

// handle.cpp
/// The rights that are granted to an access. @returns STATUS_ACCESS_DENIED
NTSTATUS ObpGrantAccess(POBJECT_TYPE type, PACCESS_STATE state, ACCESS_MASK desired, KPROCESSOR_MODE mode,
                        ACCESS_MASK* granted);
/// Makes a handle with these rights; the handle gets a reference of its own.
NTSTATUS ObpCreateHandle(OB_OPEN_REASON reason, PVOID object, ACCESS_MASK granted, ULONG attributes,
                         KPROCESSOR_MODE mode, HANDLE* handle);
/// The same in the table of one process.
NTSTATUS ObpCreateHandleIn(OB_OPEN_REASON reason, EPROCESS* process, PHANDLE_TABLE table, PVOID object,
                           ACCESS_MASK granted, ULONG attributes, HANDLE* handle);
/// Closes the handle of a locked entry, and unlocks it.
void ObpCloseEntry(EPROCESS* process, PHANDLE_TABLE table, HANDLE handle, PHANDLE_TABLE_ENTRY entry);

/// The table that a handle is in, and the handle there. @param owner receives whose it is.
PHANDLE_TABLE ObpTableOf(HANDLE* handle, KPROCESSOR_MODE mode, EPROCESS** owner);

inline POBJECT_HEADER ObpHeaderOf(const HANDLE_TABLE_ENTRY* entry) {
    return reinterpret_cast<POBJECT_HEADER>(entry->Value & ~ULONG_PTR(7));
}
inline ULONG ObpAttributesOf(const HANDLE_TABLE_ENTRY* entry) {
    const ULONG kept = (entry->GrantedAccess & OB_PROTECT_CLOSE_ACCESS) ? OBJ_PROTECT_CLOSE : 0;
    return kept | (ULONG(entry->Value) & OB_HANDLE_ATTRIBUTES);
}

// process.cpp
extern const OB_PROCESS_SOURCE* ObpProcesses;
inline EPROCESS* ObpCurrentProcess() { return reinterpret_cast<EPROCESS*>(KeGetCurrentThread()->ApcState.Process); }
inline OB_PROCESS* ObpPartOf(EPROCESS* process) {
    return reinterpret_cast<OB_PROCESS*>(reinterpret_cast<UCHAR*>(process) + ObpProcesses->Offset);
}
