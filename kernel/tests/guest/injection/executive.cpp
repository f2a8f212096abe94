// Threads, locks that wait, timers, worker threads and pool, while allocations fail.
#include "ex.h"
#include "ps.h"
#include "rtl/exception.h"
#include "rtl/ustring.h"

#include "work.h"

namespace {

constexpr ULONG TestTag = EX_TAG("Test");

} // namespace

void NTAPI Nothing(PVOID) {}
void NTAPI WaitForEver(PVOID) {
    for (;;) {
        LARGE_INTEGER second = KeRelativeMilliseconds(1000);
        (void)KeDelayExecutionThread(KernelMode, FALSE, &second);
    }
}

void Threads() {
    for (ULONG i = 0; i < 40; i++) {
        PETHREAD thread;
        if (!WELL(PsStartSystemThread(&thread, "Injected", 9, i % 2 ? WaitForEver : Nothing, nullptr))) continue;
        if (i % 2) {
            while (!NT_SUCCESS(PspTerminateThreadByPointer(thread, STATUS_SUCCESS))) {} // only one attempt fails
        }
        (void)KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        PsDereferenceThread(thread);
    }
    for (ULONG i = 0; i < 8; i++) {
        HANDLE handle;
        if (!WELL(PsCreateSystemThread(&handle, 0, nullptr, nullptr, nullptr, Nothing, nullptr))) continue;
        PVOID thread;
        if (WELL(ObReferenceObjectByHandle(handle, 0, nullptr, KernelMode, &thread, nullptr))) {
            (void)KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
            ObfDereferenceObject(thread);
        }
        (void)WELL(ZwClose(handle));
    }
}

/// Threads that want a resource, shared and exclusive.
struct CROWD {
    ERESOURCE Resource;
    volatile LONG Held;
};

void NTAPI UseResource(PVOID context) {
    auto& crowd = *static_cast<CROWD*>(context);
    for (ULONG i = 0; i < 6; i++) {
        KeEnterCriticalRegion();
        const bool exclusive = i % 3 == 0;
        (void)(exclusive ? ExAcquireResourceExclusiveLite(&crowd.Resource, TRUE)
                         : ExAcquireResourceSharedLite(&crowd.Resource, TRUE));
        (void)InterlockedIncrement(&crowd.Held);
        (void)KeYieldExecution();
        ExReleaseResourceLite(&crowd.Resource);
        KeLeaveCriticalRegion();
    }
}

void Resources() {
    CROWD crowd{};
    (void)WELL(ExInitializeResourceLite(&crowd.Resource));
    PETHREAD threads[5];
    ULONG count = 0;
    for (ULONG i = 0; i < 5; i++)
        count += WELL(PsStartSystemThread(&threads[count], "Crowd", 9, UseResource, &crowd));
    for (ULONG i = 0; i < count; i++) {
        (void)KeWaitForSingleObject(threads[i], KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        PsDereferenceThread(threads[i]);
    }
    MUST(crowd.Held == LONG(count * 6));
    (void)WELL(ExDeleteResourceLite(&crowd.Resource));
}

void NTAPI SetEvent(PVOID event) { (void)KeSetEvent(static_cast<KEVENT*>(event), 0, FALSE); }

void TimersAndWorkers() {
    KEVENT done;
    KeInitializeEvent(&done, NotificationEvent, FALSE);
    constexpr WORK_QUEUE_TYPE queues[] = {CriticalWorkQueue, DelayedWorkQueue, HyperCriticalWorkQueue};
    for (const WORK_QUEUE_TYPE queue : queues) {
        WORK_QUEUE_ITEM item{{}, SetEvent, &done};
        ExQueueWorkItem(&item, queue);
        (void)KeWaitForSingleObject(&done, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        KeClearEvent(&done);
    }
    KTIMER timer;
    KeInitializeTimer(&timer);
    (void)KeSetTimer(&timer, KeRelativeMilliseconds(1), nullptr);
    (void)KeWaitForSingleObject(&timer, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
}

void Pools() {
    PVOID blocks[24] = {};
    ULONG count = 0;
    for (SIZE_T bytes = 8; bytes < 5 * PAGE_SIZE; bytes *= 3) {
        blocks[count++] = ExAllocatePoolWithTag(PagedPool, bytes, TestTag);
        blocks[count++] = ExAllocatePoolWithTag(NonPagedPool, bytes, TestTag);
        blocks[count++] = ExAllocatePoolWithQuotaTag(NonPagedPool | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE, bytes, TestTag);
    }
    for (PVOID block : blocks) {
        if (block) ExFreePoolWithTag(block, TestTag);
    }
    NTSTATUS status = STATUS_SUCCESS;
    PVOID raised = nullptr;
    __try {
        raised = ExAllocatePoolWithQuotaTag(PagedPool, 100, TestTag);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    if (WELL(status)) ExFreePoolWithTag(raised, TestTag);
    NPAGED_LOOKASIDE_LIST list;
    ExInitializeNPagedLookasideList(&list, nullptr, nullptr, 0, 200, TestTag, 0);
    if (PVOID const block = ExAllocateFromNPagedLookasideList(&list)) ExFreeToNPagedLookasideList(&list, block);
    ExDeleteNPagedLookasideList(&list);
    UNICODE_STRING unicode;
    ANSI_STRING ansi;
    RtlInitAnsiString(&ansi, "a string that takes pool");
    if (WELL(RtlAnsiStringToUnicodeString(&unicode, &ansi, TRUE))) {
        ANSI_STRING back;
        if (WELL(RtlUnicodeStringToAnsiString(&back, &unicode, TRUE))) RtlFreeAnsiString(&back);
        RtlFreeUnicodeString(&unicode);
    }
}
