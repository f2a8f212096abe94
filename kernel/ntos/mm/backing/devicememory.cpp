// A backing whose pages are a device's page frames: a transfer is a copy through two mapping slots. Contract: mm/devicememory.h.
//
// In the books: "paging I/O". PFN-15
#include "mm/devicememory.h"
#include "mm/backing/framecopy.h"

namespace {

MM_DEVICE_MEMORY& Of(MM_BACKING* backing) { return *CONTAINING_RECORD(backing, MM_DEVICE_MEMORY, Backing); }

ULONGLONG NTAPI Size(MM_BACKING* Backing) { return ULONGLONG(Of(Backing).Pages) * PAGE_SIZE; }

void NTAPI Start(MM_BACKING* Backing, MM_TRANSFER* Transfer) {
    ULONG bytes;
    const NTSTATUS status = MmCheckTransfer(*Transfer, Size(Backing), &bytes, PAGE_SIZE);
    if (!NT_SUCCESS(status)) return MmCompleteTransfer(Transfer, status, 0);
    const PFN_NUMBER first = Of(Backing).FirstFrame + PFN_NUMBER(Transfer->Offset / PAGE_SIZE);
    for (ULONG page = 0; page < bytes / PAGE_SIZE; page++) {
        const PFN_NUMBER memory = Transfer->Frames[page], device = first + page;
        Transfer->Write ? MiCopyFrame(device, memory) : MiCopyFrame(memory, device);
    }
    MmCompleteTransfer(Transfer, STATUS_SUCCESS, bytes);
}

constexpr MM_BACKING_CALLS Calls = {Size, Start, nullptr};

} // namespace

extern "C" void NTAPI MmInitializeDeviceMemory(MM_DEVICE_MEMORY* DeviceMemory, PFN_NUMBER FirstFrame, ULONG Pages) {
    DeviceMemory->Backing = {&Calls, 1, nullptr, {}};
    DeviceMemory->FirstFrame = FirstFrame;
    DeviceMemory->Pages = Pages;
}
