// A page file in memory on the PCI bus (QEMU's ivshmem-plain): the disk of machines that must be the same in every run.
//
// A real disk of an emulator is ready when the host's disk is. This one is a copy in memory at the time that the kernel's own clock says,
// so nothing of the guest depends on the host. A model of a disk stands in front of the memory (mm/testbacking.h): one transfer at a
// time, in the order of the arm, with a latency.
// Private to the driver.
#pragma once

#include "mm/devicememory.h"
#include "mm/testbacking.h"
#include "pci.h"

/// A page file in shared memory.
/// shared: fixed after its set-up; the rest the backings guard
struct MEMORY_DISK {
    MM_DEVICE_MEMORY Memory;
    MM_TEST_BACKING Disk; ///< in front of it
};

/// Whether a function is such a memory.
bool IsSharedMemory(const PciFunction& function);
/// Makes a disk of the memory, if it has a label. @param latency of a transfer in 100 ns
/// @returns STATUS_SUCCESS; STATUS_NO_SUCH_DEVICE: no label; STATUS_INSUFFICIENT_RESOURCES: the label cannot be mapped.
/// @irql PASSIVE_LEVEL
NTSTATUS MakeMemoryDisk(MEMORY_DISK& disk, const PciFunction& function, ULONG latency);
