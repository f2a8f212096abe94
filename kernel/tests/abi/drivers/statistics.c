/* A driver as its author would write it: measures how evenly a periodic timer fires.
 *
 * A DPC notes the distance of two ticks by the performance counter, under a spin lock that a thread takes too. Every eighth tick
 * it queues a work item, which writes a line of the report. Look-aside lists, counted strings and the C library are used on the way. */
#include "driver.h"

int __cdecl _snprintf(char* target, size_t size, const char* format, ...);

#define TICKS 32
#define PERIOD 10 /* ms */

typedef struct _SAMPLE {
    LIST_ENTRY Links;
    LONGLONG Distance;
} SAMPLE;

typedef struct _EXTENSION {
    ULONG Before[WORDS];
    KTIMER Timer;
    ULONG BehindTimer[WORDS];
    KDPC Dpc;
    ULONG BehindDpc[WORDS];
    KSPIN_LOCK Lock;
    ULONG BehindLock[WORDS];
    NPAGED_LOOKASIDE_LIST Samples;
    ULONG BehindSamples[WORDS];
    WORK_QUEUE_ITEM Report;
    ULONG BehindReport[WORDS];
    KEVENT Finished;
    ULONG BehindFinished[WORDS];
    FAST_MUTEX ReportMutex;
    ULONG BehindReportMutex[WORDS];
    LIST_ENTRY Queue;
    LARGE_INTEGER Last;
    LONG Ticks, Taken, Lines, Queued;
    LONGLONG Sum, Least, Most;
} EXTENSION;

static EXTENSION* Extension;

static VOID NTAPI WriteReport(PVOID context)
{
    EXTENSION* extension = context;
    char line[80];
    KIRQL old;
    LIST_ENTRY* entry;
    InterlockedExchange(&extension->Queued, 0);
    ExAcquireFastMutex(&extension->ReportMutex);
    for (;;) {
        SAMPLE* sample;
        KeAcquireSpinLock(&extension->Lock, &old);
        entry = IsListEmpty(&extension->Queue) ? NULL : RemoveHeadList(&extension->Queue);
        KeReleaseSpinLock(&extension->Lock, old);
        if (!entry) break;
        sample = CONTAINING_RECORD(entry, SAMPLE, Links);
        extension->Sum += sample->Distance;
        if (extension->Taken == 0 || sample->Distance < extension->Least) extension->Least = sample->Distance;
        if (sample->Distance > extension->Most) extension->Most = sample->Distance;
        extension->Taken++;
        ExFreeToNPagedLookasideList(&extension->Samples, sample);
    }
    extension->Lines++;
    _snprintf(line, sizeof(line), "%d samples, %u to %u counts", extension->Taken, (ULONG)extension->Least, (ULONG)extension->Most);
    DbgPrint("statistics: %s\n", line);
    if (extension->Taken >= TICKS - 1) KeSetEvent(&extension->Finished, IO_NO_INCREMENT, FALSE);
    ExReleaseFastMutex(&extension->ReportMutex);
}

static VOID NTAPI OnTick(PKDPC dpc, PVOID context, PVOID one, PVOID two)
{
    EXTENSION* extension = context;
    LARGE_INTEGER now = KeQueryPerformanceCounter(NULL);
    LONG tick = ++extension->Ticks;
    UNREFERENCED_PARAMETER(dpc);
    UNREFERENCED_PARAMETER(one);
    UNREFERENCED_PARAMETER(two);
    if (tick > 1 && tick <= TICKS) {
        SAMPLE* sample = ExAllocateFromNPagedLookasideList(&extension->Samples);
        if (sample) {
            sample->Distance = now.QuadPart - extension->Last.QuadPart;
            KeAcquireSpinLockAtDpcLevel(&extension->Lock);
            InsertTailList(&extension->Queue, &sample->Links);
            KeReleaseSpinLockFromDpcLevel(&extension->Lock);
        }
    }
    extension->Last = now;
    if ((tick % 8 == 0 || tick == TICKS) && InterlockedExchange(&extension->Queued, 1) == 0) ExQueueWorkItem(&extension->Report, DelayedWorkQueue);
}

static void Run(void)
{
    UNICODE_STRING name, same;
    LARGE_INTEGER due, frequency;
    LONGLONG mean, period;
    int i;
    ULONG* words[8];
    Extension = ExAllocatePoolWithTag(NonPagedPool, sizeof(*Extension), TAG);
    CHECK(Extension != NULL);
    RtlZeroMemory(Extension, sizeof(*Extension));
    words[0] = Extension->Before, words[1] = Extension->BehindTimer, words[2] = Extension->BehindDpc, words[3] = Extension->BehindLock;
    words[4] = Extension->BehindSamples, words[5] = Extension->BehindReport, words[6] = Extension->BehindFinished;
    words[7] = Extension->BehindReportMutex;
    for (i = 0; i < 8; i++)
        Arm(words[i], "the driver's own structure");
    RtlInitUnicodeString(&name, L"\\Device\\Statistics");
    RtlInitUnicodeString(&same, L"\\device\\STATISTICS");
    CHECK(name.Length == 36 && RtlEqualUnicodeString(&name, &same, TRUE) && !RtlEqualUnicodeString(&name, &same, FALSE));

    InitializeListHead(&Extension->Queue);
    KeInitializeSpinLock(&Extension->Lock);
    KeInitializeEvent(&Extension->Finished, NotificationEvent, FALSE);
    ExInitializeFastMutex(&Extension->ReportMutex);
    ExInitializeNPagedLookasideList(&Extension->Samples, NULL, NULL, 0, sizeof(SAMPLE), TAG, 0);
    ExInitializeWorkItem(&Extension->Report, WriteReport, Extension);
    KeInitializeTimerEx(&Extension->Timer, SynchronizationTimer);
    KeInitializeDpc(&Extension->Dpc, OnTick, Extension);
    due.QuadPart = MILLISECONDS(PERIOD);
    KeSetTimerEx(&Extension->Timer, due, PERIOD, &Extension->Dpc);
    while (WaitFor(&Extension->Finished, MILLISECONDS(100)) == STATUS_TIMEOUT) {
        CHECK(Extension->Ticks < 100 * TICKS);
        if (Extension->Ticks > TICKS && InterlockedExchange(&Extension->Queued, 1) == 0) ExQueueWorkItem(&Extension->Report, DelayedWorkQueue);
        if (Extension->Ticks >= 100 * TICKS) break;
    }
    CHECK(KeCancelTimer(&Extension->Timer));
    KeFlushQueuedDpcs();
    KeQueryPerformanceCounter(&frequency);
    period = frequency.QuadPart / (1000 / PERIOD);
    mean = Extension->Sum / (TICKS - 1);
    CHECK(Extension->Taken == TICKS - 1 && Extension->Lines >= 1);
    CHECK(mean > period / 2 && mean < period * 3);
    CHECK(Extension->Least <= mean && mean <= Extension->Most);
    Sleep(50); /* a last work item may still be under way */
    CheckCanaries();
    RangeCount = 0;
    ExDeleteNPagedLookasideList(&Extension->Samples);
    ExFreePoolWithTag(Extension, TAG);
}
