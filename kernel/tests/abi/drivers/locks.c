/* Spin locks, in-stack and numbered queued locks, interlocked operations and lists, from threads on all processors. */
#include "driver.h"

/* the compiler has these built in: here the exports are called */
#undef InterlockedIncrement
#undef InterlockedDecrement
#undef InterlockedExchange
#undef InterlockedExchangeAdd
#undef InterlockedCompareExchange
__declspec(dllimport) LONG FASTCALL InterlockedIncrement(LONG volatile* Addend);
__declspec(dllimport) LONG FASTCALL InterlockedDecrement(LONG volatile* Addend);
__declspec(dllimport) LONG FASTCALL InterlockedExchange(LONG volatile* Target, LONG Value);
__declspec(dllimport) LONG FASTCALL InterlockedExchangeAdd(LONG volatile* Addend, LONG Value);
__declspec(dllimport) LONG FASTCALL InterlockedCompareExchange(LONG volatile* Target, LONG Exchange, LONG Comparand);

#define THREADS 4
#define ROUNDS 300

GUARDED(KSPIN_LOCK, Plain);
GUARDED(KSPIN_LOCK, Queued);
GUARDED(KSPIN_LOCK, ListLock);
GUARDED(KSPIN_LOCK, NumberLock);
GUARDED(KSPIN_LOCK, SListLock);
GUARDED(LIST_ENTRY, List);
GUARDED(SLIST_HEADER, Stack);
GUARDED(LARGE_INTEGER, Large);
GUARDED(KLOCK_QUEUE_HANDLE, Handle[THREADS]);
static LIST_ENTRY Entries[THREADS][ROUNDS];
static SLIST_ENTRY StackEntries[THREADS][ROUNDS];
static LONG UnderPlain, UnderQueued;
static volatile LONG Sum, Taken;
static ULONG Added;

static VOID NTAPI Worker(PVOID context)
{
    ULONG me = (ULONG)(ULONG_PTR)context, i;
    KIRQL old;
    LARGE_INTEGER two;
    two.QuadPart = 2;
    for (i = 0; i < ROUNDS; i++) {
        KeAcquireSpinLock(&Plain.It, &old);
        CHECK(old == PASSIVE_LEVEL && KeGetCurrentIrql() == DISPATCH_LEVEL);
        UnderPlain++;
        KeReleaseSpinLock(&Plain.It, old);

        KeAcquireInStackQueuedSpinLock(&Queued.It, &Handle[me].It);
        UnderQueued++;
        KeReleaseInStackQueuedSpinLock(&Handle[me].It);

        KeRaiseIrql(DISPATCH_LEVEL, &old);
        KeAcquireSpinLockAtDpcLevel(&Plain.It);
        UnderPlain++;
        KeReleaseSpinLockFromDpcLevel(&Plain.It);
        KeAcquireInStackQueuedSpinLockAtDpcLevel(&Queued.It, &Handle[me].It);
        UnderQueued++;
        KeReleaseInStackQueuedSpinLockFromDpcLevel(&Handle[me].It);
        KeLowerIrql(old);

        ExInterlockedInsertTailList(&List.It, &Entries[me][i], &ListLock.It);
        ExInterlockedAddUlong(&Added, 3, &NumberLock.It);
        ExInterlockedAddLargeInteger(&Large.It, two, &NumberLock.It);
        InterlockedExchangeAdd(&Sum, 5);
        ExInterlockedPushEntrySList(&Stack.It, &StackEntries[me][i], &SListLock.It);
        if (i % 2) {
            CHECK(ExInterlockedPopEntrySList(&Stack.It, &SListLock.It) != NULL);
            InterlockedIncrement(&Taken);
        }
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void Words(void)
{
    LONG word = 5;
    LONGLONG wide = 0x100000001LL, is = 0x100000001LL, becomes = 7;
    CHECK(InterlockedIncrement(&word) == 6 && InterlockedDecrement(&word) == 5);
    CHECK(InterlockedExchange(&word, 9) == 5 && InterlockedExchangeAdd(&word, 2) == 9);
    CHECK(InterlockedCompareExchange(&word, 1, 11) == 11 && word == 1);
    CHECK(InterlockedCompareExchange(&word, 2, 11) == 1 && word == 1);
    CHECK(ExInterlockedCompareExchange64(&wide, &becomes, &is, &NumberLock.It) == is && wide == 7);
    CHECK(ExInterlockedCompareExchange64(&wide, &is, &is, &NumberLock.It) == 7 && wide == 7);
    word = 0;
    CHECK(Exfi386InterlockedDecrementLong(&word) == ResultNegative && Exfi386InterlockedIncrementLong(&word) == ResultZero);
    CHECK(Exfi386InterlockedIncrementLong(&word) == ResultPositive);
    CHECK(Exfi386InterlockedExchangeUlong((PULONG)&word, 4) == 1 && word == 4);
}

static void Lists(void)
{
    static LIST_ENTRY first, second;
    static SINGLE_LIST_ENTRY head, low, high;
    InitializeListHead(&List.It);
    CHECK(ExInterlockedRemoveHeadList(&List.It, &ListLock.It) == NULL);
    CHECK(ExInterlockedInsertHeadList(&List.It, &second, &ListLock.It) == NULL);
    CHECK(ExInterlockedInsertHeadList(&List.It, &first, &ListLock.It) == &second);
    CHECK(ExInterlockedRemoveHeadList(&List.It, &ListLock.It) == &first);
    CHECK(ExInterlockedRemoveHeadList(&List.It, &ListLock.It) == &second && IsListEmpty(&List.It));
    CHECK(ExInterlockedPushEntryList(&head, &low, &ListLock.It) == NULL);
    CHECK(ExInterlockedPushEntryList(&head, &high, &ListLock.It) == &low);
    CHECK(ExInterlockedPopEntryList(&head, &ListLock.It) == &high);
    CHECK(ExInterlockedPopEntryList(&head, &ListLock.It) == &low);
    CHECK(ExInterlockedPopEntryList(&head, &ListLock.It) == NULL);
}

static void Run(void)
{
    PVOID threads[THREADS];
    ULONG i;
    GUARD(Plain);
    GUARD(Queued);
    GUARD(ListLock);
    GUARD(NumberLock);
    GUARD(SListLock);
    GUARD(List);
    GUARD(Stack);
    GUARD(Large);
    for (i = 0; i < THREADS; i++)
        GUARD(Handle[i]);
    KeInitializeSpinLock(&Plain.It);
    KeInitializeSpinLock(&Queued.It);
    KeInitializeSpinLock(&ListLock.It);
    KeInitializeSpinLock(&NumberLock.It);
    KeInitializeSpinLock(&SListLock.It);
    Words();
    Lists();
    ExInitializeSListHead(&Stack.It);
    CHECK(ExQueryDepthSList(&Stack.It) == 0 && ExInterlockedPopEntrySList(&Stack.It, &SListLock.It) == NULL);
    for (i = 0; i < THREADS; i++)
        threads[i] = StartThread(Worker, (PVOID)(ULONG_PTR)i);
    for (i = 0; i < THREADS; i++)
        EndThread(threads[i]);
    CHECK(UnderPlain == 2 * THREADS * ROUNDS && UnderQueued == 2 * THREADS * ROUNDS);
    CHECK(Added == 3 * THREADS * ROUNDS && Large.It.QuadPart == 2 * THREADS * ROUNDS && Sum == 5 * THREADS * ROUNDS);
    for (i = 0; ExInterlockedRemoveHeadList(&List.It, &ListLock.It); i++)
        ;
    CHECK(i == THREADS * ROUNDS);
    for (i = Taken; ExInterlockedPopEntrySList(&Stack.It, &SListLock.It); i++)
        ;
    CHECK(i == THREADS * ROUNDS && ExQueryDepthSList(&Stack.It) == 0);
}
