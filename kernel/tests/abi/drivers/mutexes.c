/* Mutexes and semaphores: ownership, recursion, counts, the queue of their waiters. */
#include "driver.h"

#define THREADS 4
#define ROUNDS 100

GUARDED(KMUTEX, Mutex);
GUARDED(KSEMAPHORE, Semaphore);
GUARDED(KSEMAPHORE, Slots);
GUARDED(KEVENT, Held);
GUARDED(KEVENT, Release);
static LONG Inside, Sum;
static volatile LONG Most, In;

static VOID NTAPI Adder(PVOID context)
{
    int i;
    UNREFERENCED_PARAMETER(context);
    for (i = 0; i < ROUNDS; i++) {
        CHECK(KeWaitForMutexObject(&Mutex.It, Executive, KernelMode, FALSE, NULL) == STATUS_SUCCESS);
        CHECK(Inside++ == 0);
        CHECK(KeWaitForSingleObject(&Mutex.It, Executive, KernelMode, FALSE, NULL) == STATUS_SUCCESS);
        Sum++;
        CHECK(KeReleaseMutex(&Mutex.It, FALSE) != 0);
        CHECK(--Inside == 0);
        CHECK(KeReleaseMutex(&Mutex.It, FALSE) == 0);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI Holder(PVOID context)
{
    UNREFERENCED_PARAMETER(context);
    KeWaitForSingleObject(&Mutex.It, Executive, KernelMode, FALSE, NULL);
    KeSetEvent(&Held.It, 0, FALSE);
    KeWaitForSingleObject(&Release.It, Executive, KernelMode, FALSE, NULL);
    KeReleaseMutex(&Mutex.It, FALSE);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI Guest(PVOID context)
{
    int i;
    UNREFERENCED_PARAMETER(context);
    for (i = 0; i < ROUNDS / 4; i++) {
        LONG in;
        KeWaitForSingleObject(&Slots.It, Executive, KernelMode, FALSE, NULL);
        in = InterlockedIncrement(&In);
        if (in > Most) Most = in;
        CHECK(in <= 2);
        if (i % 8 == 0) Sleep(1);
        InterlockedDecrement(&In);
        KeReleaseSemaphore(&Slots.It, 0, 1, FALSE);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void Together(PKSTART_ROUTINE routine)
{
    PVOID threads[THREADS];
    int i;
    for (i = 0; i < THREADS; i++)
        threads[i] = StartThread(routine, NULL);
    for (i = 0; i < THREADS; i++)
        EndThread(threads[i]);
}

static void Run(void)
{
    PVOID thread;
    GUARD(Mutex);
    GUARD(Semaphore);
    GUARD(Slots);
    GUARD(Held);
    GUARD(Release);
    KeInitializeMutex(&Mutex.It, 0);
    CHECK(KeReadStateMutex(&Mutex.It) == 1);
    Together(Adder);
    CHECK(Sum == THREADS * ROUNDS);

    KeInitializeEvent(&Held.It, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Release.It, SynchronizationEvent, FALSE);
    thread = StartThread(Holder, NULL);
    KeWaitForSingleObject(&Held.It, Executive, KernelMode, FALSE, NULL);
    CHECK(KeReadStateMutex(&Mutex.It) == 0);
    CHECK(WaitFor(&Mutex.It, MILLISECONDS(10)) == STATUS_TIMEOUT);
    KeSetEvent(&Release.It, 0, FALSE);
    CHECK(WaitFor(&Mutex.It, MILLISECONDS(5000)) == STATUS_SUCCESS);
    CHECK(KeAreApcsDisabled());
    KeReleaseMutex(&Mutex.It, FALSE);
    CHECK(!KeAreApcsDisabled());
    EndThread(thread);

    KeInitializeSemaphore(&Semaphore.It, 1, 3);
    CHECK(KeReadStateSemaphore(&Semaphore.It) == 1 && Semaphore.It.Limit == 3);
    CHECK(KeReleaseSemaphore(&Semaphore.It, 0, 2, FALSE) == 1);
    CHECK(WaitFor(&Semaphore.It, 0) == STATUS_SUCCESS && WaitFor(&Semaphore.It, 0) == STATUS_SUCCESS);
    CHECK(WaitFor(&Semaphore.It, 0) == STATUS_SUCCESS && WaitFor(&Semaphore.It, 0) == STATUS_TIMEOUT);
    KeInitializeSemaphore(&Slots.It, 2, 2);
    Together(Guest);
    CHECK(Most >= 1 && KeReadStateSemaphore(&Slots.It) == 2);
}
