// Private to mm: the sections of system images, and how their pages come into the system's working set.
//
// Invariants: a section's pages are locked in the working set while Locks is not 0. A page of an Entered section has an entry in the
// system's working set, or has left memory; where memory was short it may have stayed the loader's, and stays in memory then.
// Lock: PageableMutex (locks.cpp) for a section's fields, before the system's WorkingSetMutex. IRQL: APC_LEVEL.
// In the books: "system working sets". PFN-12
#pragma once

#include "ldr.h"
#include "nt/types.h"

/// A section of an image that the loader brought.
/// shared: the first four are fixed, the rest is PageableMutex's
struct MI_IMAGE_SECTION {
    const LDR_DATA_TABLE_ENTRY* Image;
    ULONG FirstVpn, LastVpn;
    ULONG Protection; ///< MM_PROTECTION
    bool Marked;      ///< its name begins with PAGE
    bool Entered;     ///< its pages are the working set's
    bool Kept;        ///< one of its locks says that it is pageable no longer
    ULONG Locks;
};

/// locks.cpp. Phase 1: from now on marked sections may leave memory. @returns false: memory is short
bool MiInitializePageableImages();
/// sections.cpp: finds all sections of all images, and enters those that are marked. @returns false: memory is short
bool MiInitializePageableSections();
/// @returns the section that holds an address; nullptr: none.
MI_IMAGE_SECTION* MiLocateImageSection(const void* address);
/// Calls visit(section) for each section of an image.
template <typename VISIT> void MiVisitImageSections(const LDR_DATA_TABLE_ENTRY* image, VISIT visit);
/// All of them, in a row.
extern MI_IMAGE_SECTION* MiImageSections;
extern ULONG MiNumberOfImageSections;

/// pages.cpp: gives the section's pages to the system's working set.
void MiEnterImageSection(const MI_IMAGE_SECTION& section);
/// Brings them into memory, and keeps them there.
void MiLockImagePages(const MI_IMAGE_SECTION& section);
void MiUnlockImagePages(const MI_IMAGE_SECTION& section);

template <typename VISIT> void MiVisitImageSections(const LDR_DATA_TABLE_ENTRY* image, VISIT visit) {
    for (ULONG i = 0; i < MiNumberOfImageSections; i++)
        if (MiImageSections[i].Image == image) visit(MiImageSections[i]);
}
