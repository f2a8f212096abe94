// The check of access rights. Everybody is allowed what they ask for, until there are tokens and security descriptors.
// In the books: "protecting objects", "access checks". OBJ-01
#include "se/access.h"
#include "nt/atomic.h"

volatile LONG SeAuditedCloses;

extern "C" {

void NTAPI RtlMapGenericMask(PACCESS_MASK AccessMask, const GENERIC_MAPPING* GenericMapping) {
    const ACCESS_MASK asked = *AccessMask;
    ACCESS_MASK mapped = asked & ~GENERIC_RIGHTS;
    if ((asked & GENERIC_READ) != 0) mapped |= GenericMapping->GenericRead;
    if ((asked & GENERIC_WRITE) != 0) mapped |= GenericMapping->GenericWrite;
    if ((asked & GENERIC_EXECUTE) != 0) mapped |= GenericMapping->GenericExecute;
    if ((asked & GENERIC_ALL) != 0) mapped |= GenericMapping->GenericAll;
    *AccessMask = mapped;
}

BOOLEAN NTAPI SeAccessCheck(PSECURITY_DESCRIPTOR, PSECURITY_SUBJECT_CONTEXT, BOOLEAN, ACCESS_MASK DesiredAccess,
                            ACCESS_MASK PreviouslyGrantedAccess, PPRIVILEGE_SET* Privileges,
                            PGENERIC_MAPPING GenericMapping, KPROCESSOR_MODE, PACCESS_MASK GrantedAccess,
                            NTSTATUS* AccessStatus) {
    ACCESS_MASK granted = DesiredAccess;
    RtlMapGenericMask(&granted, GenericMapping);
    if ((granted & MAXIMUM_ALLOWED) != 0) granted = (granted & ~MAXIMUM_ALLOWED) | GenericMapping->GenericAll;
    if (Privileges) *Privileges = nullptr;
    *GrantedAccess = granted | PreviouslyGrantedAccess;
    *AccessStatus = STATUS_SUCCESS;
    return TRUE;
}

void NTAPI SeCloseObjectAuditAlarm(PVOID, HANDLE, BOOLEAN GenerateOnClose) {
    if (GenerateOnClose) InterlockedIncrement(&SeAuditedCloses);
}
}
