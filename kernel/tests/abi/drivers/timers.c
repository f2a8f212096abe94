/* Timers and DPCs: due times, periods, cancellation, a DPC of a timer, targets and importance, clocks. */
#include "driver.h"

GUARDED(KTIMER, Once);
GUARDED(KTIMER, Periodic);
GUARDED(KTIMER, Many[16]);
GUARDED(KDPC, TimerDpc);
GUARDED(KDPC, Dpc);
GUARDED(KEVENT, Done);
static volatile LONG Ticks, Runs, WrongLevel;
static volatile ULONG RanOn;

static VOID NTAPI Tick(PKDPC dpc, PVOID context, PVOID one, PVOID two)
{
    UNREFERENCED_PARAMETER(one);
    UNREFERENCED_PARAMETER(two);
    if (KeGetCurrentIrql() != DISPATCH_LEVEL || dpc != &TimerDpc.It || context != &Ticks) InterlockedIncrement(&WrongLevel);
    if (InterlockedIncrement(&Ticks) == 5) KeSetEvent(&Done.It, 0, FALSE);
}

static VOID NTAPI Deferred(PKDPC dpc, PVOID context, PVOID one, PVOID two)
{
    UNREFERENCED_PARAMETER(dpc);
    UNREFERENCED_PARAMETER(context);
    if (one != (PVOID)1 || two != (PVOID)2) InterlockedIncrement(&WrongLevel);
    RanOn = KeGetCurrentProcessorNumber();
    InterlockedIncrement(&Runs);
    KeSetEvent(&Done.It, 0, FALSE);
}

static void DueTimes(void)
{
    LARGE_INTEGER due, before, after;
    KeInitializeTimer(&Once.It);
    CHECK(!KeReadStateTimer(&Once.It));
    due.QuadPart = MILLISECONDS(30);
    KeQuerySystemTime(&before);
    CHECK(KeSetTimer(&Once.It, due, NULL) == FALSE);
    CHECK(KeSetTimer(&Once.It, due, NULL) == TRUE);
    CHECK(WaitFor(&Once.It, MILLISECONDS(5000)) == STATUS_SUCCESS);
    KeQuerySystemTime(&after);
    CHECK(after.QuadPart - before.QuadPart >= 200000);
    CHECK(KeReadStateTimer(&Once.It));
    CHECK(KeCancelTimer(&Once.It) == FALSE);
    due.QuadPart = after.QuadPart + 600000000; /* an absolute one, so far away that no slow machine comes to it here */
    CHECK(KeSetTimer(&Once.It, due, NULL) == FALSE);
    CHECK(!KeReadStateTimer(&Once.It));
    due.QuadPart = after.QuadPart + 300000;
    CHECK(KeSetTimer(&Once.It, due, NULL) == TRUE);
    CHECK(WaitFor(&Once.It, MILLISECONDS(5000)) == STATUS_SUCCESS);
    KeQuerySystemTime(&after);
    CHECK(after.QuadPart >= due.QuadPart);
    due.QuadPart = MILLISECONDS(60000);
    KeSetTimer(&Once.It, due, NULL);
    CHECK(KeCancelTimer(&Once.It) == TRUE);
    CHECK(WaitFor(&Once.It, MILLISECONDS(10)) == STATUS_TIMEOUT);
}

static void Periods(void)
{
    LARGE_INTEGER due;
    due.QuadPart = MILLISECONDS(10);
    KeInitializeEvent(&Done.It, NotificationEvent, FALSE);
    KeInitializeTimerEx(&Periodic.It, SynchronizationTimer);
    KeInitializeDpc(&TimerDpc.It, Tick, (PVOID)&Ticks);
    CHECK(TimerDpc.It.DeferredRoutine == Tick && TimerDpc.It.DeferredContext == (PVOID)&Ticks);
    CHECK(KeSetTimerEx(&Periodic.It, due, 10, &TimerDpc.It) == FALSE);
    CHECK(Periodic.It.Period == 10 && Periodic.It.Dpc == &TimerDpc.It);
    CHECK(WaitFor(&Done.It, MILLISECONDS(5000)) == STATUS_SUCCESS);
    CHECK(WaitFor(&Periodic.It, MILLISECONDS(5000)) == STATUS_SUCCESS);
    CHECK(KeCancelTimer(&Periodic.It) == TRUE);
    KeFlushQueuedDpcs();
    CHECK(Ticks >= 5 && WrongLevel == 0);
}

static void ManyTimers(void)
{
    LARGE_INTEGER due;
    int i;
    for (i = 0; i < 16; i++) {
        KeInitializeTimerEx(&Many[i].It, NotificationTimer);
        due.QuadPart = MILLISECONDS(5 + 7 * ((i * 11) % 16));
        CHECK(KeSetTimerEx(&Many[i].It, due, 0, NULL) == FALSE);
    }
    for (i = 15; i >= 0; i--)
        CHECK(WaitFor(&Many[i].It, MILLISECONDS(5000)) == STATUS_SUCCESS);
}

static void Targets(void)
{
    CCHAR processor;
    KIRQL old;
    KeInitializeEvent(&Done.It, SynchronizationEvent, FALSE);
    KeInitializeDpc(&Dpc.It, Deferred, NULL);
    for (processor = 0; processor < KeNumberProcessors; processor++) {
        KeSetTargetProcessorDpc(&Dpc.It, processor);
        KeSetImportanceDpc(&Dpc.It, HighImportance);
        CHECK(KeInsertQueueDpc(&Dpc.It, (PVOID)1, (PVOID)2) == TRUE);
        CHECK(WaitFor(&Done.It, MILLISECONDS(5000)) == STATUS_SUCCESS);
        CHECK(RanOn == (ULONG)processor);
    }
    KeInitializeDpc(&Dpc.It, Deferred, NULL);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    CHECK(old == PASSIVE_LEVEL && KeGetCurrentIrql() == DISPATCH_LEVEL);
    CHECK(KeInsertQueueDpc(&Dpc.It, (PVOID)1, (PVOID)2) == TRUE);
    CHECK(KeInsertQueueDpc(&Dpc.It, (PVOID)1, (PVOID)2) == FALSE);
    CHECK(KeRemoveQueueDpc(&Dpc.It) == TRUE);
    CHECK(KeRemoveQueueDpc(&Dpc.It) == FALSE);
    KeLowerIrql(old);
    CHECK(Runs == KeNumberProcessors && WrongLevel == 0);
}

static void Clocks(void)
{
    LARGE_INTEGER ticks, later, frequency, counter;
    ULONGLONG interrupts = KeQueryInterruptTime();
    KeQueryTickCount(&ticks);
    counter = KeQueryPerformanceCounter(&frequency);
    Sleep(30);
    KeQueryTickCount(&later);
    CHECK(later.QuadPart > ticks.QuadPart);
    CHECK(KeQueryInterruptTime() - interrupts >= 200000);
    CHECK(KeQueryTimeIncrement() >= 10000 && KeQueryTimeIncrement() <= 160000);
    CHECK(frequency.QuadPart > 0 && KeQueryPerformanceCounter(NULL).QuadPart > counter.QuadPart);
    KeStallExecutionProcessor(50);
}

static void Run(void)
{
    int i;
    GUARD(Once);
    GUARD(Periodic);
    GUARD(TimerDpc);
    GUARD(Dpc);
    GUARD(Done);
    for (i = 0; i < 16; i++)
        GUARD(Many[i]);
    DueTimes();
    Periods();
    ManyTimers();
    Targets();
    Clocks();
}
