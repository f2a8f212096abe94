// The region of system PTEs under its lock, and the end of what a run maps.
#include "mm/sysptes/systemspace.h"
#include "ex/inject.h"
#include "ke/ipi.h"

/// From so many pages on, forgetting everything once costs less than forgetting each page.
constexpr ULONG FLUSH_EVERYTHING = 8;

MI_SYSTEM_PTES MiSystemPtes;

void MiInitializeSystemSpace() {
    nt::QueuedSpinLockGuard guard(LockQueueSystemSpaceLock);
    MiInitializeSystemPtes(&MiSystemPtes, MiGetPteAddress(reinterpret_cast<PVOID>(MmSystemPteStart)),
                           ULONG((MmSystemPteEnd + 1 - MmSystemPteStart) / PAGE_SIZE));
}

MMPTE* MiReserveSystemSpace(ULONG pages) {
    if (ExInjectFailure(EX_ALLOCATION::SystemPtes)) return nullptr;
    nt::QueuedSpinLockGuard guard(LockQueueSystemSpaceLock);
    return MiReserveSystemPtes(&MiSystemPtes, pages, 1);
}

void MiReleaseSystemSpace(MMPTE* first, ULONG pages) {
    nt::QueuedSpinLockGuard guard(LockQueueSystemSpaceLock);
    MiReleaseSystemPtes(&MiSystemPtes, first, pages);
}

/// Has every processor forget the pages of a run.
static void Forget(MMPTE* first, ULONG pages) {
    if (pages >= FLUSH_EVERYTHING) return KeFlushEntireTb(TRUE, TRUE); // system space is global
    for (ULONG i = 0; i < pages; i++)
        MiFlushEntry(MiGetVirtualAddressMappedByPte(first + i));
}

void MiUnmapInSystemSpace(PVOID address, ULONG pages) {
    MMPTE* const first = MiGetPteAddress(address);
    for (ULONG i = 0; i < pages; i++)
        first[i].Long = 0;
    Forget(first, pages);
    MiReleaseSystemSpace(first, pages);
}
