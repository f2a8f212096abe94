// A page file in memory on the PCI bus. (QEMU, "Device Specification for Inter-VM shared memory device")
#include "memorydisk.h"
#include "label.h"
#include "mm/pages.h"

namespace {

constexpr ULONG ID_IVSHMEM = 0x1110'1AF4;                  // device, vendor
constexpr UCHAR BAR_MEMORY = PCI_BAR0 + 2 * sizeof(ULONG); // 64 bits: the next register is its upper half
constexpr UCHAR BAR_MEMORY_HIGH = BAR_MEMORY + sizeof(ULONG);

/// @returns its length in bytes: of an address that is all ones the device keeps the bits that it decodes
ULONG LengthOf(const PciFunction& function, ULONG bar) {
    function.Write(BAR_MEMORY, ~0u);
    const ULONG decoded = function.Read(BAR_MEMORY) & ~PCI_BAR_MEMORY_FLAGS;
    function.Write(BAR_MEMORY, bar);
    return ~decoded + 1;
}

} // namespace

bool IsSharedMemory(const PciFunction& function) { return function.Read(PCI_ID) == ID_IVSHMEM; }

NTSTATUS MakeMemoryDisk(MEMORY_DISK& disk, const PciFunction& function, ULONG latency) {
    const ULONG bar = function.Read(BAR_MEMORY);
    if ((bar & PCI_BAR_IS_IO) || function.Read(BAR_MEMORY_HIGH) != 0) return STATUS_NO_SUCH_DEVICE;
    PHYSICAL_ADDRESS address;
    address.QuadPart = bar & ~PCI_BAR_MEMORY_FLAGS;
    const ULONG available = LengthOf(function, bar) / PAGE_SIZE;
    function.Enable(PCI_COMMAND_MEMORY);

    auto* const label = static_cast<PAGE_FILE_LABEL*>(MmMapIoSpace(address, PAGE_SIZE, MmCached));
    if (!label) return STATUS_INSUFFICIENT_RESOURCES;
    const ULONG pages = LabelledPages(*label, available);
    MmUnmapIoSpace(label, PAGE_SIZE);
    if (pages == 0) return STATUS_NO_SUCH_DEVICE;
    MmInitializeDeviceMemory(&disk.Memory, PFN_NUMBER(address.QuadPart / PAGE_SIZE), pages);
    MmInitializeTestBacking(&disk.Disk, &disk.Memory.Backing);
    disk.Disk.Latency = latency;
    return STATUS_SUCCESS;
}
