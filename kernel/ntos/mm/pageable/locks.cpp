// Locks of sections, and drivers that are pageable as a whole. What each routine promises: mm/pageable.h.
//
// Lock: PageableMutex, while pages are brought into memory too: nothing that makes pages available needs it. IRQL: <= APC_LEVEL.
// In the books: "making drivers pageable". PFN-12
#include "ex/fastmutex.h"
#include "ke/bugcheck.h"
#include "mm/pageable.h"
#include "mm/pageable/pageable.h"

namespace {

// Documented first parameters of MEMORY_MANAGEMENT; the second is the section, or the address.
constexpr ULONG NO_SUCH_SECTION = 0x1234, NOT_LOCKED = 0x1010;

FAST_MUTEX PageableMutex;

MI_IMAGE_SECTION& SectionOf(PVOID handle) {
    const auto at = reinterpret_cast<ULONG_PTR>(handle), first = reinterpret_cast<ULONG_PTR>(MiImageSections);
    if (at - first >= MiNumberOfImageSections * sizeof(MI_IMAGE_SECTION) || (at - first) % sizeof(MI_IMAGE_SECTION))
        KeBugCheckEx(MEMORY_MANAGEMENT, NO_SUCH_SECTION, at, 0, 0);
    return *static_cast<MI_IMAGE_SECTION*>(handle);
}

void Lock(MI_IMAGE_SECTION& section) {
    if (section.Locks++ == 0 && section.Entered) MiLockImagePages(section);
}

void Unlock(MI_IMAGE_SECTION& section) {
    if (section.Locks == 0) KeBugCheckEx(MEMORY_MANAGEMENT, NOT_LOCKED, reinterpret_cast<ULONG_PTR>(&section), 0, 0);
    if (--section.Locks == 0 && section.Entered) MiUnlockImagePages(section);
}

/// @returns the driver that holds an address; nullptr: none. Kernel and HAL, the first two images, are no drivers.
const LDR_DATA_TABLE_ENTRY* DriverOf(PVOID address) {
    const MI_IMAGE_SECTION* const section = MiLocateImageSection(address);
    if (!section) return nullptr;
    const LIST_ENTRY* const kernel = PsLoadedModuleList.Flink;
    const LIST_ENTRY* const links = &section->Image->InLoadOrderLinks;
    return links == kernel || links == kernel->Flink ? nullptr : section->Image;
}

void MakePageable(MI_IMAGE_SECTION& section) {
    if (section.Kept) {
        section.Kept = false;
        return Unlock(section);
    }
    if (section.Entered) return;
    MiEnterImageSection(section);
    section.Entered = true;
    if (section.Locks != 0) MiLockImagePages(section);
}

/// Undoes it, for a section that is not marked.
void Keep(MI_IMAGE_SECTION& section) {
    if (section.Marked || !section.Entered || section.Kept) return;
    section.Kept = true;
    Lock(section);
}

} // namespace

bool MiInitializePageableImages() {
    ExInitializeFastMutex(&PageableMutex);
#if defined(MICA_EXPLORE) // there a read of an image's headers or code is the sign of a cheater; nothing leaves memory
    return true;
#else
    return MiInitializePageableSections();
#endif
}

extern "C" {

PVOID NTAPI MmLockPagableDataSection(PVOID AddressWithinSection) {
    const nt::FastMutexGuard guard(PageableMutex);
    MI_IMAGE_SECTION* const section = MiLocateImageSection(AddressWithinSection);
    if (!section)
        KeBugCheckEx(MEMORY_MANAGEMENT, NO_SUCH_SECTION, reinterpret_cast<ULONG_PTR>(AddressWithinSection), 1, 0);
    Lock(*section);
    return section;
}

void NTAPI MmLockPagableSectionByHandle(PVOID ImageSectionHandle) {
    const nt::FastMutexGuard guard(PageableMutex);
    Lock(SectionOf(ImageSectionHandle));
}

void NTAPI MmUnlockPagableImageSection(PVOID ImageSectionHandle) {
    const nt::FastMutexGuard guard(PageableMutex);
    Unlock(SectionOf(ImageSectionHandle));
}

PVOID NTAPI MmPageEntireDriver(PVOID AddressWithinSection) {
    const nt::FastMutexGuard guard(PageableMutex);
    const LDR_DATA_TABLE_ENTRY* const driver = DriverOf(AddressWithinSection);
    if (!driver) return nullptr;
    MiVisitImageSections(driver, MakePageable);
    return driver->DllBase;
}

void NTAPI MmResetDriverPaging(PVOID AddressWithinSection) {
    const nt::FastMutexGuard guard(PageableMutex);
    if (const LDR_DATA_TABLE_ENTRY* const driver = DriverOf(AddressWithinSection)) MiVisitImageSections(driver, Keep);
}
}
