/* Resources, fast and guarded mutexes, rundown references, critical and guarded regions. */
#include "driver.h"

#define THREADS 4
#define ROUNDS 100

GUARDED(ERESOURCE, Resource);
GUARDED(FAST_MUTEX, Fast);
GUARDED(KGUARDED_MUTEX, Guarded);
GUARDED(EX_RUNDOWN_REF, Rundown);
GUARDED(KEVENT, Ready);
GUARDED(KEVENT, Go);
static LONG UnderResource, UnderFast, UnderGuarded;
static volatile LONG Readers, Writers;

static VOID NTAPI Worker(PVOID context)
{
    int i;
    UNREFERENCED_PARAMETER(context);
    for (i = 0; i < ROUNDS; i++) {
        KeEnterCriticalRegion();
        CHECK(ExAcquireResourceExclusiveLite(&Resource.It, TRUE));
        CHECK(InterlockedIncrement(&Writers) == 1 && Readers == 0);
        CHECK(ExIsResourceAcquiredExclusiveLite(&Resource.It));
        UnderResource++;
        InterlockedDecrement(&Writers);
        InterlockedIncrement(&Readers);
        ExConvertExclusiveToSharedLite(&Resource.It);
        CHECK(ExIsResourceAcquiredSharedLite(&Resource.It) == 1);
        InterlockedDecrement(&Readers);
        ExReleaseResourceLite(&Resource.It);
        CHECK(ExAcquireResourceSharedLite(&Resource.It, TRUE));
        InterlockedIncrement(&Readers);
        CHECK(Writers == 0);
        InterlockedDecrement(&Readers);
        ExReleaseResourceLite(&Resource.It);
        KeLeaveCriticalRegion();

        ExAcquireFastMutex(&Fast.It);
        CHECK(KeGetCurrentIrql() == APC_LEVEL);
        UnderFast++;
        ExReleaseFastMutex(&Fast.It);

        KeAcquireGuardedMutex(&Guarded.It);
        CHECK(KeAreAllApcsDisabled());
        UnderGuarded++;
        KeReleaseGuardedMutex(&Guarded.It);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI Reader(PVOID context)
{
    UNREFERENCED_PARAMETER(context);
    KeEnterCriticalRegion();
    CHECK(!ExAcquireResourceExclusiveLite(&Resource.It, FALSE));
    CHECK(ExAcquireSharedStarveExclusive(&Resource.It, TRUE));
    KeSetEvent(&Ready.It, 0, FALSE);
    KeWaitForSingleObject(&Go.It, Executive, KernelMode, FALSE, NULL);
    ExReleaseResourceLite(&Resource.It);
    KeLeaveCriticalRegion();
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI Referrer(PVOID context)
{
    UNREFERENCED_PARAMETER(context);
    CHECK(ExAcquireRundownProtection(&Rundown.It));
    KeSetEvent(&Ready.It, 0, FALSE);
    KeWaitForSingleObject(&Go.It, Executive, KernelMode, FALSE, NULL);
    ExReleaseRundownProtection(&Rundown.It);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void OneThread(void)
{
    KeEnterCriticalRegion();
    CHECK(ExAcquireResourceExclusiveLite(&Resource.It, FALSE) && ExAcquireResourceExclusiveLite(&Resource.It, FALSE));
    CHECK(ExAcquireResourceSharedLite(&Resource.It, FALSE));
    CHECK(ExGetSharedWaiterCount(&Resource.It) == 0 && ExGetExclusiveWaiterCount(&Resource.It) == 0);
    ExReleaseResourceLite(&Resource.It);
    ExReleaseResourceLite(&Resource.It);
    CHECK(ExIsResourceAcquiredExclusiveLite(&Resource.It));
    ExReleaseResourceForThreadLite(&Resource.It, ExGetCurrentResourceThread());
    CHECK(!ExIsResourceAcquiredExclusiveLite(&Resource.It));
    KeLeaveCriticalRegion();
    CHECK(ExTryToAcquireFastMutex(&Fast.It));
    CHECK(KeGetCurrentIrql() == APC_LEVEL);
    ExReleaseFastMutex(&Fast.It);
    KeEnterCriticalRegion();
    ExAcquireFastMutexUnsafe(&Fast.It);
    CHECK(KeGetCurrentIrql() == PASSIVE_LEVEL);
    ExReleaseFastMutexUnsafe(&Fast.It);
    KeLeaveCriticalRegion();
    CHECK(KeTryToAcquireGuardedMutex(&Guarded.It));
    KeReleaseGuardedMutex(&Guarded.It);
    KeEnterGuardedRegion();
    CHECK(KeAreAllApcsDisabled());
    KeAcquireGuardedMutexUnsafe(&Guarded.It);
    KeReleaseGuardedMutexUnsafe(&Guarded.It);
    KeLeaveGuardedRegion();
    CHECK(!KeAreAllApcsDisabled() && !KeAreApcsDisabled());
}

static void Run(void)
{
    PVOID threads[THREADS], thread;
    int i;
    GUARD(Resource);
    GUARD(Fast);
    GUARD(Guarded);
    GUARD(Rundown);
    GUARD(Ready);
    GUARD(Go);
    CHECK(NT_SUCCESS(ExInitializeResourceLite(&Resource.It)));
    ExInitializeFastMutex(&Fast.It);
    KeInitializeGuardedMutex(&Guarded.It);
    ExInitializeRundownProtection(&Rundown.It);
    KeInitializeEvent(&Ready.It, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Go.It, SynchronizationEvent, FALSE);
    OneThread();
    for (i = 0; i < THREADS; i++)
        threads[i] = StartThread(Worker, NULL);
    for (i = 0; i < THREADS; i++)
        EndThread(threads[i]);
    CHECK(UnderResource == THREADS * ROUNDS && UnderFast == THREADS * ROUNDS && UnderGuarded == THREADS * ROUNDS);

    KeEnterCriticalRegion();
    CHECK(ExAcquireResourceSharedLite(&Resource.It, TRUE));
    thread = StartThread(Reader, NULL);
    KeWaitForSingleObject(&Ready.It, Executive, KernelMode, FALSE, NULL);
    ExReleaseResourceLite(&Resource.It);
    CHECK(!ExAcquireResourceExclusiveLite(&Resource.It, FALSE));
    KeSetEvent(&Go.It, 0, FALSE);
    CHECK(ExAcquireResourceExclusiveLite(&Resource.It, TRUE));
    ExReleaseResourceLite(&Resource.It);
    KeLeaveCriticalRegion();
    EndThread(thread);
    CHECK(NT_SUCCESS(ExDeleteResourceLite(&Resource.It)));

    thread = StartThread(Referrer, NULL);
    KeWaitForSingleObject(&Ready.It, Executive, KernelMode, FALSE, NULL);
    KeSetEvent(&Go.It, 0, FALSE);
    ExWaitForRundownProtectionRelease(&Rundown.It);
    CHECK(!ExAcquireRundownProtection(&Rundown.It));
    EndThread(thread);
}
