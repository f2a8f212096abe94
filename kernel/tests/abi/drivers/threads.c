/* System threads, work items, pool: handles and IDs, priorities, memory of every size, queues of work. */
#include "driver.h"

#define BLOCKS 64
#define ITEMS 8

GUARDED(WORK_QUEUE_ITEM, Item[ITEMS]);
GUARDED(KEVENT, Worked);
GUARDED(CLIENT_ID, Client);
static volatile LONG Done, Order, WrongLevel;
static KPRIORITY Priority;

static VOID NTAPI Work(PVOID context)
{
    if (KeGetCurrentIrql() != PASSIVE_LEVEL || context != (PVOID)&Done) InterlockedIncrement(&WrongLevel);
    if (InterlockedIncrement(&Done) % ITEMS == 0) KeSetEvent(&Worked.It, 0, FALSE);
}

static VOID NTAPI Raised(PVOID context)
{
    CHECK(context == (PVOID)7);
    KeSetPriorityThread(KeGetCurrentThread(), 12);
    Priority = KeQueryPriorityThread(KeGetCurrentThread());
    InterlockedIncrement(&Order);
}

static void Threads(void)
{
    HANDLE handle = NULL;
    PVOID thread = NULL, again = NULL;
    CHECK(NT_SUCCESS(PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, &Client.It, Raised, (PVOID)7)));
    CHECK(Client.It.UniqueProcess == (HANDLE)4 && Client.It.UniqueThread != NULL);
    CHECK(handle != NULL && ((ULONG_PTR)handle & 3) == 0);
    CHECK(NT_SUCCESS(ObReferenceObjectByHandle(handle, SYNCHRONIZE, NULL, KernelMode, &thread, NULL)));
    CHECK(NT_SUCCESS(ObReferenceObjectByHandle(handle, SYNCHRONIZE, NULL, KernelMode, &again, NULL)));
    CHECK(thread != NULL && thread == again);
    ObDereferenceObject(again);
    CHECK(ZwClose(handle) == STATUS_SUCCESS && ZwClose(handle) == STATUS_INVALID_HANDLE);
    CHECK(ObReferenceObjectByHandle(handle, SYNCHRONIZE, NULL, KernelMode, &again, NULL) == STATUS_INVALID_HANDLE);
    EndThread(thread); /* its routine returned: that ends it too */
    CHECK(Order == 1 && Priority == 12);
}

NTSYSAPI ULONG NTAPI RtlWalkFrameChain(PVOID* callers, ULONG count, ULONG flags);

static __attribute__((noinline)) void Callers(void)
{
    PVOID callers[3] = {NULL, NULL, (PVOID)CANARY};
    CHECK(RtlWalkFrameChain(callers, 2, 1) == 0 && callers[0] == NULL);
    CHECK(RtlWalkFrameChain(callers, 2, 0) >= 1 && callers[2] == (PVOID)CANARY);
    CHECK((ULONG_PTR)callers[0] - (ULONG_PTR)Callers < 4096); /* the first one is in this routine */
}

static void Pool(void)
{
    static const SIZE_T sizes[] = {1, 8, 40, 500, 4000, 4096, 9000};
    UCHAR* blocks[BLOCKS];
    int i, j;
    for (i = 0; i < BLOCKS; i++) {
        SIZE_T size = sizes[i % 7];
        blocks[i] = ExAllocatePoolWithTag(NonPagedPool, size, TAG);
        CHECK(blocks[i] != NULL && ((ULONG_PTR)blocks[i] & 7) == 0);
        if (size >= PAGE_SIZE) CHECK(((ULONG_PTR)blocks[i] & (PAGE_SIZE - 1)) == 0);
        RtlFillMemory(blocks[i], size, (UCHAR)i);
    }
    for (i = 0; i < BLOCKS; i++) {
        int same = 1;
        for (j = 0; j < (int)sizes[i % 7]; j++)
            same &= blocks[i][j] == (UCHAR)i;
        CHECK(same);
        ExFreePoolWithTag(blocks[i], TAG);
    }
    blocks[0] = ExAllocatePoolWithTag(PagedPool, 100, TAG);
    CHECK(blocks[0] != NULL);
    RtlZeroMemory(blocks[0], 100);
    ExFreePoolWithTag(blocks[0], TAG);
}

static void WorkItems(WORK_QUEUE_TYPE queue)
{
    int i;
    KeInitializeEvent(&Worked.It, SynchronizationEvent, FALSE);
    for (i = 0; i < ITEMS; i++) {
        ExInitializeWorkItem(&Item[i].It, Work, (PVOID)&Done);
        ExQueueWorkItem(&Item[i].It, queue);
    }
    CHECK(WaitFor(&Worked.It, MILLISECONDS(5000)) == STATUS_SUCCESS);
}

static void Run(void)
{
    int i;
    for (i = 0; i < ITEMS; i++)
        GUARD(Item[i]);
    GUARD(Worked);
    GUARD(Client);
    Threads();
    Callers();
    Pool();
    WorkItems(DelayedWorkQueue);
    WorkItems(CriticalWorkQueue);
    CHECK(Done == 2 * ITEMS && WrongLevel == 0);
}
