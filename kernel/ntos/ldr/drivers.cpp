// Boot drivers: every image beyond the kernel and the HAL has its entry point called once, in load order.
//
// There is no I/O manager yet: DriverEntry gets nullptr for its driver object and for its registry path. BOO-04
#include "kd.h"
#include "ke/pagedcode.h"
#include "ldr.h"
#include "ntstatus.h"

#pragma code_seg("PAGE")
namespace {

using DRIVER_INITIALIZE = NTSTATUS NTAPI(PVOID DriverObject, PVOID RegistryPath);

bool IsDriver(const LDR_DATA_TABLE_ENTRY& module) {
    const LIST_ENTRY* const kernel = PsLoadedModuleList.Flink;
    const LIST_ENTRY* const hal = kernel->Flink;
    return &module.InLoadOrderLinks != kernel && &module.InLoadOrderLinks != hal && module.EntryPoint != nullptr;
}

} // namespace

void NTAPI LdrCallBootDrivers() {
    PAGED_CODE();
    for (LDR_DATA_TABLE_ENTRY* module : nt::List<&LDR_DATA_TABLE_ENTRY::InLoadOrderLinks>(PsLoadedModuleList)) {
        if (!IsDriver(*module) || (module->Flags & LDRP_ENTRY_PROCESSED)) continue;
        module->Flags |= LDRP_ENTRY_PROCESSED;
        const NTSTATUS status = reinterpret_cast<DRIVER_INITIALIZE*>(module->EntryPoint)(nullptr, nullptr);
        if (!NT_SUCCESS(status)) DbgPrint("%s: DriverEntry failed, %08x\n", module->BaseDllName, ULONG(status));
    }
}
