// Page faults of many threads at once: on the same pages, while pages are trimmed, and while memory is short.
// machine: memory=16
#include "attached.h"
#include "guest_main.h"
#include "hal.h"
#include "together.h"

namespace {

constexpr ULONG CROWD_PAGES = 60, CROWD_ROUNDS = 30;

struct CROWD {
    EPROCESS* Process;
    UCHAR* Base;
    volatile LONG Working;
};

void Touch(ULONG index, PVOID context) {
    auto& crowd = *static_cast<CROWD*>(context);
    KAPC_STATE saved;
    KeStackAttachProcess(&crowd.Process->Pcb, &saved);
    for (ULONG page = 0; page < CROWD_PAGES; page++)
        InterlockedIncrement(reinterpret_cast<volatile LONG*>(Word(crowd.Base, page, index)));
    for (ULONG page = 0; page < CROWD_PAGES; page++)
        InterlockedIncrement(reinterpret_cast<volatile LONG*>(Word(crowd.Base, page, 8)));
    KeUnstackDetachProcess(&saved);
}

/// All but the first use pages; the first takes them out of the working set all the time.
void TouchWhileTrimmed(ULONG index, PVOID context) {
    auto& crowd = *static_cast<CROWD*>(context);
    KAPC_STATE saved;
    KeStackAttachProcess(&crowd.Process->Pcb, &saved);
    if (index == 0) {
        ULONG rounds = 0;
        do {
            MmEmptyWorkingSet();
            (void)KeYieldExecution();
            // Pauses of other lengths each time: on a machine in lock step each page could go between its fault and the
            // instruction that is repeated, for ever.
            KeStallExecutionProcessor(rounds++ % 16);
        } while (crowd.Working != 0);
    } else {
        for (ULONG round = 0; round < CROWD_ROUNDS; round++) {
            for (ULONG page = 0; page < CROWD_PAGES; page++)
                *Word(crowd.Base, page, index) += 1;
            (void)KeYieldExecution();
        }
        InterlockedDecrement(&crowd.Working);
    }
    KeUnstackDetachProcess(&saved);
}

} // namespace

// MEM-05, PFN-03
GUEST_TEST(ThreadsThatUseTheSamePagesAtOnceShareThem) {
    ATTACHED_PROCESS process;
    const LONG before = MmInfoCounters.DemandZeroCount;
    CROWD crowd = {process.Get(), Allocate(CROWD_PAGES), 0};
    const ULONG threads = GuestTogether(Touch, &crowd);
    GUEST_EQUAL(before + LONG(CROWD_PAGES), MmInfoCounters.DemandZeroCount); // each page once
    for (ULONG page = 0; page < CROWD_PAGES; page++) {
        GUEST_EQUAL(threads, *Word(crowd.Base, page, 8));
        for (ULONG index = 0; index < threads; index++)
            GUEST_EQUAL(1, *Word(crowd.Base, page, index));
    }
    GUEST_EQUAL(CROWD_PAGES, process.WorkingSetSize());
}

// PFN-03, PFN-06
GUEST_TEST(WritesAreNotLostWhilePagesAreTrimmed) {
    ATTACHED_PROCESS process;
    const ULONG count = KeNumberProcessors < 2 ? 2 : KeNumberProcessors > 4 ? 4 : ULONG(KeNumberProcessors);
    CROWD crowd = {process.Get(), Allocate(CROWD_PAGES), LONG(count) - 1};
    const LONG soft = MmInfoCounters.TransitionCount;
    GUEST_EQUAL(count, GuestTogether(TouchWhileTrimmed, &crowd));
    GUEST_TRUE(MmInfoCounters.TransitionCount > soft);
    for (ULONG page = 0; page < CROWD_PAGES; page++) {
        for (ULONG index = 1; index < count; index++)
            GUEST_EQUAL(CROWD_ROUNDS, *Word(crowd.Base, page, index));
    }
}

namespace {

/// Takes the system's own memory until few pages are left: non-paged pool as far as it goes, then kernel stacks. Neither is
/// charged, so no commit limit stops it before.
class SHORTAGE {
public:
    explicit SHORTAGE(ULONG left) {
        while (m_pages < MOST && MmQueryFreePages() > left && (Pages[m_pages] = MmAllocateContiguousPages(1)))
            m_pages++;
        while (m_stacks < MOST && MmQueryFreePages() > left && (Stacks[m_stacks] = MmCreateKernelStack(FALSE)))
            m_stacks++;
        GUEST_TRUE(MmQueryFreePages() <= left);
    }
    void End() {
        while (m_pages != 0)
            MmFreeContiguousPages(Pages[--m_pages], 1);
        while (m_stacks != 0)
            MmDeleteKernelStack(Stacks[--m_stacks], FALSE);
    }

private:
    static constexpr ULONG MOST = 4096;
    static inline PVOID Pages[MOST], Stacks[MOST];
    ULONG m_pages = 0, m_stacks = 0;
};

} // namespace

// PFN-14, PFN-06, KPR-06
GUEST_TEST(WorkingSetManagerTakesOldPagesOfOtherProcessesWhenMemoryIsShort) {
    constexpr ULONG pages = 200, high = 16, seconds = 20;
    ATTACHED_PROCESS process;
    UCHAR* const base = Allocate(pages);
    for (ULONG page = 0; page < pages; page++)
        *Word(base, page) = page;
    KAPC_STATE saved;
    KeStackAttachProcess(&PsInitialSystemProcess->Pcb, &saved); // the manager comes from elsewhere
    GUEST_EQUAL(0, MmWorkingSetManager(TRUE));                  // memory is not short
    GUEST_EQUAL(pages, process.WorkingSetSize());
    SHORTAGE shortage(high);
    for (ULONG second = 0; second < seconds; second++)
        (void)MmWorkingSetManager(TRUE);
    GUEST_TRUE(process.WorkingSetSize() < pages);
    shortage.End();
    KeUnstackDetachProcess(&saved);
    ATTACHED_PROCESS::CheckAll();
    for (ULONG page = 0; page < pages; page++)
        GUEST_EQUAL(page, *Word(base, page));
}

namespace {

/// Uses fresh pages of its own process until all of a range have been used.
struct NEEDY {
    EPROCESS* Process;
    UCHAR* Base;
    ULONG Pages;
    volatile LONG Used;
    KEVENT Go;
};

void NTAPI UseAll(PVOID context) {
    auto& needy = *static_cast<NEEDY*>(context);
    (void)KeWaitForSingleObject(&needy.Go, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    KAPC_STATE saved;
    KeStackAttachProcess(&needy.Process->Pcb, &saved);
    for (ULONG page = 0; page < needy.Pages; page++) {
        *Word(needy.Base, page) = page + 1;
        InterlockedIncrement(&needy.Used);
    }
    KeUnstackDetachProcess(&saved);
}

void Sleep(ULONG milliseconds) {
    LARGE_INTEGER time = {.QuadPart = -10'000LL * milliseconds};
    (void)KeDelayExecutionThread(KernelMode, FALSE, &time);
}

} // namespace

// MEM-07, PFN-03
GUEST_TEST(FaultWithoutAPageAtHandWaitsUntilThereIsOne) {
    constexpr ULONG pages = 30, left = 20;
    ATTACHED_PROCESS process;
    NEEDY needy = {process.Get(), Allocate(pages), pages, 0, {}};
    KeInitializeEvent(&needy.Go, NotificationEvent, FALSE);
    PETHREAD thread;
    GUEST_EQUAL(STATUS_SUCCESS, PsStartSystemThread(&thread, "Needy", 8, UseAll, &needy));
    SHORTAGE shortage(left);
    (void)KeSetEvent(&needy.Go, 0, FALSE);
    Sleep(200);
    const LONG used = needy.Used;
    GUEST_TRUE(used != 0 && used < LONG(pages));
    GUEST_TRUE(MmQueryFreePages() != 0); // the last pages are for threads that make pages available
    Sleep(200);
    GUEST_EQUAL(used, needy.Used);
    shortage.End();
    (void)KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    PsDereferenceThread(thread);
    GUEST_EQUAL(pages, needy.Used);
    for (ULONG page = 0; page < pages; page++)
        GUEST_EQUAL(page + 1, *Word(needy.Base, page));
}
