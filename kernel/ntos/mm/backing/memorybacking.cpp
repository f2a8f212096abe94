// A backing whose pages lie in memory: a transfer is a copy.
//
// In the books: "paging I/O". PFN-15
#include "mm/memorybacking.h"
#include "mm/backing/framecopy.h"

namespace {

MM_MEMORY_BACKING& Of(MM_BACKING* backing) { return *CONTAINING_RECORD(backing, MM_MEMORY_BACKING, Backing); }

ULONGLONG NTAPI Size(MM_BACKING* Backing) { return Of(Backing).Length; }

void NTAPI Start(MM_BACKING* Backing, MM_TRANSFER* Transfer) {
    const MM_MEMORY_BACKING& memory = Of(Backing);
    ULONG bytes;
    NTSTATUS status = MmCheckTransfer(*Transfer, memory.Length, &bytes);
    if (Transfer->Write && memory.ReadOnly) status = STATUS_MEDIA_WRITE_PROTECTED;
    if (!NT_SUCCESS(status)) return MmCompleteTransfer(Transfer, status, 0);

    UCHAR* const data = memory.Data + Transfer->Offset;
    for (ULONG done = 0; done < bytes; done += PAGE_SIZE) {
        const PFN_NUMBER frame = Transfer->Frames[done / PAGE_SIZE];
        const ULONG count = bytes - done < PAGE_SIZE ? bytes - done : PAGE_SIZE;
        Transfer->Write ? MiCopyFromFrame(data + done, frame, count) : MiCopyToFrame(frame, data + done, count);
    }
    MmCompleteTransfer(Transfer, STATUS_SUCCESS, bytes);
}

constexpr MM_BACKING_CALLS Calls = {Size, Start, nullptr};

} // namespace

extern "C" void NTAPI MmInitializeMemoryBacking(MM_MEMORY_BACKING* MemoryBacking, PVOID Data, ULONG Length,
                                                BOOLEAN ReadOnly) {
    MemoryBacking->Backing = {&Calls, 1, nullptr, {}};
    MemoryBacking->Data = static_cast<UCHAR*>(Data);
    MemoryBacking->Length = Length;
    MemoryBacking->ReadOnly = ReadOnly;
}
