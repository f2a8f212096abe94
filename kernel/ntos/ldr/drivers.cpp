// Boot drivers: every image beyond the kernel and the HAL has its entry point called once, in load order.
//
// There is no I/O manager yet: DriverEntry gets nullptr for its driver object and for its registry path. BOO-04
#include "kd.h"
#include "ke/loadedmodules.h"
#include "ke/pagedcode.h"
#include "ntstatus.h"

#pragma code_seg("PAGE")
namespace {

using DRIVER_INITIALIZE = NTSTATUS NTAPI(PVOID DriverObject, PVOID RegistryPath);

LDR_DATA_TABLE_ENTRY* FirstDriver() {
    auto* const kernel = CONTAINING_RECORD(PsLoadedModuleList.Flink, LDR_DATA_TABLE_ENTRY, InLoadOrderLinks);
    const LDR_DATA_TABLE_ENTRY* const hal = nt::NextLoadedModule(kernel);
    return hal ? nt::NextLoadedModule(hal) : nullptr;
}

} // namespace

void NTAPI LdrCallBootDrivers() {
    PAGED_CODE();
    for (LDR_DATA_TABLE_ENTRY* module = FirstDriver(); module; module = nt::NextLoadedModule(module)) {
        if (!module->EntryPoint || (module->Flags & LDRP_ENTRY_PROCESSED)) continue;
        module->Flags |= LDRP_ENTRY_PROCESSED;
        const NTSTATUS status = reinterpret_cast<DRIVER_INITIALIZE*>(module->EntryPoint)(nullptr, nullptr);
        if (!NT_SUCCESS(status)) DbgPrint("%wZ: DriverEntry failed, %08x\n", &module->BaseDllName, ULONG(status));
    }
}
