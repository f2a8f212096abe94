// Dispatcher objects and waits on the real machine: several threads, real switches, real time.
// DSP-01, DSP-12, DSP-14
#include "ps.h"

#include "guest_main.h"

namespace {

constexpr KPRIORITY Below = 6; // the tests' own thread runs at 8 or above

NTSTATUS Wait(PVOID object, LONG milliseconds = 1000) {
    LARGE_INTEGER timeout = KeRelativeMilliseconds(milliseconds);
    return KeWaitForSingleObject(object, KWAIT_REASON::Executive, KernelMode, FALSE, &timeout);
}

NTSTATUS WaitMany(ULONG count, PVOID objects[], WAIT_TYPE type, LONG milliseconds, PKWAIT_BLOCK blocks = nullptr) {
    LARGE_INTEGER timeout = KeRelativeMilliseconds(milliseconds);
    return KeWaitForMultipleObjects(count, objects, type, KWAIT_REASON::Executive, KernelMode, FALSE, &timeout, blocks);
}

void Sleep(LONG milliseconds) {
    LARGE_INTEGER interval = KeRelativeMilliseconds(milliseconds);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

/// A thread that waits for one object and counts.
struct WAITER {
    PVOID Object;
    volatile LONG* Released;
    NTSTATUS Status;
    PETHREAD Thread;
};

void NTAPI WaitOnce(PVOID StartContext) {
    auto& waiter = *static_cast<WAITER*>(StartContext);
    waiter.Status = KeWaitForSingleObject(waiter.Object, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    InterlockedIncrement(waiter.Released);
}

void Start(WAITER& waiter, PVOID object, volatile LONG* released) {
    waiter.Object = object;
    waiter.Released = released;
    GUEST_EQUAL(STATUS_SUCCESS, PsStartSystemThread(&waiter.Thread, "Waiter", Below, WaitOnce, &waiter));
}

void Join(WAITER& waiter) {
    GUEST_EQUAL(STATUS_SUCCESS, Wait(waiter.Thread));
    PsDereferenceThread(waiter.Thread);
}

} // namespace

// DSP-02
GUEST_TEST(NotificationEventReleasesEveryWaiter) {
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    volatile LONG released = 0;
    WAITER waiters[3];
    for (WAITER& waiter : waiters)
        Start(waiter, &event, &released);
    Sleep(30);
    GUEST_EQUAL(0, released);
    GUEST_EQUAL(0, KeSetEvent(&event, 0, FALSE));
    for (WAITER& waiter : waiters)
        Join(waiter);
    GUEST_EQUAL(3, released);
    GUEST_EQUAL(1, KeReadStateEvent(&event));
    GUEST_EQUAL(1, KeResetEvent(&event));
    GUEST_EQUAL(STATUS_TIMEOUT, Wait(&event, 0));
}

// DSP-03
GUEST_TEST(SynchronizationEventReleasesOneWaiterASignal) {
    KEVENT event;
    KeInitializeEvent(&event, SynchronizationEvent, FALSE);
    volatile LONG released = 0;
    WAITER waiters[3];
    for (WAITER& waiter : waiters)
        Start(waiter, &event, &released);
    Sleep(30);
    for (LONG i = 1; i <= 3; i++) {
        (void)KeSetEvent(&event, 0, FALSE);
        Sleep(30);
        GUEST_EQUAL(i, released);
        GUEST_EQUAL(0, KeReadStateEvent(&event));
    }
    for (WAITER& waiter : waiters)
        Join(waiter);
}

// DSP-05
GUEST_TEST(SemaphoreLetsAsManyThroughAsItHasUnits) {
    KSEMAPHORE semaphore;
    KeInitializeSemaphore(&semaphore, 0, 2);
    volatile LONG released = 0;
    WAITER waiters[3];
    for (WAITER& waiter : waiters)
        Start(waiter, &semaphore, &released);
    Sleep(30);
    GUEST_EQUAL(0, KeReleaseSemaphore(&semaphore, 0, 2, FALSE));
    Sleep(30);
    GUEST_EQUAL(2, released);
    GUEST_EQUAL(0, KeReleaseSemaphore(&semaphore, 0, 1, FALSE));
    for (WAITER& waiter : waiters)
        Join(waiter);
    GUEST_EQUAL(0, KeReadStateSemaphore(&semaphore));
}

// DSP-05, EXC-03
GUEST_TEST(SemaphoreBeyondItsLimitRaisesAndChangesNothing) {
    KSEMAPHORE semaphore;
    KeInitializeSemaphore(&semaphore, 1, 2);
    volatile bool raised = false;
    __try {
        (void)KeReleaseSemaphore(&semaphore, 0, 2, FALSE);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        raised = true;
    }
    GUEST_TRUE(raised);
    GUEST_EQUAL(1, KeReadStateSemaphore(&semaphore));
    GUEST_EQUAL(PASSIVE_LEVEL, KeGetCurrentIrql());
}

// DSP-04
GUEST_TEST(MutantIsRecursiveAndBelongsToItsOwner) {
    KMUTANT mutant;
    KeInitializeMutant(&mutant, FALSE);
    GUEST_EQUAL(STATUS_SUCCESS, Wait(&mutant));
    GUEST_EQUAL(STATUS_SUCCESS, Wait(&mutant));
    GUEST_EQUAL(-1, KeReadStateMutant(&mutant));
    GUEST_EQUAL(KeGetCurrentThread(), mutant.OwnerThread);
    volatile LONG released = 0;
    WAITER waiter;
    Start(waiter, &mutant, &released);
    (void)KeReleaseMutant(&mutant, 0, FALSE, FALSE);
    Sleep(30);
    GUEST_EQUAL(0, released);
    (void)KeReleaseMutant(&mutant, 0, FALSE, FALSE);
    Join(waiter);
    GUEST_EQUAL(1, released);
}

// DSP-04
GUEST_TEST(MutantOfAnEndedThreadIsAbandonedToTheNextWaiter) {
    KMUTANT mutant;
    KeInitializeMutant(&mutant, FALSE);
    volatile LONG released = 0;
    WAITER owner;
    Start(owner, &mutant, &released); // takes it and ends without releasing
    Join(owner);
    GUEST_EQUAL(STATUS_ABANDONED, Wait(&mutant));
    GUEST_EQUAL(KeGetCurrentThread(), mutant.OwnerThread);
    GUEST_EQUAL(0, KeReleaseMutant(&mutant, 0, FALSE, FALSE));
    GUEST_EQUAL(STATUS_SUCCESS, Wait(&mutant));
    (void)KeReleaseMutant(&mutant, 0, FALSE, FALSE);
}

// DSP-13, DSP-14
GUEST_TEST(WaitAllTakesNothingUntilItCanTakeAll) {
    KEVENT first, second;
    KeInitializeEvent(&first, SynchronizationEvent, TRUE);
    KeInitializeEvent(&second, SynchronizationEvent, FALSE);
    PVOID objects[] = {&first, &second};
    GUEST_EQUAL(STATUS_TIMEOUT, WaitMany(2, objects, WaitAll, 30));
    GUEST_EQUAL(1, KeReadStateEvent(&first));
    (void)KeSetEvent(&second, 0, FALSE);
    GUEST_EQUAL(STATUS_SUCCESS, WaitMany(2, objects, WaitAll, 30));
    GUEST_EQUAL(0, KeReadStateEvent(&first));
    GUEST_EQUAL(0, KeReadStateEvent(&second));
}

// DSP-13, DSP-16
GUEST_TEST(WaitAnyOfSixtyFourNamesTheOneThatWasSignaled) {
    static KEVENT events[MAXIMUM_WAIT_OBJECTS];
    static KWAIT_BLOCK blocks[MAXIMUM_WAIT_OBJECTS];
    PVOID objects[MAXIMUM_WAIT_OBJECTS];
    for (ULONG i = 0; i < MAXIMUM_WAIT_OBJECTS; i++) {
        KeInitializeEvent(&events[i], SynchronizationEvent, FALSE);
        objects[i] = &events[i];
    }
    GUEST_EQUAL(STATUS_TIMEOUT, WaitMany(MAXIMUM_WAIT_OBJECTS, objects, WaitAny, 20, blocks));
    const ULONG chosen[] = {63, 0, 17};
    for (ULONG i : chosen) {
        (void)KeSetEvent(&events[i], 0, FALSE);
        GUEST_EQUAL(LONG(i), LONG(WaitMany(MAXIMUM_WAIT_OBJECTS, objects, WaitAny, 20, blocks)));
    }
    for (KEVENT& event : events)
        GUEST_TRUE(IsListEmpty(&event.Header.WaitListHead));
}

// DSP-16
GUEST_TEST_BUGCHECK(SixtyFiveObjectsAreTooMany, MAXIMUM_WAIT_OBJECTS_EXCEEDED) {
    static KEVENT event;
    static KWAIT_BLOCK blocks[MAXIMUM_WAIT_OBJECTS + 1];
    static PVOID objects[MAXIMUM_WAIT_OBJECTS + 1];
    KeInitializeEvent(&event, NotificationEvent, TRUE);
    for (PVOID& object : objects)
        object = &event;
    (void)WaitMany(MAXIMUM_WAIT_OBJECTS + 1, objects, WaitAny, 20, blocks);
}

// INT-09, DSP-09
GUEST_TEST(TimeoutLastsAsLongAsItSaysAndNotLess) {
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    const LONG durations[] = {10, 50, 200};
    for (LONG milliseconds : durations) {
        const ULONGLONG before = KeQueryInterruptTime();
        GUEST_EQUAL(STATUS_TIMEOUT, Wait(&event, milliseconds));
        const ULONGLONG passed = KeQueryInterruptTime() - before;
        GUEST_TRUE(passed >= ULONGLONG(milliseconds) * 10'000);
        GUEST_TRUE(passed <= ULONGLONG(milliseconds) * 10'000 + 2 * KeQueryTimeIncrement());
    }
}

// DSP-09, HAL-07
GUEST_TEST(AbsoluteTimerExpiresAtItsSystemTime) {
    KTIMER timer;
    KeInitializeTimer(&timer);
    LARGE_INTEGER due;
    KeQuerySystemTime(&due);
    due.QuadPart += 100 * 10'000;
    (void)KeSetTimer(&timer, due, nullptr);
    GUEST_EQUAL(STATUS_SUCCESS, Wait(&timer));
    LARGE_INTEGER now;
    KeQuerySystemTime(&now);
    GUEST_TRUE(now.QuadPart >= due.QuadPart);
    GUEST_TRUE(now.QuadPart <= due.QuadPart + 2 * LONGLONG(KeQueryTimeIncrement()));
    GUEST_TRUE(KeReadStateTimer(&timer));
}
