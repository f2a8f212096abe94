// KdDebuggerDataBlock: where a tool without symbols begins.
//
// Exported and constant: addresses of the kernel's lists and tables, filled in by the linker.
// In the books: "kernel debugging: the debugger data block". TOL-06, TOL-07
#include "etw.h"
#include "ex.h"
#include "kdp.h"
#include "ke.h"
#include "ke/startup.h"
#include "ldr.h"
#include "mm/layout.h"
#include "mm/pfn.h"
#include "ps.h"

namespace {

constexpr ULONG DATA_BLOCK_VERSION = 4;

constexpr PVOID AddressOf(const volatile void* object) { return const_cast<PVOID>(object); }

} // namespace

extern "C" constinit const KDDEBUGGER_DATA KdDebuggerDataBlock = {
    .OwnerTag = KD_OWNER_TAG,
    .Size = sizeof(KDDEBUGGER_DATA),
    .Version = DATA_BLOCK_VERSION,
    .Fields = KdFieldTable,
    .PsActiveProcessHead = AddressOf(&PsActiveProcessHead),
    .PsLoadedModuleList = AddressOf(&PsLoadedModuleList),
    .KiProcessorBlock = AddressOf(&KiProcessorBlock),
    .KiTimerTableListHead = AddressOf(&KiTimerTableListHead),
    .EtwRing = AddressOf(&EtwRing),
    .KiDispatcherLock = AddressOf(&KiDispatcherLock),
    .KiBugCheckData = AddressOf(&KiBugCheckData),
    .KeNumberProcessors = AddressOf(&KeNumberProcessors),
    .KeTickCount = AddressOf(&KeTickCount),
    .EtwSequence = AddressOf(&EtwSequence),
    .ExpSystemResourcesList = AddressOf(&ExpSystemResourcesList),
    .MmHighestUserAddress = AddressOf(&MmHighestUserAddress),
    .MmSystemRangeStart = AddressOf(&MmSystemRangeStart),
    .MmUserProbeAddress = AddressOf(&MmUserProbeAddress),
    .MmNonPagedPoolStart = AddressOf(&MmNonPagedPoolStart),
    .MmNonPagedPoolExpansionStart = AddressOf(&MmNonPagedPoolExpansionStart),
    .MmNonPagedPoolEnd = AddressOf(&MmNonPagedPoolEnd),
    .MmPagedPoolStart = AddressOf(&MmPagedPoolStart),
    .MmPagedPoolEnd = AddressOf(&MmPagedPoolEnd),
    .MmSystemPteStart = AddressOf(&MmSystemPteStart),
    .MmSystemPteEnd = AddressOf(&MmSystemPteEnd),
    .MmNumberOfPhysicalPages = AddressOf(&MmNumberOfPhysicalPages),
    .MmHighestPhysicalPage = AddressOf(&MmHighestPhysicalPage),
    .MmPfnDatabase = AddressOf(&MmPfnDatabase),
    .MmPageLocationList = AddressOf(&MmPageLocationList),
    .MmAvailablePages = AddressOf(&MmAvailablePages),
    .MmRegions = AddressOf(&MmRegions),
    .PoolTrackTable = AddressOf(&PoolTrackTable),
    .ExpInjection = AddressOf(&ExpInjection),
};
