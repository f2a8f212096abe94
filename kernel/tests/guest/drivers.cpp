// What drivers share between processors: look-aside lists, mutexes, device queues.
#include "ex.h"
#include "guest_main.h"
#include "together.h"

namespace {

constexpr ULONG ROUNDS = 2000;

/// A block of a look-aside list: while it is taken, it carries its user's number.
struct BLOCK {
    PVOID Link;
    volatile ULONG User;
    ULONG Rest[14];
};

struct SHARED_LIST {
    NPAGED_LOOKASIDE_LIST List;
    volatile LONG Broken;
};

void UseBlocks(ULONG index, PVOID context) {
    auto& shared = *static_cast<SHARED_LIST*>(context);
    for (ULONG round = 0; round < ROUNDS; round++) {
        BLOCK* blocks[3];
        for (BLOCK*& block : blocks) {
            block = static_cast<BLOCK*>(ExAllocateFromNPagedLookasideList(&shared.List));
            if (block) block->User = index;
        }
        for (BLOCK* block : blocks) {
            if (!block) continue;
            if (block->User != index) InterlockedIncrement(&shared.Broken); // two users have it
            ExFreeToNPagedLookasideList(&shared.List, block);
        }
    }
}

struct COUNTED {
    KMUTEX Mutex;
    ULONG Count;
    volatile LONG Wrong;
};

void CountUnderMutex(ULONG, PVOID context) {
    auto& counted = *static_cast<COUNTED*>(context);
    for (ULONG i = 0; i < 200; i++) {
        (void)KeWaitForSingleObject(&counted.Mutex, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        if (!KeAreApcsDisabled()) InterlockedIncrement(&counted.Wrong);
        const ULONG count = counted.Count;
        if (i % 8 == 0) (void)KeYieldExecution();
        counted.Count = count + 1;
        if (KeReleaseMutex(&counted.Mutex, FALSE) != 0) InterlockedIncrement(&counted.Wrong);
    }
    if (KeAreApcsDisabled()) InterlockedIncrement(&counted.Wrong);
}

/// A device that serves one request at a time.
struct DEVICE {
    KDEVICE_QUEUE Queue;
    volatile LONG AtTheDevice;
    volatile LONG Served;
    volatile LONG Wrong;
};

void Serve(DEVICE& device, bool started) {
    while (started) {
        if (InterlockedIncrement(&device.AtTheDevice) != 1) InterlockedIncrement(&device.Wrong);
        InterlockedIncrement(&device.Served);
        InterlockedDecrement(&device.AtTheDevice);
        started = KeRemoveByKeyDeviceQueue(&device.Queue, 7) != nullptr;
    }
}

void SendRequests(ULONG index, PVOID context) {
    auto& device = *static_cast<DEVICE*>(context);
    static KDEVICE_QUEUE_ENTRY entries[GUEST_TOGETHER_MAXIMUM][64];
    for (ULONG i = 0; i < 64; i++) {
        nt::DispatchLevelGuard level;
        const bool waits = KeInsertByKeyDeviceQueue(&device.Queue, &entries[index][i], (i * 7 + index) % 16);
        Serve(device, !waits);
    }
}

} // namespace

// ARC-08, SYH-04: no block has two users, none is lost, and the list is as deep as it may be at most
GUEST_TEST(LookasideListsServeAllProcessors) {
    static SHARED_LIST shared;
    ExInitializeNPagedLookasideList(&shared.List, nullptr, nullptr, 0, sizeof(BLOCK), EX_TAG("Look"), 0);
    const ULONG threads = GuestTogether(UseBlocks, &shared);
    GUEST_EQUAL(0, shared.Broken);
    const GENERAL_LOOKASIDE& list = shared.List.L;
    GUEST_TRUE(list.TotalAllocates > 0 && list.TotalAllocates <= threads * ROUNDS * 3);
    GUEST_TRUE(list.AllocateMisses < list.TotalAllocates);
    GUEST_TRUE(ExQueryDepthSList(&shared.List.L.ListHead) <= list.MaximumDepth + threads);
    ExDeleteNPagedLookasideList(&shared.List);
    GUEST_EQUAL(0, ExQueryDepthSList(&shared.List.L.ListHead));
}

// ARC-08, SYS-14: a list that runs empty is deeper after the once-a-second scan
GUEST_TEST(ALookasideListThatLacksBlocksGrows) {
    PAGED_LOOKASIDE_LIST list;
    ExInitializePagedLookasideList(&list, nullptr, nullptr, 0, 64, EX_TAG("Look"), 0);
    PVOID blocks[12];
    for (PVOID& block : blocks)
        block = ExAllocateFromPagedLookasideList(&list);
    for (PVOID block : blocks)
        ExFreeToPagedLookasideList(&list, block);
    GUEST_EQUAL(LOOKASIDE_MINIMUM_DEPTH, ExQueryDepthSList(&list.L.ListHead));
    LARGE_INTEGER interval = KeRelativeMilliseconds(1500);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
    GUEST_TRUE(list.L.LastAllocateMisses == 12 && list.L.Depth > LOOKASIDE_MINIMUM_DEPTH);
    ExDeletePagedLookasideList(&list);
}

// DSP-04
GUEST_TEST(MutexesExcludeAndHoldApcsBack) {
    static COUNTED counted;
    KeInitializeMutex(&counted.Mutex, 0);
    const ULONG threads = GuestTogether(CountUnderMutex, &counted);
    GUEST_EQUAL(threads * 200, counted.Count);
    GUEST_EQUAL(0, counted.Wrong);
    GUEST_EQUAL(1, KeReadStateMutex(&counted.Mutex));
}

namespace {

void NTAPI EndWithMutex(PVOID context) {
    (void)KeWaitForSingleObject(context, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
}

} // namespace

// DSP-04
GUEST_TEST_BUGCHECK(AThreadMustNotEndWithAMutex, THREAD_TERMINATE_HELD_MUTEX) {
    static KMUTEX mutex;
    KeInitializeMutex(&mutex, 0);
    PETHREAD thread;
    GUEST_TRUE(NT_SUCCESS(PsStartSystemThread(&thread, "Owner", 8, EndWithMutex, &mutex)));
    (void)KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
}

// A request is at the device, or in the queue; two are never at the device.
GUEST_TEST(DeviceQueuesLetOneRequestThrough) {
    static DEVICE device;
    KeInitializeDeviceQueue(&device.Queue);
    const ULONG threads = GuestTogether(SendRequests, &device);
    GUEST_EQUAL(threads * 64, device.Served);
    GUEST_EQUAL(0, device.Wrong);
    GUEST_TRUE(!device.Queue.Busy && IsListEmpty(&device.Queue.DeviceListHead));
}

namespace {

constexpr ULONG CALLED_BACK = 0x4D434231; // what the routine below makes of the bugcheck

void NTAPI ChangeTheCode(PVOID buffer, ULONG length) {
    if (buffer == &KiBugCheckData && length == 4 && KeGetCurrentIrql() == HIGH_LEVEL) KiBugCheckData[0] = CALLED_BACK;
}

} // namespace

// TRP-09: the routine has run when the system stands still, and the code that it wrote shows it
GUEST_TEST_BUGCHECK(ABugcheckCallsTheDriverBack, CALLED_BACK) {
    static KBUGCHECK_CALLBACK_RECORD record;
    KeInitializeCallbackRecord(&record);
    GUEST_TRUE(KeRegisterBugCheckCallback(&record, ChangeTheCode, &KiBugCheckData, 4,
                                          reinterpret_cast<const UCHAR*>("drivers")));
    KeBugCheckEx(MANUALLY_INITIATED_CRASH, 0, 0, 0, 0);
}

// SCH-18: the thread is on each processor in turn, and then again where it may be by itself
GUEST_TEST(AThreadVisitsEveryProcessor) {
    KTHREAD* const thread = KeGetCurrentThread();
    const KAFFINITY before = thread->Affinity;
    for (ULONG number = 0; number < ULONG(KeNumberProcessors); number++) {
        KeSetSystemAffinityThread(1u << number);
        GUEST_EQUAL(number, KeGetCurrentProcessorNumber());
        GUEST_TRUE(KeSetAffinityThread(thread, before) == before); // holds afterwards
        GUEST_EQUAL(number, KeGetCurrentProcessorNumber());
    }
    KeRevertToUserAffinityThread();
    GUEST_TRUE(thread->Affinity == before && !thread->SystemAffinityActive);
    GUEST_TRUE(KeQueryActiveProcessors() == (1u << ULONG(KeNumberProcessors)) - 1);
}

// DSP-09: the older names
GUEST_TEST(ATimerThatRunsOnceByItsOlderNames) {
    KTIMER timer;
    KeInitializeTimer(&timer);
    GUEST_TRUE(!KeSetTimer(&timer, KeRelativeMilliseconds(20), nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, KeWaitForSingleObject(&timer, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr));
    GUEST_TRUE(KeReadStateTimer(&timer)); // a notification timer stays signaled
    LARGE_INTEGER now, local, back;
    KeQuerySystemTime(&now);
    ExSystemTimeToLocalTime(&now, &local);
    ExLocalTimeToSystemTime(&local, &back);
    GUEST_TRUE(back.QuadPart == now.QuadPart);
}

// SYS-02
GUEST_TEST(ADriverKnowsWhereItRuns) {
    GUEST_TRUE(PsGetCurrentProcess() == PsInitialSystemProcess);
    GUEST_EQUAL(4, reinterpret_cast<ULONG_PTR>(PsGetCurrentProcessId()));
    const auto* const thread = CONTAINING_RECORD(KeGetCurrentThread(), ETHREAD, Tcb);
    GUEST_TRUE(PsGetCurrentThreadId() == PsGetThreadId(thread) && PsGetThreadId(thread) != nullptr);
    GUEST_TRUE(PsGetProcessId(PsIdleProcess) == nullptr && PsIsSystemThread(thread));
    GUEST_EQUAL(KernelMode, ExGetPreviousMode());
    ULONG major = 0, minor = 0, build = 0;
    UNICODE_STRING pack;
    (void)PsGetVersion(&major, &minor, &build, &pack);
    GUEST_TRUE(major == 5 && minor == 2 && build == 3790 && pack.Length == 0);
}

// TOL-06
GUEST_TEST(TheFilterLetsErrorsPass) {
    constexpr ULONG COMPONENT = 77;
    const auto passes = [](ULONG level) { return static_cast<LONG>(DbgQueryDebugFilterState(COMPONENT, level)); };
    GUEST_TRUE(passes(DPFLTR_ERROR_LEVEL) == 1 && passes(DPFLTR_INFO_LEVEL) == 0);
    GUEST_EQUAL(0, DbgPrintEx(COMPONENT, DPFLTR_INFO_LEVEL, "%s", "this is not printed\n"));
    GUEST_EQUAL(STATUS_SUCCESS, DbgSetDebugFilterState(COMPONENT, DPFLTR_INFO_LEVEL, TRUE));
    GUEST_TRUE(passes(DPFLTR_INFO_LEVEL) == 1 && passes(DPFLTR_TRACE_LEVEL) == 0);
    GUEST_TRUE(passes(1u << DPFLTR_INFO_LEVEL | 1u << 31) == 1); // a mask: one bit is enough
    GUEST_EQUAL(STATUS_SUCCESS, DbgSetDebugFilterState(COMPONENT, ~0u, FALSE));
    GUEST_TRUE(passes(DPFLTR_INFO_LEVEL) == 0 && passes(DPFLTR_ERROR_LEVEL) == 1);
    GUEST_TRUE(DbgQueryDebugFilterState(4000, 0) == STATUS_INVALID_PARAMETER);
}
