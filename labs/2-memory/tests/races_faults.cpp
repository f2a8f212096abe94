// Exercise 2.6 under many schedules: pages that several threads use while they are trimmed and taken for other uses.
//
// The actors are threads of one process, and a processor that needs a page (takenpage.h).
// In the books: "page fault handling", "page list dynamics". MEM-05, PFN-05, PFN-06, POL-06
#include "mm/faults.h"
#include "ps.h"
#include "rtl/exception.h"
#include "rtl/useraccess.h"
#include "takenpage.h"

namespace {

/// A write that may set off an exception. @returns STATUS_SUCCESS, or what it raised
NTSTATUS Write(volatile ULONG* at, ULONG value) {
    __try {
        WriteULongToUser(at, value);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    return STATUS_SUCCESS;
}

/// Two more of the memory manager's routines.
enum OWN_ROUTINE : ULONG { Reference = Own, Dereference };

/// What the page holds is on a page file now: it waits on the standby list.
void WriteToPageFile(volatile ULONG* page) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    const PFN_NUMBER frame = Entry(page).Trans.PageFrameNumber;
    Call(Reference, frame);
    Element(frame)->e1.Modified = 0;
    Call(Dereference, frame);
}

/// A processor needs a page: it takes this one. @returns its frame, or None
PFN_NUMBER Take(volatile ULONG* page) {
    nt::QueuedSpinLockGuard guard(LockQueuePfnLock);
    return TakeLocked(page);
}

// PFN-05
/// A page on the standby list is used by two threads and taken by a third: they get its bytes, or a fresh page, and no frame twice.
struct StandbyPageIsUsedOrTaken {
    static constexpr ULONG Held = 0x11111111;
    static inline volatile ULONG* Page;
    static inline PFN_NUMBER Taken;
    static void Setup() {
        Page = Allocate(1);
        Page[0] = Held;
        Page[1] = 0;
        Page[2] = 0;
        MmEmptyWorkingSet();
        WriteToPageFile(Page);
        Taken = None;
    }
    static void Use(ULONG word) {
        const ULONG seen = Page[0];
        CHECK(seen == Held || seen == 0);
        Page[word] = word;
    }
    static void Actor0() { Use(1); }
    static void Actor1() { Taken = Take(Page); }
    static void Actor2() { Use(2); }
    static void Check() {
        CHECK_EQUAL(1u, ULONG(Page[1]));
        CHECK_EQUAL(2u, ULONG(Page[2]));
        CHECK_EQUAL(Taken == None ? Held : 0u, ULONG(Page[0]));
        CHECK(Entry(Page).Hard.PageFrameNumber != Taken);
        Free(Page);
        GiveBack(Taken);
    }
};

// PFN-06
/// Two threads write to the same fresh page while a third takes it out of the working set: it has one frame, and nothing is lost.
struct FreshPageHasOneFrame {
    static inline volatile ULONG* Page;
    static inline LONG Before;
    static void Setup() {
        Page = Allocate(1);
        Before = MmInfoCounters.DemandZeroCount;
    }
    static void Actor0() {
        Page[0] = 1;
        Page[1] = 1;
    }
    static void Actor1() { MmEmptyWorkingSet(); }
    static void Actor2() {
        Page[2] = 1;
        Page[3] = 1;
    }
    static void Check() {
        for (ULONG word = 0; word < 4; word++)
            CHECK_EQUAL(1u, ULONG(Page[word]));
        CHECK_EQUAL(Before + 1, LONG(MmInfoCounters.DemandZeroCount));
        Free(Page);
    }
};

// POL-06
/// Three threads use the same guard page: one of them is told.
struct GuardPageTellsOne {
    static inline volatile ULONG* Page;
    static inline volatile LONG Told;
    static void Setup() {
        Page = Allocate(1, PAGE_READWRITE | PAGE_GUARD);
        Told = 0;
    }
    static void Use(ULONG word) {
        NTSTATUS status = Write(Page + word, 1);
        if (status == STATUS_GUARD_PAGE_VIOLATION) {
            InterlockedIncrement(&Told);
            status = Write(Page + word, 1);
        }
        CHECK_EQUAL(STATUS_SUCCESS, status);
    }
    static void Actor0() { Use(0); }
    static void Actor1() { Use(1); }
    static void Actor2() { Use(2); }
    static void Check() {
        CHECK_EQUAL(1, Told);
        for (ULONG word = 0; word < 3; word++)
            CHECK_EQUAL(1u, ULONG(Page[word]));
        Free(Page);
    }
};

// MEM-05
/// Two processes fault at the same time, without a lock that both need for long: each fault is counted.
struct FaultsOfTwoProcessesAreCounted {
    static constexpr ULONG Soft = 4;  ///< pages of each process that are still in memory
    static constexpr ULONG Fresh = 4; ///< pages that each process uses for the first time
    static inline EPROCESS* Process[2];
    static inline volatile ULONG* Page[2];
    static inline LONG DemandZero, Transition;

    static void Setup() {
        for (ULONG which = 0; which < 2; which++) {
            CHECK_EQUAL(STATUS_SUCCESS, PspCreateProcess("Lab2", &Process[which]));
            KAPC_STATE saved;
            KeStackAttachProcess(&Process[which]->Pcb, &saved);
            Page[which] = Allocate(Soft + Fresh);
            for (ULONG page = 0; page < Soft; page++)
                Write(which, page, 1);
            MmEmptyWorkingSet(); // the page table stays
            KeUnstackDetachProcess(&saved);
        }
        DemandZero = MmInfoCounters.DemandZeroCount;
        Transition = MmInfoCounters.TransitionCount;
    }
    static void Write(ULONG which, ULONG page, ULONG value) { Page[which][page * PAGE_SIZE / sizeof(ULONG)] = value; }
    static void Use(ULONG which) {
        KAPC_STATE saved;
        KeStackAttachProcess(&Process[which]->Pcb, &saved);
        for (ULONG page = 0; page < Soft + Fresh; page++)
            Write(which, page, 2);
        KeUnstackDetachProcess(&saved);
    }
    static void Actor0() { Use(0); }
    static void Actor1() { Use(1); }
    static void Check() {
        CHECK_EQUAL(DemandZero + LONG(2 * Fresh), LONG(MmInfoCounters.DemandZeroCount));
        CHECK_EQUAL(Transition + LONG(2 * Soft), LONG(MmInfoCounters.TransitionCount));
        for (EPROCESS* const process : Process)
            PspDeleteProcess(process);
    }
};

} // namespace

SCENARIO(FaultsOfTwoProcessesAreCounted);
SCENARIO(StandbyPageIsUsedOrTaken);
SCENARIO(FreshPageHasOneFrame);
SCENARIO(GuardPageTellsOne);
