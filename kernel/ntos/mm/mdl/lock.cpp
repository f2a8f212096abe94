// Locking a buffer's pages: each is brought in by touching it, and referenced before it can leave again.
//
// Between the touch and the reference the page may have left: then it is touched once more. A page leaves its entry without MmPfnLock,
// but the page goes nowhere before that lock is had: the page that is seen under it is the one that is referenced.
#include "ke.h"
#include "mm.h"
#include "mm/mdl.h"
#include "mm/pfn/pfn.h"
#include "nt/atomic.h"
#include "ps/process.h"
#include "rtl/exception.h"
#include "rtl/useraccess.h"

namespace {

/// Frames of no RAM have no reference count.
bool IsCounted(PFN_NUMBER frame) REQUIRES_PFN_LOCK {
    return frame <= MmHighestPhysicalPage && !MiPfnElement(frame)->e1.Rom;
}

/// Uses a page as a device will, so that a fault brings it in or raises. Out of line: the compiler protects calls in a __try.
/// A write exchanges a word with itself: what is there stays, whatever other processors write, and the processor writes even where
/// the comparison fails. (An `or` with 0 the compiler would leave out.)
[[gnu::noinline]] void Touch(volatile LONG* address, bool write) {
    const LONG seen = *address;
    if (write) (void)InterlockedCompareExchange(address, seen, seen);
}

bool MayWrite(const volatile void* address) {
    const MMPTE pde = *MiGetPdeAddress(address);
    return pde.Hard.LargePage ? pde.Hard.Write : MiGetPteAddress(address)->Hard.Write;
}

/// References the page that is at the address now. @returns whether there is one, and it allows the access.
bool Reference(UCHAR* address, bool write, PFN_NUMBER* frame) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    const ULONGLONG physical = ULONGLONG(MmGetPhysicalAddress(address).QuadPart);
    if (physical == 0 || (write && !MayWrite(address))) return false;
    *frame = PFN_NUMBER(physical >> PAGE_SHIFT);
    if (IsCounted(*frame)) MiIncrementReferenceCount(*frame);
    return true;
}

void Dereference(PFN_NUMBER frame, bool written) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    if (!IsCounted(frame)) return;
    if (written) MiMarkPageModified(frame);
    MiDecrementReferenceCount(frame);
}

/// @returns STATUS_SUCCESS, or what the access raised. @param[out] locked pages that are referenced
NTSTATUS LockEach(MDL* mdl, bool write, ULONG pages, volatile ULONG* locked) {
    auto* address = static_cast<UCHAR*>(mdl->StartVa);
    PFN_NUMBER* const frames = MmGetMdlPfnArray(mdl);
    __try {
        while (*locked < pages) {
            Touch(reinterpret_cast<volatile LONG*>(address), write);
            if (!Reference(address, write, &frames[*locked])) continue;
            *locked = *locked + 1;
            address += PAGE_SIZE;
        }
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

} // namespace

void NTAPI MmProbeAndLockPages(PMDL Mdl, KPROCESSOR_MODE AccessMode, LOCK_OPERATION Operation) {
    NT_ASSERT((Mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL | MDL_PARTIAL)) == 0);
    const bool write = Operation != IoReadAccess;
    auto* const buffer = static_cast<UCHAR*>(MmGetMdlVirtualAddress(Mdl));
    const ULONG pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(buffer, Mdl->ByteCount);
    if (AccessMode != KernelMode) ProbeForRead(buffer, Mdl->ByteCount, 1); // raises unless all of it is in user space
    volatile ULONG locked = 0;
    const NTSTATUS status = LockEach(Mdl, write, pages, &locked);
    if (!NT_SUCCESS(status)) {
        while (locked != 0) {
            locked = locked - 1;
            Dereference(MmGetMdlPfnArray(Mdl)[locked], false);
        }
        ExRaiseStatus(status);
    }
    Mdl->Process = reinterpret_cast<ULONG_PTR>(buffer) < MM_SYSTEM_RANGE_START ? MmCurrentProcess() : nullptr;
    Mdl->MdlFlags = SHORT(Mdl->MdlFlags | MDL_PAGES_LOCKED | (write ? MDL_WRITE_OPERATION : 0));
}

void NTAPI MmUnlockPages(PMDL Mdl) {
    NT_ASSERT(Mdl->MdlFlags & MDL_PAGES_LOCKED);
    if (Mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA) MmUnmapLockedPages(Mdl->MappedSystemVa, Mdl);
    const ULONG pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(Mdl), Mdl->ByteCount);
    for (ULONG i = 0; i < pages; i++)
        Dereference(MmGetMdlPfnArray(Mdl)[i], (Mdl->MdlFlags & MDL_WRITE_OPERATION) != 0);
    Mdl->Process = nullptr;
    Mdl->MdlFlags = SHORT(Mdl->MdlFlags & ~(MDL_PAGES_LOCKED | MDL_WRITE_OPERATION));
}
