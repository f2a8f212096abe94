// Worker threads and the one-second thread of the running system.
// SYS-09
#include "ex.h"
#include "ps.h"

#include "guest_main.h"

namespace {

void Sleep(LONG milliseconds) {
    LARGE_INTEGER interval = KeRelativeMilliseconds(milliseconds);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

NTSTATUS Wait(PVOID object, LONG milliseconds) {
    LARGE_INTEGER timeout = KeRelativeMilliseconds(milliseconds);
    return KeWaitForSingleObject(object, KWAIT_REASON::Executive, KernelMode, FALSE, &timeout);
}

/// What an item saw when it ran.
struct NOTE {
    WORK_QUEUE_ITEM Item;
    KEVENT Done;
    KIRQL Irql;
    SCHAR BasePriority;
    PEPROCESS Process;
    LONG Runs;
};

void NTAPI TakeNote(PVOID Parameter) {
    auto& note = *static_cast<NOTE*>(Parameter);
    const KTHREAD* const thread = KeGetCurrentThread();
    note.Irql = KeGetCurrentIrql();
    note.BasePriority = thread->BasePriority;
    note.Process = CONTAINING_RECORD(thread->Process, EPROCESS, Pcb);
    note.Runs++;
    (void)KeSetEvent(&note.Done, 0, FALSE);
}

void Prepare(NOTE& note, PWORKER_THREAD_ROUTINE routine) {
    RtlZeroMemory(&note, sizeof(note));
    ExInitializeWorkItem(&note.Item, routine, &note);
    KeInitializeEvent(&note.Done, SynchronizationEvent, FALSE);
}

} // namespace

// SYS-09, SYS-10
GUEST_TEST(EachQueueHasThreadsOfItsPriority) {
    const struct {
        WORK_QUEUE_TYPE Type;
        LONG Priority;
    } queues[] = {{CriticalWorkQueue, 13}, {DelayedWorkQueue, 12}, {HyperCriticalWorkQueue, 15}};
    for (const auto& queue : queues) {
        NOTE note;
        Prepare(note, TakeNote);
        for (LONG run = 1; run <= 3; run++) {
            ExQueueWorkItem(&note.Item, queue.Type);
            GUEST_EQUAL(STATUS_SUCCESS, Wait(&note.Done, 1000));
            GUEST_EQUAL(PASSIVE_LEVEL, note.Irql);
            GUEST_EQUAL(queue.Priority, LONG(note.BasePriority));
            GUEST_EQUAL(PsInitialSystemProcess, note.Process);
            GUEST_EQUAL(run, note.Runs);
        }
    }
}

namespace {

struct DEVICE {
    KTIMER Timer;
    KDPC Dpc;
    NOTE Note;
    volatile LONG DpcTicks;
};

void NTAPI LongWork(PVOID Parameter) {
    Sleep(200); // what a DPC must not do
    TakeNote(Parameter);
}

void NTAPI QueueLongWork(PKDPC, PVOID DeferredContext, PVOID, PVOID) {
    auto& device = *static_cast<DEVICE*>(DeferredContext);
    const ULONG start = KeTickCount.LowPart;
    ExQueueWorkItem(&device.Note.Item, CriticalWorkQueue);
    device.DpcTicks = LONG(KeTickCount.LowPart - start);
}

} // namespace

// INT-07, INT-16
GUEST_TEST(TimerDpcHandsLongWorkToAWorkerThread) {
    DEVICE device;
    Prepare(device.Note, LongWork);
    KeInitializeTimer(&device.Timer);
    KeInitializeDpc(&device.Dpc, QueueLongWork, &device);
    (void)KeSetTimer(&device.Timer, KeRelativeMilliseconds(20), &device.Dpc);
    const ULONGLONG before = KeQueryInterruptTime();
    Sleep(50); // this thread is not held up by the work
    GUEST_TRUE(KeQueryInterruptTime() - before <= 800'000);
    GUEST_EQUAL(0, device.DpcTicks);
    GUEST_EQUAL(0, device.Note.Runs);
    GUEST_EQUAL(STATUS_SUCCESS, Wait(&device.Note.Done, 1000));
    GUEST_EQUAL(PASSIVE_LEVEL, device.Note.Irql);
    GUEST_EQUAL(1, device.Note.Runs);
}

namespace {

constexpr LONG Stuck = 8; ///< more items than the critical queue has threads

KEVENT Go;
volatile LONG Begun;
volatile LONG Ended;

void NTAPI Block(PVOID) {
    InterlockedIncrement(&Begun);
    (void)KeWaitForSingleObject(&Go, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    InterlockedIncrement(&Ended);
}

} // namespace

// SYS-09
GUEST_TEST(BlockedQueueGetsMoreThreads) {
    static WORK_QUEUE_ITEM items[Stuck];
    KeInitializeEvent(&Go, NotificationEvent, FALSE);
    for (WORK_QUEUE_ITEM& item : items) {
        ExInitializeWorkItem(&item, Block, nullptr);
        ExQueueWorkItem(&item, CriticalWorkQueue);
    }
    EX_WORK_QUEUE& queue = ExWorkerQueue[ULONG(CriticalWorkQueue)];
    Sleep(50);
    const LONG fixed = Begun; // the threads of the start
    GUEST_TRUE(fixed > 0 && fixed < Stuck);
    GUEST_EQUAL(0u, queue.WorkerQueue.CurrentCount);
    for (LONG second = 0; second < 3 * Stuck && Begun < Stuck; second++)
        Sleep(1000);
    GUEST_EQUAL(Stuck, Begun);
    GUEST_EQUAL(Stuck - fixed, queue.DynamicThreadCount);
    (void)KeSetEvent(&Go, 0, FALSE);
    Sleep(50);
    GUEST_EQUAL(Stuck, Ended);
}

namespace {
void NTAPI StayRaised(PVOID) { KfRaiseIrql(DISPATCH_LEVEL); }
} // namespace

// SYS-09
GUEST_TEST_BUGCHECK(ItemThatReturnsAtDispatchLevelStopsTheSystem, WORKER_THREAD_RETURNED_AT_BAD_IRQL) {
    NOTE note;
    Prepare(note, StayRaised);
    ExQueueWorkItem(&note.Item, DelayedWorkQueue);
    Sleep(100);
}

// SYS-09
GUEST_TEST_BUGCHECK(ItemQueuedTwiceStopsTheSystem, WORKER_INVALID) {
    (void)KeSetPriorityThread(KeGetCurrentThread(), 31); // no worker thread takes the first away
    static NOTE notes[40];
    for (NOTE& note : notes) // more than there are threads on all processors
        Prepare(note, TakeNote);
    for (NOTE& note : notes)
        ExQueueWorkItem(&note.Item, HyperCriticalWorkQueue);
    ExQueueWorkItem(&notes[39].Item, HyperCriticalWorkQueue);
}

namespace {
volatile LONG Seconds;
void NTAPI CountSecond(PVOID) { InterlockedIncrement(&Seconds); }
} // namespace

// SYS-11, SYS-12
GUEST_TEST(DutyRunsOnceASecond) {
    static EX_ONE_SECOND_DUTY duty = {CountSecond, nullptr, {}};
    ExRegisterOneSecondDuty(&duty);
    while (Seconds == 0)
        Sleep(10);
    Sleep(500); // half a period behind: the two are never due at the same tick of the clock, where either may be first
    for (LONG second = 2; second <= 5; second++) {
        Sleep(1000);
        GUEST_EQUAL(second, Seconds);
    }
    ExUnregisterOneSecondDuty(&duty);
    Sleep(1500);
    GUEST_EQUAL(5, Seconds);
}
