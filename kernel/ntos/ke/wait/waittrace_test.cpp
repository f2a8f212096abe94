// The events of waits and of contended locks, as the timeline reads them.
#include "ex.h"
#include "ke/ki.h"
#include "waits.h"

#include <algorithm>

using namespace host;
using WaitTraceTest = KernelTest;

namespace {

ULONG_PTR Address(const void* pointer) { return reinterpret_cast<ULONG_PTR>(pointer); }

/// The events of these kinds whose argument `which` is `value`.
std::vector<Event> Of(const Machine& machine, std::vector<ETW_EVENT> kinds, int which, const void* value) {
    std::vector<Event> found;
    for (const Event& event : machine.Events())
        if (event.Argument[which] == Address(value) && std::find(kinds.begin(), kinds.end(), event.Kind) != kinds.end())
            found.push_back(event);
    return found;
}

} // namespace

// TOL-03, DSP-12
TEST_F(WaitTraceTest, WaitNamesItsObjectsBetweenItsBeginningAndTheState) {
    Run([&] {
        KEVENT event;
        KSEMAPHORE semaphore;
        KeInitializeEvent(&event, SynchronizationEvent, FALSE);
        KeInitializeSemaphore(&semaphore, 0, 5);
        PVOID objects[] = {&semaphore, &event};
        Thread* const waiter = machine->Spawn(9, [&] {
            LARGE_INTEGER timeout = Ticks(1000);
            (void)KeWaitForMultipleObjects(2, objects, WaitAll, KWAIT_REASON::Executive, KernelMode, FALSE, &timeout,
                                           nullptr);
        });
        using enum ETW_EVENT;
        const auto seen = Of(*machine, {Wait, WaitObject, ThreadState}, 0, &waiter->Tcb);
        ASSERT_GE(seen.size(), 4u);
        const auto* const last = &seen[seen.size() - 4];
        EXPECT_EQ(last[0].Kind, Wait);
        EXPECT_EQ(last[1].Kind, WaitObject);
        EXPECT_EQ(last[1].Argument[1], Address(&semaphore));
        EXPECT_EQ(last[1].Argument[2], 0u);
        EXPECT_EQ(last[1].Argument[3], ULONG_PTR(KOBJECTS::SemaphoreObject));
        EXPECT_EQ(last[2].Argument[1], Address(&event));
        EXPECT_EQ(last[2].Argument[2], 1u);
        EXPECT_EQ(last[3].Kind, ThreadState) << "the time-out's timer is no object of the wait";
        EXPECT_EQ(last[3].Argument[2], ULONG_PTR(KTHREAD_STATE::Waiting));
        KeSetEvent(&event, 0, FALSE);
        KeReleaseSemaphore(&semaphore, 0, 1, FALSE);
    });
}

// TOL-03
TEST_F(WaitTraceTest, SleepHasNoObject) {
    Run([&] {
        Thread* const sleeper = machine->Spawn(9, [&] {
            LARGE_INTEGER interval = Ticks(1);
            (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
        });
        EXPECT_EQ(Of(*machine, {ETW_EVENT::Wait}, 0, &sleeper->Tcb).size(), 1u);
        EXPECT_TRUE(Of(*machine, {ETW_EVENT::WaitObject}, 0, &sleeper->Tcb).empty());
    });
}

// TOL-03, DSP-20
TEST_F(WaitTraceTest, ContendedResourceTellsWhoWaitsAndWhoGaveItBack) {
    Run([&] {
        ERESOURCE resource;
        ASSERT_TRUE(NT_SUCCESS(ExInitializeResourceLite(&resource)));
        using enum ETW_EVENT;
        const std::vector<ETW_EVENT> kinds = {LockWait, LockAcquire, LockRelease};
        KeEnterCriticalRegion();
        ExAcquireResourceExclusiveLite(&resource, TRUE);
        ExReleaseResourceLite(&resource);
        EXPECT_TRUE(Of(*machine, kinds, 0, &resource).empty()) << "nobody waited";

        ExAcquireResourceExclusiveLite(&resource, TRUE);
        Thread* const waiter = machine->Spawn(9, [&] {
            KeEnterCriticalRegion();
            ExAcquireResourceSharedLite(&resource, TRUE);
            ExReleaseResourceLite(&resource);
            KeLeaveCriticalRegion();
        });
        const KTHREAD* const self = KeGetCurrentThread();
        ExReleaseResourceLite(&resource);
        KeLeaveCriticalRegion();

        const auto seen = Of(*machine, kinds, 0, &resource);
        ASSERT_EQ(seen.size(), 3u);
        EXPECT_EQ(seen[0].Kind, LockWait);
        EXPECT_EQ(seen[0].Argument[1], ULONG_PTR(ETW_LOCK::ResourceShared));
        EXPECT_EQ(seen[0].Argument[2], Address(&waiter->Tcb));
        EXPECT_EQ(seen[1].Kind, LockRelease);
        EXPECT_EQ(seen[1].Argument[1], ULONG_PTR(ETW_LOCK::ResourceExclusive));
        EXPECT_EQ(seen[1].Argument[2], Address(self));
        EXPECT_EQ(seen[1].Argument[3], 1u);
        EXPECT_EQ(seen[2].Kind, LockAcquire);
        EXPECT_EQ(seen[2].Argument[2], Address(&waiter->Tcb));
    });
}
