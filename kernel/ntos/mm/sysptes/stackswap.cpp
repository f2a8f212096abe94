// Kernel stacks and processes leave memory and come back, as the swapper asks.
//
// A stack's pages go the way of every other page: modified list, page file, standby list, another use. The page below the stack has
// no page in any case.
// No fault brings them back: a thread without its stack cannot take one, and no other code touches them. So nobody waits for a
// read of theirs but the swapper, and each read is the swapper's own.
// Locks: MmPfnLock. IRQL: PASSIVE_LEVEL. In the books: "kernel stacks", "swapper". PFN-17, SYS-15, SCH-09
#include "mm/sysptes/stackswap.h"
#include "etw.h"
#include "ke.h"
#include "ke/bugcheck.h"
#include "mm/fault/fault.h"
#include "mm/faults.h"
#include "mm/mi.h"
#include "mm/pagefile.h"
#include "mm/section/segment.h"
#include "mm/ws/shortage.h"
#include "nt/atomic.h"

namespace {

/// What was tried with one page of a stack.
enum class STEP : UCHAR {
    Done,    ///< it is in memory, and valid
    NoPage,  ///< no page is at hand
    Reading, ///< it is to be read into the page that was taken
};

struct STACK_PAGE {
    MMPTE* Pte;
    MMPTE Place; ///< of the kind PageFile
    PFN_NUMBER Frame;
};

/// The page is active, and its entry valid.
void Activate(MMPTE* pte, PFN_NUMBER frame) REQUIRES_PFN_LOCK {
    MiReactivatePfn(frame);
    MiPfnElement(frame)->u4.KernelStack = 1;
    pte->Long = MiKernelPte(frame).Long;
}

STEP Begin(STACK_PAGE& page) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    const MMPTE pte = *page.Pte;
    if (MiPteKind(pte) == MI_PTE_KIND::Transition) {
        Activate(page.Pte, pte.Trans.PageFrameNumber);
        return STEP::Done;
    }
    NT_ASSERT(MiPteKind(pte) == MI_PTE_KIND::PageFile);
    if (!MiMayTakePage()) return STEP::NoPage;
    page.Place = pte;
    page.Frame = MiRemoveAnyPage();
    MiBeginPageRead(page.Frame, page.Pte, nullptr);
    page.Pte->Long = MiMakeTransitionPte(page.Frame, pte.Soft.Protection).Long;
    return STEP::Reading;
}

NTSTATUS Read(const STACK_PAGE& page) {
    EtwTraceEvent(ETW_EVENT::PageRead, page.Place.Soft.PageFileLow, page.Place.Soft.PageFileHigh, 1,
                  reinterpret_cast<ULONG_PTR>(page.Pte));
    ULONG bytes = 0;
    NTSTATUS status = MiTransferPages(MmQueryPagingFile(page.Place.Soft.PageFileLow), false,
                                      ULONGLONG(page.Place.Soft.PageFileHigh) * PAGE_SIZE, &page.Frame, 1, &bytes);
    if (NT_SUCCESS(status) && bytes < PAGE_SIZE) status = STATUS_END_OF_FILE;
    EtwTraceEvent(ETW_EVENT::PageReadEnd, page.Place.Soft.PageFileLow, page.Place.Soft.PageFileHigh, 1,
                  ULONG_PTR(status));
    InterlockedIncrement(&MmInfoCounters.PageReadIoCount);
    return status;
}

void EndRead(const STACK_PAGE& page) {
    InterlockedIncrement(&MmInfoCounters.PageReadCount);
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    MiEndPageRead(page.Frame, STATUS_SUCCESS);
    Activate(page.Pte, page.Frame);
    MiDecrementReferenceCount(page.Frame); // the read's
}

void InPage(MMPTE* pte) {
    STACK_PAGE page = {.Pte = pte, .Place = {}, .Frame = 0};
    STEP step;
    while ((step = Begin(page)) == STEP::NoPage)
        MiWaitForAvailablePages();
    if (step == STEP::Done) return;
    const NTSTATUS status = Read(page);
    if (!NT_SUCCESS(status))
        KeBugCheckEx(KERNEL_STACK_INPAGE_ERROR, ULONG_PTR(status), ULONG_PTR(status), page.Place.Soft.PageFileLow,
                     page.Place.Soft.PageFileHigh * PAGE_SIZE);
    EndRead(page);
}

} // namespace

constinit const KSWAP_CALLS MiSwapCalls = {MmOutPageKernelStack, MmInPageKernelStack, MmOutSwapProcess};

void NTAPI MmOutPageKernelStack(PKTHREAD Thread) {
    MMPTE* const end = MiGetPteAddress(Thread->StackBase);
    for (MMPTE* pte = MiGetPteAddress(Thread->StackLimit); pte != end; pte++)
        MiTrimPte(pte, MM_READWRITE);
}

void NTAPI MmInPageKernelStack(PKTHREAD Thread) {
    MMPTE* const end = MiGetPteAddress(Thread->StackBase);
    for (MMPTE* pte = MiGetPteAddress(Thread->StackLimit); pte != end; pte++)
        InPage(pte);
}

void NTAPI MmOutSwapProcess(PKPROCESS Process) {
    KAPC_STATE saved;
    KeStackAttachProcess(Process, &saved);
    MmEmptyWorkingSet();
    KeUnstackDetachProcess(&saved);
}
