// Access rights: masks, generic rights and their mapping, the one check that decides.
//
// A mask has rights of the object's type in its low half, standard rights above them, and generic rights in the four highest
// bits. A type maps generic rights to its own ones (GENERIC_MAPPING), and no handle keeps a generic right.
// IRQL: PASSIVE_LEVEL. In the books: "access rights and access masks", "protecting objects". OBJ-01, OBJ-06
#pragma once

#include "ke/dispatcher.h"
#include "ntstatus.h"

using ACCESS_MASK = ULONG;
using PACCESS_MASK = ACCESS_MASK*;

// Standard and generic rights (documented values).
constexpr ACCESS_MASK DELETE = 0x0001'0000;
constexpr ACCESS_MASK READ_CONTROL = 0x0002'0000;
constexpr ACCESS_MASK WRITE_DAC = 0x0004'0000;
constexpr ACCESS_MASK WRITE_OWNER = 0x0008'0000;
constexpr ACCESS_MASK SYNCHRONIZE = 0x0010'0000; ///< wait for it
constexpr ACCESS_MASK STANDARD_RIGHTS_REQUIRED = DELETE | READ_CONTROL | WRITE_DAC | WRITE_OWNER;
constexpr ACCESS_MASK STANDARD_RIGHTS_READ = READ_CONTROL;
constexpr ACCESS_MASK STANDARD_RIGHTS_WRITE = READ_CONTROL;
constexpr ACCESS_MASK STANDARD_RIGHTS_EXECUTE = READ_CONTROL;
constexpr ACCESS_MASK STANDARD_RIGHTS_ALL = STANDARD_RIGHTS_REQUIRED | SYNCHRONIZE;
constexpr ACCESS_MASK SPECIFIC_RIGHTS_ALL = 0x0000'FFFF;
constexpr ACCESS_MASK ACCESS_SYSTEM_SECURITY = 0x0100'0000;
constexpr ACCESS_MASK MAXIMUM_ALLOWED = 0x0200'0000; ///< whatever the caller may have
constexpr ACCESS_MASK GENERIC_ALL = 0x1000'0000;
constexpr ACCESS_MASK GENERIC_EXECUTE = 0x2000'0000;
constexpr ACCESS_MASK GENERIC_WRITE = 0x4000'0000;
constexpr ACCESS_MASK GENERIC_READ = 0x8000'0000;
constexpr ACCESS_MASK GENERIC_RIGHTS = GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL;

/// What the generic rights are for one type.
struct GENERIC_MAPPING {
    ACCESS_MASK GenericRead;
    ACCESS_MASK GenericWrite;
    ACCESS_MASK GenericExecute;
    ACCESS_MASK GenericAll;
};
using PGENERIC_MAPPING = GENERIC_MAPPING*;

using PSECURITY_DESCRIPTOR = PVOID;      ///< who may do what with an object; none has one yet
using PSECURITY_SUBJECT_CONTEXT = PVOID; ///< who asks
using PPRIVILEGE_SET = PVOID;
using PSECURITY_QUALITY_OF_SERVICE = PVOID;

/// What is asked of an object while it is opened, and what has been granted so far.
struct ACCESS_STATE {
    ACCESS_MASK RemainingDesiredAccess;
    ACCESS_MASK PreviouslyGrantedAccess;
    ACCESS_MASK OriginalDesiredAccess;
};
using PACCESS_STATE = ACCESS_STATE*;

extern "C" {
/// Decides whether an access is allowed: the only place. @param DesiredAccess may have generic rights and MAXIMUM_ALLOWED.
/// @param PreviouslyGrantedAccess is granted in any case. @param Privileges receives nullptr; may be nullptr. @param GrantedAccess
/// receives the rights, none of them generic. @param AccessStatus receives STATUS_SUCCESS or STATUS_ACCESS_DENIED.
/// @returns whether it is allowed. @irql PASSIVE_LEVEL
NTKERNELAPI BOOLEAN NTAPI SeAccessCheck(PSECURITY_DESCRIPTOR SecurityDescriptor,
                                        PSECURITY_SUBJECT_CONTEXT SubjectSecurityContext, BOOLEAN SubjectContextLocked,
                                        ACCESS_MASK DesiredAccess, ACCESS_MASK PreviouslyGrantedAccess,
                                        PPRIVILEGE_SET* Privileges, PGENERIC_MAPPING GenericMapping,
                                        KPROCESSOR_MODE AccessMode, PACCESS_MASK GrantedAccess, NTSTATUS* AccessStatus);
/// Replaces generic rights by those that the mapping names. @irql any
NTKERNELAPI void NTAPI RtlMapGenericMask(PACCESS_MASK AccessMask, const GENERIC_MAPPING* GenericMapping);
/// Notes that a handle with the audit flag is closed. @irql PASSIVE_LEVEL
NTKERNELAPI void NTAPI SeCloseObjectAuditAlarm(PVOID Object, HANDLE Handle, BOOLEAN GenerateOnClose);
/// How many closes were noted.
NTKERNELAPI extern volatile LONG SeAuditedCloses;
}
