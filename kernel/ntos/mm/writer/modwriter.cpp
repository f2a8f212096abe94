// The modified page writer: pages that have no place but memory get one on a page file, so that memory can be used otherwise.
//
// It is woken when there are many modified pages, or few available ones (pfn/available.cpp), and now and then. It only starts
// transfers: a page becomes available in the transfer's completion routine. A write that fails leaves its pages modified; the
// next attempt comes after a pause and, as page-file space is given out in turn, goes to another place.
//
//     modified list --MiGatherModifiedPages--> MI_PAGE_WRITE --Start--> page file --EndWrite--> standby
//                                                                                    '-failed--> modified list
//
// Locks: MmPfnLock. IRQL: PASSIVE_LEVEL; EndWrite at DISPATCH_LEVEL or below.
// In the books: "modified page writer". PFN-06, PFN-15, PFN-16, SYS-11
#include "etw.h"
#include "ke.h"
#include "mm/writecounters.h"
#include "mm/writer/pagewrite.h"
#include "nt/atomic.h"

ULONG MiPagesBeingWritten = 0;
extern "C" {
MM_WRITE_COUNTERS MmWriteCounters;
}

namespace {

constexpr ULONG WRITES = 4; ///< transfers at a time: page files take turns
constexpr LONGLONG SECOND = 10'000'000;
constexpr LONGLONG LONGEST_LIFE = 300 * SECOND; ///< of a modified page that nobody writes (documented value)
constexpr LONGLONG PAUSE = SECOND;              ///< after a failure

MI_PAGE_WRITE Writes[WRITES];
KSEMAPHORE FreeWrites; ///< counts those that are not Busy. shared: the dispatcher lock's

MI_PAGE_WRITE* TakeWrite() {
    (void)KeWaitForSingleObject(&FreeWrites, KWAIT_REASON::WrVirtualMemory, KernelMode, FALSE, nullptr);
    MI_PAGE_WRITE* write = Writes;
    while (ReadAcquire(&write->Busy))
        write++;
    write->Busy = 1;
    return write;
}

void GiveWriteBack(MI_PAGE_WRITE* write) {
    WriteRelease(&write->Busy, 0);
    (void)KeReleaseSemaphore(&FreeWrites, 0, 1, FALSE);
}

/// A transfer has ended. Pages in front of a failure were written.
void NTAPI EndWrite(MM_TRANSFER* Transfer) {
    auto* const write = CONTAINING_RECORD(Transfer, MI_PAGE_WRITE, Transfer);
    const MI_PAGE_FILE_RUN run = write->Run;
    const NTSTATUS status = Transfer->Status;
    const ULONG written = NT_SUCCESS(status) ? run.Pages : Transfer->Information / PAGE_SIZE;
    MiEndModifiedPages(write, written, status);
    InterlockedExchangeAdd(&MmWriteCounters.DirtyPagesWriteCount, LONG(written));
    InterlockedIncrement(&MmWriteCounters.DirtyWriteIoCount);
    if (!NT_SUCCESS(status)) InterlockedIncrement(&MmWriteCounters.FailureCount);
    EtwTraceEvent(ETW_EVENT::PageWriteEnd, run.PageFileNumber, run.Page, written, ULONG_PTR(status));
    GiveWriteBack(write);
}

void Start(MI_PAGE_WRITE* write) {
    const MI_PAGE_FILE_RUN& run = write->Run;
    write->Transfer = {};
    write->Transfer.Offset = ULONGLONG(run.Page) * PAGE_SIZE;
    write->Transfer.Pages = run.Pages;
    write->Transfer.Frames = write->Frames;
    write->Transfer.Write = TRUE;
    write->Transfer.Completion = EndWrite;
    EtwTraceEvent(ETW_EVENT::PageWrite, run.PageFileNumber, run.Page, run.Pages, write->Frames[0]);
    MM_BACKING* const file = MmQueryPagingFile(run.PageFileNumber);
    file->Calls->Start(file, &write->Transfer); // from here on the write may be another one already
}

MI_GATHERED Gather(MI_PAGE_WRITE* write) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    const MI_GATHERED gathered = MiGatherModifiedPages(write);
    if (gathered == MI_GATHERED::Pages) MiPagesBeingWritten += write->Run.Pages;
    return gathered;
}

PFN_NUMBER CountModifiedPages() {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    return MmModifiedPageListHead.Total;
}

} // namespace

void MiInitializeModifiedPageWriter() {
    for (MI_PAGE_WRITE& write : Writes)
        write.Busy = 0;
    KeInitializeSemaphore(&FreeWrites, WRITES, WRITES);
}

void MiWriteModifiedPages() {
    const LONG failures = MmWriteCounters.FailureCount;
    for (PFN_NUMBER left = CountModifiedPages(); left != 0 && MmWriteCounters.FailureCount == failures;) {
        MI_PAGE_WRITE* const write = TakeWrite();
        MI_GATHERED gathered = Gather(write);
        if (gathered == MI_GATHERED::NoSpace && NT_SUCCESS(MiExtendPagingFiles(MM_MAXIMUM_TRANSFER)))
            gathered = Gather(write);
        if (gathered != MI_GATHERED::Pages) return GiveWriteBack(write);
        const ULONG pages = write->Run.Pages;
        left -= pages < left ? pages : left;
        Start(write);
    }
}

void NTAPI MmModifiedPageWriter(PVOID) {
    for (LONG failures = 0;;) {
        LARGE_INTEGER wait = {.QuadPart = -LONGEST_LIFE};
        (void)KeWaitForSingleObject(&MmModifiedPageWriterEvent, KWAIT_REASON::WrFreePage, KernelMode, FALSE, &wait);
        MiWakeMappedPageWriter();
        MiWriteModifiedPages();
        if (const LONG now = MmWriteCounters.FailureCount; now != failures) {
            failures = now;
            wait.QuadPart = -PAUSE;
            (void)KeDelayExecutionThread(KernelMode, FALSE, &wait);
        }
    }
}
