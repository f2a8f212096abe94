// Sections of system images that leave memory: those whose names begin with PAGE, and whole drivers that ask for it.
//
// A driver locks such a section while it needs it at DISPATCH_LEVEL or above, or for a device, and unlocks it afterwards. Locks are
// counted.
// In the books: "making drivers pageable", "system working sets". PFN-12
#pragma once

#include "ke/pagedcode.h"
#include "nt/types.h"

extern "C" {
/// Brings the section of an image that holds an address into memory, and keeps it there. @returns its handle. An address of no section
/// stops the system: MEMORY_MANAGEMENT 0x1234. @irql <= APC_LEVEL
NTKERNELAPI PVOID NTAPI MmLockPagableDataSection(PVOID AddressWithinSection);
/// The same by a section's handle, which is faster. @irql <= APC_LEVEL
NTKERNELAPI void NTAPI MmLockPagableSectionByHandle(PVOID ImageSectionHandle);
/// Takes a lock away; without locks the section may leave memory again. A section without a lock stops the system:
/// MEMORY_MANAGEMENT 0x1010. @irql <= APC_LEVEL
NTKERNELAPI void NTAPI MmUnlockPagableImageSection(PVOID ImageSectionHandle);
/// Makes all sections of a driver pageable, whatever their names are; locked ones stay. @returns the driver's base; nullptr: the address
/// is none of a driver's. (Kernel and HAL are as they are.) @irql <= APC_LEVEL
NTKERNELAPI PVOID NTAPI MmPageEntireDriver(PVOID AddressWithinSection);
/// Makes the sections of a driver again as their names say: the others are brought into memory, and stay. @irql <= APC_LEVEL
NTKERNELAPI void NTAPI MmResetDriverPaging(PVOID AddressWithinSection);
}

/// MmLockPagableDataSection for code.
#define MmLockPagableCodeSection(AddressWithinSection) \
    MmLockPagableDataSection(reinterpret_cast<PVOID>(AddressWithinSection))
