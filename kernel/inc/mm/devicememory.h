// A backing whose pages lie in memory that a device has, and that need not be mapped: page files larger than system space has room for.
//
// A transfer is a copy from page frame to page frame, each reached through a mapping slot, and done when Start returns.
// Locks: none. IRQL: <= DISPATCH_LEVEL. In the books: "paging I/O". PFN-15
#pragma once

#include "mm/backing.h"

/// Memory of a device as a backing.
/// shared: all fields are fixed; the bytes of the frames belong to the transfers that run
struct MM_DEVICE_MEMORY {
    MM_BACKING Backing;
    PFN_NUMBER FirstFrame;
    ULONG Pages;
};

extern "C" {
/// Makes a backing of frames in a row. One reference is the caller's. @irql any
NTKERNELAPI void NTAPI MmInitializeDeviceMemory(MM_DEVICE_MEMORY* DeviceMemory, PFN_NUMBER FirstFrame, ULONG Pages);
}
