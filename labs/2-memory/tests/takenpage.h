// What the concurrency tests of lab 2 share: pages of a process, and a processor that takes one of them for another use.
//
// Taking a page is the memory manager's own business. Where its routines are, the host says (KX_PARAMETER); they are called with
// MmPfnLock held.
// In the books: "page list dynamics". PFN-05, PFN-06
#pragma once

#include "ke/queuedlock.h"
#include "mm/pfn.h"
#include "mm/virtual.h"
#include "ntstatus.h"
#include "scenario.h"

inline volatile ULONG* Allocate(ULONG pages, ULONG protect = PAGE_READWRITE) {
    PVOID base = nullptr;
    SIZE_T size = SIZE_T(pages) * PAGE_SIZE;
    CHECK_EQUAL(STATUS_SUCCESS,
                NtAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, protect));
    return static_cast<volatile ULONG*>(base);
}

inline void Free(volatile ULONG* base) {
    PVOID at = const_cast<ULONG*>(base);
    SIZE_T size = 0;
    CHECK_EQUAL(STATUS_SUCCESS, NtFreeVirtualMemory(NtCurrentProcess(), &at, &size, MEM_RELEASE));
}

/// The routines of the memory manager, and its database, by the numbers of the parameters that say where they are. A test's own follow
/// from `Own` on (faultbench.py: TAKES).
enum ROUTINE : ULONG { Database, Unlink, Restore, Initialize, Delete, Own };

template <typename RESULT = void, typename... ARGUMENTS> RESULT Call(ULONG routine, ARGUMENTS... arguments) {
    return reinterpret_cast<RESULT(CDECL*)(ARGUMENTS...)>(KX_PARAMETER(routine))(arguments...);
}

constexpr PFN_NUMBER None = ~0u;

inline MMPFN* Element(PFN_NUMBER frame) {
    return *reinterpret_cast<MMPFN* const volatile*>(KX_PARAMETER(Database)) + frame;
}
inline MMPTE Entry(volatile ULONG* page) {
    return {.Long = __atomic_load_n(&MiGetPteAddress(page)->Long, __ATOMIC_SEQ_CST)};
}

/// Takes a page for another use, if it is on the standby list. MmPfnLock is held. @returns its frame, or None
inline PFN_NUMBER TakeLocked(volatile ULONG* page) {
    const MMPTE entry = Entry(page);
    if (MiPteKind(entry) != MI_PTE_KIND::Transition) return None;
    const PFN_NUMBER frame = entry.Trans.PageFrameNumber;
    if (Element(frame)->ReferenceCount != 0 || Element(frame)->e1.PageLocation != StandbyPageList) return None;
    Call(Unlink, Element(frame));
    Call(Restore, Element(frame));
    Call(Initialize, frame);
    return frame;
}

/// Frees a frame that was taken. @param frame None: nothing is done
inline void GiveBack(PFN_NUMBER frame) {
    if (frame == None) return;
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    Call(Delete, frame);
}
