// Memory that belongs to the host while a test runs: page frame databases, pools and trees that only the test uses.
//
// Invariant: nothing in the guest writes here but what the host asks for. IRQL: any.
#include "ntstatus.h"

#define KX_OWN_DRIVER_ENTRY
#include "scenario_main.h"

extern "C" {
alignas(PAGE_SIZE) NTEXPORT UCHAR LabScratch[64 * 1024] = {};

/// The actors of the concurrency tests (races_*.cpp), where there is an explorer.
NTSTATUS NTAPI DriverEntry(PVOID DriverObject, PVOID RegistryPath) { return KxStartActors(); }
}
