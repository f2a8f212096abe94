// Pages of a file to and from memory, and waiting for it.
//
// In the books: "paging I/O". POL-08
#include "mm/section/segment.h"

namespace {

void NTAPI Ended(MM_TRANSFER* Transfer) { (void)KeSetEvent(static_cast<KEVENT*>(Transfer->Context), 0, FALSE); }

} // namespace

NTSTATUS MiTransferPages(MM_BACKING* file, bool write, ULONGLONG offset, const PFN_NUMBER* frames, ULONG pages,
                         ULONG* bytes) {
    KEVENT ended;
    KeInitializeEvent(&ended, NotificationEvent, FALSE);
    MM_TRANSFER transfer = {};
    transfer.Offset = offset;
    transfer.Pages = pages;
    transfer.Frames = frames;
    transfer.Write = write;
    transfer.Completion = Ended;
    transfer.Context = &ended;
    file->Calls->Start(file, &transfer);
    // A wait in kernel mode: the stack, and the transfer on it, stay in memory.
    (void)KeWaitForSingleObject(&ended, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    *bytes = transfer.Information;
    return transfer.Status;
}
