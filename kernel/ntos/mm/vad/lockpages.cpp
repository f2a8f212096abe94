// Locking pages into the working set, and unlocking them.
//
// AddressCreationLock is held all the time, so no range and no protection changes. Each page is touched, which brings it in as any use
// does; then its entry of the working set moves to the part of the list that is never trimmed. Between the two the page may
// leave again: then it is touched once more.
//
//     touch (a fault takes the WorkingSetMutex) --> the mutex --> still valid? lock its entry : touch again
//
// Invariant: a service that fails leaves the locks as they were.
// Locks, IRQL: see services.h. In the books: "locking memory", "working set limits". PFN-11, PFN-13
#include "ex/pool.h"
#include "mm/fault/fault.h"
#include "mm/vad/pagestate.h"
#include "mm/vad/services.h"
#include "mm/vad/userpages.h"
#include "mm/virtual.h"
#include "mm/ws/wsl.h"
#include "rtl/exception.h"
#include "rtl/memory.h"

namespace {

constexpr ULONG LOCK_TAG = EX_TAG("MmLk");
constexpr ULONG OVERHEAD = 8; ///< pages of the least working set that a process keeps for pages that are not locked
constexpr ULONG ALL_LOCKS = MAP_PROCESS | MAP_SYSTEM;

PVOID AddressOf(ULONG vpn) { return reinterpret_cast<PVOID>(ULONG_PTR(vpn) << PAGE_SHIFT); }

/// Out of line: the compiler protects calls in a __try.
[[gnu::noinline]] void Read(const volatile UCHAR* address) { (void)*address; }

/// Brings a page in. @returns STATUS_SUCCESS, or what its use raises.
NTSTATUS Touch(ULONG vpn) {
    __try {
        Read(static_cast<const volatile UCHAR*>(AddressOf(vpn)));
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

/// @returns the working set entry of a page; WSLE_NULL_INDEX: it is not in the working set. The mutex is held.
ULONG IndexOf(const MM_ADDRESS_SPACE& space, ULONG vpn) {
    const MMPTE pte = MiReadUserPte(AddressOf(vpn));
    if (!pte.Hard.Valid) return WSLE_NULL_INDEX;
    return MiLocateWsle(space.Vm.VmWorkingSetList, vpn, MiWsIndexOf(pte.Hard.PageFrameNumber));
}

/// The locks that a page has. The mutex is held.
ULONG LocksOf(const MM_ADDRESS_SPACE& space, ULONG vpn) {
    const ULONG index = IndexOf(space, vpn);
    if (index == WSLE_NULL_INDEX) return 0;
    const auto entry = space.Vm.VmWorkingSetList->Wsle[index].e1;
    return (entry.LockedInWs ? MAP_PROCESS : 0) | (entry.LockedInMemory ? MAP_SYSTEM : 0);
}

/// Gives or takes locks. The mutex is held.
void ChangeLocks(MM_ADDRESS_SPACE& space, ULONG vpn, ULONG locks, ULONG (*change)(MMSUPPORT*, ULONG, MI_WSLE_LOCK)) {
    if (locks & MAP_PROCESS) (void)change(&space.Vm, IndexOf(space, vpn), MI_WSLE_LOCK::InWorkingSet);
    if (locks & MAP_SYSTEM) (void)change(&space.Vm, IndexOf(space, vpn), MI_WSLE_LOCK::InMemory);
}

/// Whether the least working set has room for the pages beside what is locked.
bool FitIntoQuota(MM_ADDRESS_SPACE& space, MI_PAGES pages) {
    const nt::FastMutexGuard guard(space.Vm.WorkingSetMutex);
    const ULONG least = space.Vm.MinimumWorkingSetSize;
    const ULONG most = least > OVERHEAD ? least - OVERHEAD : 0;
    const ULONG locked = space.Vm.VmWorkingSetList->FirstDynamic; // all entries below it
    if (pages.Count() > most + locked) return false;
    ULONG fresh = 0;
    for (ULONG vpn = pages.First; vpn <= pages.Last; vpn++)
        fresh += LocksOf(space, vpn) == 0;
    return fresh + locked <= most;
}

/// @param[out] given the locks that it did not have before
NTSTATUS LockPage(MM_ADDRESS_SPACE& space, ULONG vpn, ULONG locks, UCHAR* given) {
    for (;;) {
        NT_TRY(Touch(vpn));
        const nt::FastMutexGuard guard(space.Vm.WorkingSetMutex);
        if (IndexOf(space, vpn) == WSLE_NULL_INDEX) continue; // it has left again
        *given = UCHAR(locks & ~LocksOf(space, vpn));
        ChangeLocks(space, vpn, *given, MiLockWsle);
        return STATUS_SUCCESS;
    }
}

/// @param given a byte a page, 0: the locks that were given. If it fails they are taken back.
NTSTATUS LockPages(MM_ADDRESS_SPACE& space, MI_PAGES pages, ULONG locks, UCHAR* given) {
    NTSTATUS status = STATUS_SUCCESS;
    for (ULONG vpn = pages.First; vpn <= pages.Last; vpn++) {
        const NTSTATUS one = LockPage(space, vpn, locks, &given[vpn - pages.First]);
        if (!NT_SUCCESS(one)) {
            const nt::FastMutexGuard guard(space.Vm.WorkingSetMutex);
            while (vpn-- > pages.First)
                ChangeLocks(space, vpn, given[vpn - pages.First], MiUnlockWsle);
            return one;
        }
        if (given[vpn - pages.First] != locks) status = STATUS_WAS_LOCKED;
    }
    return status;
}

NTSTATUS CheckArguments(ULONG_PTR base, SIZE_T size, ULONG locks) {
    if (locks == 0 || (locks & ~ALL_LOCKS) != 0) return STATUS_INVALID_PARAMETER_4;
    if (base >= MI_END_OF_USER) return STATUS_INVALID_PARAMETER_2;
    return size == 0 || size > MI_END_OF_USER - base ? STATUS_INVALID_PARAMETER_3 : STATUS_SUCCESS;
}

void TellRange(MI_PAGES pages, ULONG_PTR* base, SIZE_T* size) {
    *base = pages.Base();
    *size = pages.Bytes();
}

} // namespace

NTSTATUS MiLockVirtualMemory(MM_ADDRESS_SPACE& space, ULONG_PTR* base, SIZE_T* size, ULONG locks) {
    NT_TRY(CheckArguments(*base, *size, locks));
    const MI_PAGES pages = MiPagesOf(*base, *size);
    const nt::FastMutexGuard guard(space.AddressCreationLock);
    if (!FitIntoQuota(space, pages)) return STATUS_WORKING_SET_QUOTA;
    auto* const given = static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPool, pages.Count(), LOCK_TAG));
    if (!given) return STATUS_INSUFFICIENT_RESOURCES;
    RtlZeroMemory(given, pages.Count());
    const NTSTATUS status = LockPages(space, pages, locks, given);
    ExFreePoolWithTag(given, LOCK_TAG);
    if (NT_SUCCESS(status)) TellRange(pages, base, size);
    return status;
}

NTSTATUS MiUnlockVirtualMemory(MM_ADDRESS_SPACE& space, ULONG_PTR* base, SIZE_T* size, ULONG locks) {
    NT_TRY(CheckArguments(*base, *size, locks));
    const MI_PAGES pages = MiPagesOf(*base, *size);
    const nt::FastMutexGuard guard(space.Vm.WorkingSetMutex);
    for (ULONG vpn = pages.First; vpn <= pages.Last; vpn++)
        if ((LocksOf(space, vpn) & locks) != locks) return STATUS_NOT_LOCKED;
    for (ULONG vpn = pages.First; vpn <= pages.Last; vpn++)
        ChangeLocks(space, vpn, locks, MiUnlockWsle);
    TellRange(pages, base, size);
    return STATUS_SUCCESS;
}
