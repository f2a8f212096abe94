// Kernel stacks and processes that leave memory: what they hold comes back from the page file, whatever ends the wait and whenever.
// machine: memory=16 pagefile=32 option=/DISKLATENCY=0
// machine: memory=16 pagefile=32 option=/DISKLATENCY=0 flavour=checked
#include "mm.h"
#include "mm/faults.h"
#include "mm/i386/pte.h"
#include "mm/pagefile.h"
#include "mm/testbacking.h"
#include "mm/virtual.h"
#include "mm/writecounters.h"
#include "ps.h"

#include "guest_main.h"
#include "pageout.h"

namespace {

constexpr ULONG WORDS = 2100; ///< of a thread's pattern: it reaches into the third page of the stack
constexpr ULONG MOST = 24;
constexpr ULONG PRESSURE = 20 * 1024 * 1024 / PAGE_SIZE; ///< pages: more than the machine has
constexpr LONGLONG SECOND = 10'000'000;
constexpr KPRIORITY PRIORITY = 10;

void Sleep(LONGLONG time) {
    LARGE_INTEGER wait = {.QuadPart = -time};
    (void)KeDelayExecutionThread(KernelMode, FALSE, &wait);
}

/// Waits until a condition holds. @returns false: it has not come about in 20 seconds.
template <typename CONDITION> bool Eventually(CONDITION condition) {
    constexpr LONGLONG step = SECOND / 50;
    for (LONGLONG waited = 0; waited < 20 * SECOND; waited += step) {
        if (condition()) return true;
        Sleep(step);
    }
    return condition();
}

/// A thread of a test.
/// shared: Event is a dispatcher object, the counts are the thread's; the test reads them when the thread has ended, or as hints
struct SLEEPER {
    KEVENT Event; ///< synchronization
    PETHREAD Thread;
    volatile LONG Wakes, Wrong;
    volatile bool Over;
    LONGLONG Timeout; ///< of each wait; 0: none
    BOOLEAN Alertable;
    volatile LONG Results[4]; ///< waits that ended with success, by time, by an alert, otherwise
};
SLEEPER Sleepers[MOST];

ULONG Value(ULONG seed, ULONG word) { return (seed ^ word * 2'654'435'761u) + word; } // the golden ratio

void Count(SLEEPER& sleeper, NTSTATUS status) {
    const ULONG index = status == STATUS_SUCCESS ? 0 : status == STATUS_TIMEOUT ? 1 : status == STATUS_ALERTED ? 2 : 3;
    sleeper.Results[index] = sleeper.Results[index] + 1;
}

/// Fills its stack with a pattern, waits, and looks whether the pattern is still there.
__attribute__((noinline)) void WaitOnce(SLEEPER& sleeper, ULONG seed) {
    volatile ULONG pattern[WORDS];
    for (ULONG i = 0; i < WORDS; i++)
        pattern[i] = Value(seed, i);
    LARGE_INTEGER timeout = {.QuadPart = -sleeper.Timeout};
    Count(sleeper, KeWaitForSingleObject(&sleeper.Event, KWAIT_REASON::UserRequest, UserMode, sleeper.Alertable,
                                         sleeper.Timeout != 0 ? &timeout : nullptr));
    for (ULONG i = 0; i < WORDS; i++)
        if (pattern[i] != Value(seed, i)) sleeper.Wrong = sleeper.Wrong + 1;
    sleeper.Wakes = sleeper.Wakes + 1;
}

void NTAPI SleeperThread(PVOID context) {
    auto& sleeper = *static_cast<SLEEPER*>(context);
    for (ULONG round = 1; !sleeper.Over; round++)
        WaitOnce(sleeper, round * 7919 + ULONG(&sleeper - Sleepers));
}

void Start(ULONG count, EPROCESS* process = PsInitialSystemProcess) {
    for (ULONG i = 0; i < count; i++) {
        KeInitializeEvent(&Sleepers[i].Event, SynchronizationEvent, FALSE);
        GUEST_EQUAL(STATUS_SUCCESS, PspStartProcessThread(&Sleepers[i].Thread, process, "Sleeper", PRIORITY,
                                                          SleeperThread, &Sleepers[i]));
    }
}

bool IsOut(const SLEEPER& sleeper) { return !const_cast<volatile BOOLEAN&>(sleeper.Thread->Tcb.KernelStackResident); }

ULONG CountOut(ULONG count) {
    ULONG out = 0;
    for (ULONG i = 0; i < count; i++)
        out += IsOut(Sleepers[i]);
    return out;
}

/// Has all stacks go.
bool TakeOut(ULONG count) {
    return Eventually([&] {
        KeRequestStackOutSwap(0);
        return CountOut(count) == count;
    });
}

/// The threads end; nothing of what they held was lost.
void Finish(ULONG count) {
    for (ULONG i = 0; i < count; i++)
        Sleepers[i].Over = true;
    for (ULONG i = 0; i < count; i++) {
        while (Sleepers[i].Thread->Tcb.Header.SignalState == 0) {
            (void)KeSetEvent(&Sleepers[i].Event, 0, FALSE);
            Sleep(SECOND / 100);
        }
        PsDereferenceThread(Sleepers[i].Thread);
        GUEST_EQUAL(0, Sleepers[i].Wrong);
    }
    GUEST_TRUE(MmCheckPageFrames() == nullptr);
}

/// A process that needs more memory than there is. @returns words that were wrong when it looked at them again
ULONG Press(ULONG pages = PRESSURE) {
    EPROCESS* process;
    if (!GUEST_TRUE(NT_SUCCESS(PspCreateProcess("Pressure", &process)))) return 0;
    KAPC_STATE saved;
    KeStackAttachProcess(&process->Pcb, &saved);
    PVOID base = nullptr;
    SIZE_T size = SIZE_T(pages) * PAGE_SIZE;
    GUEST_EQUAL(STATUS_SUCCESS,
                ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
    auto* const words = static_cast<volatile ULONG*>(base);
    for (ULONG page = 0; page < pages; page++)
        words[page * (PAGE_SIZE / sizeof(ULONG))] = Value(page, 1);
    ULONG wrong = 0;
    for (ULONG page = 0; page < pages; page++)
        wrong += words[page * (PAGE_SIZE / sizeof(ULONG))] != Value(page, 1);
    KeUnstackDetachProcess(&saved);
    PspDeleteProcess(process);
    return wrong;
}

/// Pages of the stacks that only the page file has.
ULONG CountInPageFile(ULONG count) {
    ULONG pages = 0;
    for (ULONG i = 0; i < count; i++) {
        const KTHREAD& thread = Sleepers[i].Thread->Tcb;
        for (auto* page = static_cast<UCHAR*>(thread.StackLimit); page < thread.StackBase; page += PAGE_SIZE)
            pages += MiPteKind(*MiGetPteAddress(page)) == MI_PTE_KIND::PageFile;
    }
    return pages;
}

bool Prints(PCSTR line, PCSTR text) {
    static CHAR output[16384];
    (void)KdExecuteCommand(line, output, sizeof(output));
    for (PCSTR at = output; *at; at++) {
        ULONG same = 0;
        while (text[same] && at[same] == text[same])
            same++;
        if (!text[same]) return true;
    }
    return false;
}

} // namespace

// SCH-09, SYS-15, PFN-17, KPR-21
GUEST_TEST(StacksComeBackFromThePageFile) {
    GuestSettleSystemPages();
    const PFN_NUMBER space = MmTotalFreePageFileSpace;
    const ULONG stacks = PsInitialSystemProcess->Pcb.StackCount;
    Start(MOST);
    GUEST_EQUAL(stacks + MOST, PsInitialSystemProcess->Pcb.StackCount);
    if (!GUEST_TRUE(TakeOut(MOST))) return;
    GUEST_EQUAL(stacks, PsInitialSystemProcess->Pcb.StackCount);
    CHAR line[32];
    (void)RtlStringCbPrintf(line, sizeof(line), "stack %u", Sleepers[0].Thread->UniqueThreadId);
    GUEST_TRUE(Prints(line, "its kernel stack is not in memory"));
    GUEST_TRUE(Prints("threads", "stack out"));
    GUEST_EQUAL(0, Press());
    GUEST_EQUAL(MOST, CountOut(MOST));
    GUEST_TRUE(CountInPageFile(MOST) > MOST);
    const LONG read = MmInfoCounters.PageReadCount;
    for (SLEEPER& sleeper : Sleepers)
        (void)KeSetEvent(&sleeper.Event, 0, FALSE);
    GUEST_TRUE(Eventually([] {
        ULONG woken = 0;
        for (const SLEEPER& sleeper : Sleepers)
            woken += sleeper.Wakes == 1;
        return woken == MOST;
    }));
    GUEST_TRUE(MmInfoCounters.PageReadCount - read > LONG(MOST));
    GUEST_EQUAL(0, CountOut(MOST));
    Finish(MOST);
    GUEST_TRUE(Eventually([&] { return MmTotalFreePageFileSpace == space; })); // no place is lost
    GUEST_EQUAL(stacks, PsInitialSystemProcess->Pcb.StackCount);
}

// SCH-09, SYS-15: time, alerts, signals and ends come at any moment of a stack's way, while memory is short.
GUEST_TEST(WaitsEndAtAnyMomentOfAStacksWay) {
    for (ULONG i = 0; i < MOST; i++) {
        Sleepers[i].Timeout = i % 3 == 0 ? 0 : LONGLONG(1 + i) * SECOND / 100;
        Sleepers[i].Alertable = i % 2 == 0;
    }
    Start(MOST);
    const LONG before = MmInfoCounters.PageReadCount;
    constexpr ULONG ROUNDS = 600;
    ULONG random = 12345, sawOut = 0;
    for (ULONG round = 0; round < ROUNDS; round++) {
        random = random * 1'103'515'245 + 12345;
        SLEEPER& sleeper = Sleepers[(random >> 16) % MOST];
        if (round == ROUNDS / 3) GUEST_EQUAL(0, Press(PRESSURE * 3 / 4));
        KeRequestStackOutSwap(0);
        sawOut += IsOut(sleeper);
        if (random & 0x800) {
            (void)KeSetEvent(&sleeper.Event, 1, FALSE);
        } else {
            (void)KeAlertThread(&sleeper.Thread->Tcb, UserMode);
        }
        if (round % 8 == 0) Sleep(SECOND / 100);
    }
    GUEST_TRUE(sawOut > ROUNDS / 10);
    GUEST_TRUE(MmInfoCounters.PageReadCount > before);
    // Half of them are ended while their stacks are out, and end by themselves.
    GUEST_TRUE(TakeOut(1));
    for (ULONG i = 0; i < MOST; i += 2)
        GUEST_EQUAL(STATUS_SUCCESS, PspTerminateThreadByPointer(Sleepers[i].Thread, STATUS_THREAD_IS_TERMINATING));
    for (ULONG i = 0; i < MOST; i += 2)
        (void)KeWaitForSingleObject(Sleepers[i].Thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    LONG results[4] = {};
    for (const SLEEPER& sleeper : Sleepers)
        for (ULONG kind = 0; kind < 4; kind++)
            results[kind] += sleeper.Results[kind];
    GUEST_TRUE(results[0] > 0 && results[1] > 0 && results[2] > 0);
    GUEST_EQUAL(0, results[3]);
    Finish(MOST);
}

namespace {

constexpr ULONG OWN_PAGES = 64;
volatile LONG WrongPages;

/// Fills pages of its process, waits in user mode's name, and looks at them again.
void NTAPI OwnerThread(PVOID context) {
    auto& sleeper = *static_cast<SLEEPER*>(context);
    PVOID base = nullptr;
    SIZE_T size = OWN_PAGES * PAGE_SIZE;
    GUEST_EQUAL(STATUS_SUCCESS,
                ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
    auto* const words = static_cast<volatile ULONG*>(base);
    for (ULONG page = 0; page < OWN_PAGES; page++)
        words[page * (PAGE_SIZE / sizeof(ULONG))] = Value(page, 9);
    WaitOnce(sleeper, 5);
    for (ULONG page = 0; page < OWN_PAGES; page++)
        WrongPages = WrongPages + (words[page * (PAGE_SIZE / sizeof(ULONG))] != Value(page, 9));
}

KPROCESS_STATE StateOf(const EPROCESS* process) { return process->Pcb.State; }

} // namespace

// KPR-08, KPR-09, KPR-16, KPR-21, SYS-15
GUEST_TEST(ProcessWithoutStacksLeavesMemoryAndComesBack) {
    EPROCESS* process;
    if (!GUEST_TRUE(NT_SUCCESS(PspCreateProcess("Swapped", &process)))) return;
    Start(2, process); // 0 and 1
    SLEEPER& owner = Sleepers[2];
    KeInitializeEvent(&owner.Event, SynchronizationEvent, FALSE);
    GUEST_EQUAL(STATUS_SUCCESS, PspStartProcessThread(&owner.Thread, process, "Owner", PRIORITY, OwnerThread, &owner));
    GUEST_TRUE(Eventually([&] { return owner.Thread->Tcb.State == KTHREAD_STATE::Waiting; }));
    GUEST_EQUAL(3u, process->Pcb.StackCount);
    const MMSUPPORT& workingSet = process->AddressSpace.Vm;
    GUEST_TRUE(workingSet.WorkingSetSize >= OWN_PAGES);
    if (!GUEST_TRUE(TakeOut(3))) return;
    GUEST_TRUE(Eventually([&] { return StateOf(process) == KPROCESS_STATE::ProcessOutOfMemory; }));
    GUEST_EQUAL(0u, process->Pcb.StackCount);
    GUEST_TRUE(workingSet.WorkingSetSize < OWN_PAGES / 4);
    GUEST_EQUAL(0, Press());
    // A new thread brings the process in, and not the other threads.
    PETHREAD visitor;
    GUEST_EQUAL(STATUS_SUCCESS, PspStartProcessThread(
                                    &visitor, process, "Visitor", PRIORITY, [](PVOID) {}, nullptr));
    (void)KeWaitForSingleObject(visitor, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    PsDereferenceThread(visitor);
    GUEST_EQUAL(3u, CountOut(3));
    GUEST_TRUE(Eventually([&] { return StateOf(process) == KPROCESS_STATE::ProcessOutOfMemory; }));
    (void)KeSetEvent(&owner.Event, 0, FALSE);
    (void)KeWaitForSingleObject(owner.Thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    GUEST_EQUAL(0, WrongPages);
    Finish(3);
    GUEST_EQUAL(0u, process->Pcb.StackCount);
    PspDeleteProcess(process);
    GUEST_TRUE(MmCheckPageFrames() == nullptr);
}

// SYS-14, SYS-15: without being asked, after seven seconds, and in kernel mode's name never.
GUEST_TEST(StackOfALongWaitGoesByItself) {
    Start(1);
    SLEEPER& sleeper = Sleepers[0];
    GUEST_TRUE(Eventually([&] { return sleeper.Thread->Tcb.State == KTHREAD_STATE::Waiting; }));
    Sleep(6 * SECOND);
    GUEST_TRUE(!IsOut(sleeper));
    GUEST_TRUE(Eventually([&] { return IsOut(sleeper); }));
    GUEST_TRUE(KeGetCurrentThread()->KernelStackResident);
    Finish(1);
}

// PFN-17, ERR-10
GUEST_TEST_BUGCHECK(StackThatCannotBeReadStopsTheSystem, KERNEL_STACK_INPAGE_ERROR) {
    Start(MOST);
    GUEST_TRUE(TakeOut(MOST));
    GUEST_EQUAL(0, Press());
    if (!GUEST_TRUE(CountInPageFile(MOST) != 0)) return;
    MM_TEST_BACKING& disk = *CONTAINING_RECORD(MmQueryPagingFile(0), MM_TEST_BACKING, Backing);
    disk.LongestRead = MM_SECTOR_SIZE; // no page can be read as a whole
    for (SLEEPER& sleeper : Sleepers)
        (void)KeSetEvent(&sleeper.Event, 0, FALSE);
    Sleep(5 * SECOND);
}
