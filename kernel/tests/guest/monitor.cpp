// The monitor in a thread, while other processors change what its commands look at: nothing is read that is gone.
// TOL-06
#include "ex.h"
#include "kd.h"
#include "mm.h"
#include "mm/virtual.h"
#include "ps.h"
#include "rtl/string.h"

#include "ke/options.h"

#include "guest_main.h"

namespace {

ULONG Processors() { return ULONG(KeNumberProcessors); }
KAFFINITY Only(ULONG processor) { return KAFFINITY(1) << processor; }

CHAR Text[8192];

ULONG Execute(PCSTR format, ULONG number = 0) {
    CHAR line[32];
    (void)RtlStringCbPrintf(line, sizeof(line), format, number);
    return KdExecuteCommand(line, Text, sizeof(Text));
}

void Join(PETHREAD thread) {
    (void)KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    PsDereferenceThread(thread);
}

PETHREAD Start(PCSTR name, ULONG processor, PKSTART_ROUTINE routine, PVOID context) {
    PETHREAD thread = nullptr;
    PsInitialSystemProcess->Pcb.Affinity = Only(processor); // new threads inherit it
    GUEST_EQUAL(STATUS_SUCCESS, PsStartSystemThread(&thread, name, 10, routine, context));
    PsInitialSystemProcess->Pcb.Affinity = ~KAFFINITY(0);
    return thread;
}

volatile bool Stop;
volatile ULONG Made;   ///< threads that came and went
volatile ULONG Newest; ///< the ID of one that was just made

void NTAPI Fleeting(PVOID) {
    for (ULONG turn = 0; turn < 50; turn++)
        YieldProcessor();
}

/// Makes threads that end at once, until it is told to stop.
void NTAPI MakeThreads(PVOID) {
    while (!Stop) {
        PETHREAD thread;
        if (!NT_SUCCESS(PsStartSystemThread(&thread, "Fleeting", 9, Fleeting, nullptr))) continue;
        Newest = thread->UniqueThreadId;
        Made = Made + 1;
        (void)KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        PsDereferenceThread(thread);
    }
}

} // namespace

// TOL-06: threads end, and their stacks and objects go, between the look and the printing; and every freeze that a command
// makes ends: QEMU 10 lets a processor go on between any two instructions, and found one that looked twice (freeze.cpp)
GUEST_TEST(CommandsWhileThreadsComeAndGo) {
    PETHREAD makers[MAXIMUM_PROCESSORS];
    Stop = false;
    Made = 0;
    (void)KeSetAffinityThread(KeGetCurrentThread(), Only(0));
    (void)KeSetPriorityThread(KeGetCurrentThread(), 12);
    for (ULONG i = 0; i < Processors(); i++)
        makers[i] = Start("Maker", i, MakeThreads, nullptr);
    for (ULONG round = 0; round < (Processors() == 1 ? 10u : 60u); round++) {
        GUEST_TRUE(Execute("threads") != 0);
        GUEST_TRUE(Execute("stack %u", Newest) != 0);
        GUEST_TRUE(Execute("ready") != 0);
        GUEST_TRUE(Execute("ring 50") != 0);
        GUEST_TRUE(Execute("processors") != 0);
        GUEST_TRUE(Execute("~%u", round % Processors()) != 0);
        GUEST_TRUE(Execute("waits all") != 0);
        GUEST_TRUE(Execute("locks") != 0);
        for (const ULONG made = Made; Made == made;) { // the others go on
            LARGE_INTEGER interval = KeRelativeMilliseconds(1);
            if (Processors() == 1) (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
            YieldProcessor();
        }
    }
    Stop = true;
    for (ULONG i = 0; i < Processors(); i++)
        Join(makers[i]);
    GUEST_TRUE(Made >= 10);
}

namespace {

/// How often a text stands in what the last command printed.
ULONG Times(PCSTR text) {
    ULONG times = 0;
    for (PCSTR at = Text; *at; at++)
        times += strncmp(at, text, strlen(text)) == 0;
    return times;
}

/// What `threads` says at its end.
ULONG ThreadCount() {
    (void)Execute("threads");
    return Times("\n") - 2; // a line each, between the heading and the sum
}

} // namespace

// TOL-06, SCH-16: three threads for one processor; the others have work of their own meanwhile
GUEST_TEST(SpinningThreadsCompeteAndEnd) {
    const KPRIORITY priority = KeQueryPriorityThread(KeGetCurrentThread());
    const ULONG threads = ThreadCount();
    PsInitialSystemProcess->Pcb.Affinity = Only(0); // new threads inherit it
    (void)KeSetAffinityThread(KeGetCurrentThread(), Only(0));
    (void)Execute("spin 3");
    PsInitialSystemProcess->Pcb.Affinity = ~KAFFINITY(0);
    (void)Execute("threads");
    GUEST_EQUAL(3u, Times(" Spin"));
    (void)Execute("ready");
    GUEST_EQUAL(3u, Times(" Spin")); // we run
    GUEST_EQUAL(3u, Times("\n   8  "));
    LARGE_INTEGER interval = KeRelativeMilliseconds(20);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval); // they run, and we come back
    (void)Execute("spin 0");
    GUEST_EQUAL(1u, Times("3 threads ended\n"));
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval); // the reaper takes them
    GUEST_EQUAL(threads, ThreadCount());
    GUEST_EQUAL(priority, KeQueryPriorityThread(KeGetCurrentThread()));
}

// TOL-06, SCH-01: one that is above all others cannot keep the prompt from ending it, nor those below it from their end
GUEST_TEST(SpinningThreadsOfSomePrioritiesEnd) {
    (void)Execute("spin 5 15");
    (void)Execute("spin 3 1");
    GUEST_EQUAL(1u, Times("8 threads, "));
    LARGE_INTEGER interval = KeRelativeMilliseconds(50);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
    (void)Execute("spin 0");
    GUEST_EQUAL(1u, Times("8 threads ended\n"));
    (void)Execute("spin");
    GUEST_EQUAL(1u, Times("no thread computes"));
}

// TOL-06: what cannot be done is said, and nothing is started
GUEST_TEST(SpinRefusesWhatItCannotDo) {
    const KPRIORITY priority = KeQueryPriorityThread(KeGetCurrentThread());
    static constexpr PCSTR lines[] = {"spin 9", "spin 1 0", "spin 1 16",      "spin 1 31",
                                      "spin x", "spin 1 y", "spin 4294967295"};
    for (PCSTR line : lines) {
        (void)Execute(line);
        GUEST_EQUAL(0u, Times("`spin 0` ends it"));
    }
    (void)Execute("spin 8");
    (void)Execute("spin 1");
    GUEST_EQUAL(1u, Times("8 compute already"));
    (void)Execute("spin 0");
    GUEST_EQUAL(1u, Times("8 threads ended\n"));
    (void)Execute("spin 0");
    GUEST_EQUAL(1u, Times("0 threads ended\n"));
    GUEST_EQUAL(priority, KeQueryPriorityThread(KeGetCurrentThread()));
}

// TOL-06, POL-05: a hundred threads' stacks and objects come back: there is memory for the last ones
GUEST_TEST(SpinningThreadsLeaveNothingBehind) {
    const ULONG threads = ThreadCount();
    ULONG free = 0;
    for (ULONG round = 0; round < 12; round++) {
        (void)Execute("spin 8");
        GUEST_EQUAL(1u, Times("8 threads, "));
        (void)Execute("spin 0");
        LARGE_INTEGER interval = KeRelativeMilliseconds(20);
        (void)KeDelayExecutionThread(KernelMode, FALSE, &interval); // the reaper takes them
        if (round == 1) free = MmQueryFreePages();
    }
    if (KeLoaderOptions.Test) GUEST_EQUAL(free, MmQueryFreePages());
    GUEST_TRUE(free <= MmQueryFreePages()); // (after other drivers' tests, what they left may still come back)
    GUEST_EQUAL(threads, ThreadCount());
}

namespace {

/// A resource whose owner table is being changed for as long as it pleases the test.
struct CHANGED {
    ERESOURCE Resource;
    volatile ULONG Phase; ///< 1: it is being changed; 2: enough
};

void NTAPI ChangeTable(PVOID context) {
    auto& changed = *static_cast<CHANGED*>(context);
    const KIRQL oldIrql = KfAcquireSpinLock(&changed.Resource.SpinLock);
    OWNER_ENTRY* const table = changed.Resource.OwnerTable;
    changed.Resource.OwnerTable = reinterpret_cast<OWNER_ENTRY*>(ULONG_PTR(16)); // nobody may look
    changed.Phase = 1;
    while (changed.Phase != 2)
        YieldProcessor();
    changed.Resource.OwnerTable = table;
    KfReleaseSpinLock(&changed.Resource.SpinLock, oldIrql);
}

} // namespace

// TOL-06, DSP-20: the table of owners is replaced, and the old one freed, under the resource's lock
GUEST_TEST(TableOfOwnersIsReadUnderItsLockOnly) {
    if (Processors() == 1) return (void)GUEST_TRUE(true);
    CHANGED changed = {};
    (void)ExInitializeResourceLite(&changed.Resource);
    (void)KeSetAffinityThread(KeGetCurrentThread(), Only(0));
    KeEnterCriticalRegion();
    GUEST_TRUE(ExAcquireResourceSharedLite(&changed.Resource, TRUE));
    PETHREAD const changer = Start("Changer", 1, ChangeTable, &changed);
    while (changed.Phase != 1)
        YieldProcessor();
    GUEST_TRUE(Execute("locks") != 0);
    changed.Phase = 2;
    Join(changer);
    ExReleaseResourceLite(&changed.Resource);
    KeLeaveCriticalRegion();
    GUEST_EQUAL(STATUS_SUCCESS, ExDeleteResourceLite(&changed.Resource));
}

// TOL-06, POL-06: ranges of a process are shown from the first one to the last, and no longer than they exist
GUEST_TEST(RangesOfAProcessAreShown) {
    constexpr ULONG_PTR place = 0x10000000;
    PVOID base = reinterpret_cast<PVOID>(place);
    SIZE_T size = 3 * PAGE_SIZE;
    GUEST_EQUAL(STATUS_SUCCESS,
                ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
    (void)Execute("vad");
    GUEST_EQUAL(1u, Times("  10000000  10002fff       3       3  private  read write\n"));
    (void)Execute("vad %u", PsInitialSystemProcess->UniqueProcessId);
    GUEST_EQUAL(1u, Times("  10000000  10002fff       3       3  private  read write\n"));
    size = 0;
    GUEST_EQUAL(STATUS_SUCCESS, ZwFreeVirtualMemory(NtCurrentProcess(), &base, &size, MEM_RELEASE));
    (void)Execute("vad");
    GUEST_EQUAL(0u, Times("10000000"));
    GUEST_EQUAL(1u, Times("pages committed\n"));
    (void)Execute("vad 99");
    GUEST_EQUAL(1u, Times("no process 99"));
    (void)Execute("ws");
    GUEST_EQUAL(1u, Times("System: "));
    GUEST_EQUAL(2u, Times("limits ")); // its own, and the system's
    GUEST_EQUAL(1u, Times("system pages: "));
    GUEST_EQUAL(1u, Times(" of paged pool, "));
}

// TOL-06, MEM-04: entries are told as the processor has them
GUEST_TEST(EntriesOfAnAddressAreShown) {
    (void)Execute("pte 0x%x", ULONG(reinterpret_cast<ULONG_PTR>(&RangesOfAProcessAreShown))); // code of this driver
    GUEST_EQUAL(1u, Times("  PDE c03008"));
    GUEST_EQUAL(1u, Times("  PTE c02"));
    GUEST_EQUAL(1u, Times(": read-only, kernel"));
    (void)Execute("pte 0x%x", ULONG(reinterpret_cast<ULONG_PTR>(&Text)));
    GUEST_EQUAL(2u, Times(": write, kernel, accessed"));
    (void)Execute("pte 0x20000000"); // nothing was ever there
    GUEST_EQUAL(1u, Times("  PDE c0300200  00000000  never used\n"));
    GUEST_EQUAL(0u, Times("  PTE "));
    (void)Execute("pte");
    GUEST_EQUAL(1u, Times("pte needs an address\n"));
}
