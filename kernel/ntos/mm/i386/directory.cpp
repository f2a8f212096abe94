// Page directories of processes: the user half empty, the system half shared, page tables and hyperspace its own.
//
// Locks: MiPageLock. IRQL: <= DISPATCH_LEVEL. In the books: "page directories", "hyperspace". MEM-06, KPR-03
#include "i386/cpu.h"
#include "ke/options.h"
#include "mm/mi.h"
#include "mm/slots.h"
#include "rtl/string.h"

namespace {

constexpr ULONG IndexOf(ULONG_PTR address) { return ULONG(address >> PDE_SHIFT); }

void FillDirectory(PFN_NUMBER directory, PFN_NUMBER hyperspace) REQUIRES_(AtDispatchLevel) {
    const nt::MappedPage page(directory);
    auto* const entries = page.As<MMPTE>();
    constexpr ULONG half = IndexOf(MM_SYSTEM_RANGE_START);
    RtlZeroMemory(entries, half * sizeof(MMPTE));
    RtlCopyMemory(entries + half, reinterpret_cast<const MMPTE*>(MM_SYSTEM_DIRECTORY) + half, half * sizeof(MMPTE));
    entries[IndexOf(MM_PTE_BASE)] = MiPageTablePde(directory);
    entries[IndexOf(MM_HYPERSPACE)] = MiPageTablePde(hyperspace);
}

void ZeroFrame(PFN_NUMBER frame) REQUIRES_(AtDispatchLevel) {
    const nt::MappedPage page(frame);
    RtlZeroMemory(page.As<UCHAR>(), PAGE_SIZE);
}

} // namespace

ULONG_PTR NTAPI MmGetPageDirectory() { return nt::cpu::ReadCr3() & ~(PAGE_SIZE - 1); }

ULONG_PTR NTAPI MmGetHyperspaceTable() {
    return ULONG_PTR(MiGetPdeAddress(reinterpret_cast<PVOID>(MM_HYPERSPACE))->Hard.PageFrameNumber) * PAGE_SIZE;
}

BOOLEAN NTAPI MmCreateProcessDirectory(ULONG_PTR DirectoryTableBase[2]) {
    nt::SpinLockGuard guard(MiPageLock);
    const PFN_NUMBER directory = MiAllocateFrame();
    const PFN_NUMBER hyperspace = directory ? MiAllocateFrame() : 0;
    if (hyperspace == 0) {
        if (directory) MiFreeFrame(directory);
        return FALSE;
    }
    ZeroFrame(hyperspace);
    FillDirectory(directory, hyperspace);
    DirectoryTableBase[0] = ULONG_PTR(directory) * PAGE_SIZE;
    DirectoryTableBase[1] = ULONG_PTR(hyperspace) * PAGE_SIZE;
    return TRUE;
}

void NTAPI MmDeleteProcessDirectory(const ULONG_PTR DirectoryTableBase[2]) {
    nt::SpinLockGuard guard(MiPageLock);
    MiFreeFrame(PFN_NUMBER(DirectoryTableBase[1] / PAGE_SIZE));
    MiFreeFrame(PFN_NUMBER(DirectoryTableBase[0] / PAGE_SIZE));
}

void NTAPI MmMapLowMemory(BOOLEAN Map) {
    // Page 0 of the directory is the user's, so the current one alone has it.
    MiGetPdeAddress(nullptr)->Long = Map ? MiPageTablePde(KeLoaderBlock->LowPageTable / PAGE_SIZE).Long : 0;
    if (!Map) KeFlushEntireTb(TRUE, TRUE);
}

ULONG_PTR NTAPI MmCreatePageDirectory() {
    ULONG_PTR base[2];
    return MmCreateProcessDirectory(base) ? base[0] : 0;
}
