/* Events and waits: states, time-outs, one of several and all of several, a game of two threads. */
#include "driver.h"

GUARDED(KEVENT, Notification);
GUARDED(KEVENT, Synchronization);
GUARDED(KEVENT, Ping);
GUARDED(KEVENT, Pong);
GUARDED(KEVENT, Several[6]);
GUARDED(KWAIT_BLOCK, Blocks[6]);
static KWAIT_BLOCK WaitBlocks[8];
static volatile LONG Rounds;
#define GAME 200

static void States(void)
{
    KeInitializeEvent(&Notification.It, NotificationEvent, FALSE);
    CHECK(KeReadStateEvent(&Notification.It) == 0);
    CHECK(WaitFor(&Notification.It, 0) == STATUS_TIMEOUT);
    CHECK(KeSetEvent(&Notification.It, IO_NO_INCREMENT, FALSE) == 0);
    CHECK(KeSetEvent(&Notification.It, IO_NO_INCREMENT, FALSE) != 0);
    CHECK(WaitFor(&Notification.It, 0) == STATUS_SUCCESS);
    CHECK(KeReadStateEvent(&Notification.It) != 0);
    CHECK(KeResetEvent(&Notification.It) != 0);
    CHECK(KeReadStateEvent(&Notification.It) == 0);

    KeInitializeEvent(&Synchronization.It, SynchronizationEvent, TRUE);
    CHECK(Synchronization.It.Header.SignalState == 1);
    CHECK(Synchronization.It.Header.Type == SynchronizationEvent);
    CHECK(Synchronization.It.Header.Size == sizeof(KEVENT) / sizeof(ULONG));
    CHECK(WaitFor(&Synchronization.It, 0) == STATUS_SUCCESS);
    CHECK(WaitFor(&Synchronization.It, MILLISECONDS(20)) == STATUS_TIMEOUT);
    KeSetEvent(&Synchronization.It, 0, FALSE);
    KeClearEvent(&Synchronization.It);
    CHECK(KeReadStateEvent(&Synchronization.It) == 0);
}

static VOID NTAPI Player(PVOID context)
{
    UNREFERENCED_PARAMETER(context);
    while (Rounds < GAME) {
        KeWaitForSingleObject(&Ping.It, Executive, KernelMode, FALSE, NULL);
        InterlockedIncrement(&Rounds);
        KeSetEvent(&Pong.It, 0, FALSE);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void Game(void)
{
    PVOID thread;
    LONG i;
    KeInitializeEvent(&Ping.It, SynchronizationEvent, FALSE);
    KeInitializeEvent(&Pong.It, SynchronizationEvent, FALSE);
    thread = StartThread(Player, NULL);
    for (i = 1; i <= GAME; i++) {
        KeSetEvent(&Ping.It, 0, FALSE);
        CHECK(WaitFor(&Pong.It, MILLISECONDS(5000)) == STATUS_SUCCESS);
        CHECK(Rounds == i);
    }
    EndThread(thread);
}

static void OneOfSeveral(void)
{
    PVOID objects[6];
    LARGE_INTEGER now, soon;
    int i;
    now.QuadPart = 0;
    soon.QuadPart = MILLISECONDS(10);
    for (i = 0; i < 6; i++) {
        KeInitializeEvent(&Several[i].It, SynchronizationEvent, FALSE);
        objects[i] = &Several[i].It;
    }
    CHECK(KeWaitForMultipleObjects(3, objects, WaitAny, Executive, KernelMode, FALSE, &soon, NULL) == STATUS_TIMEOUT);
    KeSetEvent(&Several[2].It, 0, FALSE);
    CHECK(KeWaitForMultipleObjects(3, objects, WaitAny, Executive, KernelMode, FALSE, &now, NULL) == STATUS_WAIT_0 + 2);
    KeSetEvent(&Several[5].It, 0, FALSE);
    CHECK(KeWaitForMultipleObjects(6, objects, WaitAll, Executive, KernelMode, FALSE, &soon, WaitBlocks) == STATUS_TIMEOUT);
    CHECK(KeReadStateEvent(&Several[5].It) != 0);
    for (i = 0; i < 6; i++)
        KeSetEvent(&Several[i].It, 0, FALSE);
    CHECK(KeWaitForMultipleObjects(6, objects, WaitAll, Executive, KernelMode, FALSE, &now, WaitBlocks) == STATUS_SUCCESS);
    for (i = 0; i < 6; i++)
        CHECK(KeReadStateEvent(&Several[i].It) == 0);
    KeSetEvent(&Several[4].It, 0, FALSE);
    CHECK(KeWaitForMultipleObjects(6, objects, WaitAny, Executive, KernelMode, FALSE, NULL, WaitBlocks) == STATUS_WAIT_0 + 4);
}

static void Run(void)
{
    int i;
    GUARD(Notification);
    GUARD(Synchronization);
    GUARD(Ping);
    GUARD(Pong);
    for (i = 0; i < 6; i++) {
        GUARD(Several[i]);
        GUARD(Blocks[i]);
    }
    States();
    Game();
    OneOfSeveral();
    /* a wait block each, between canaries: one object at a time with the caller's own block */
    for (i = 0; i < 6; i++) {
        PVOID object = &Several[i].It;
        LARGE_INTEGER soon;
        soon.QuadPart = MILLISECONDS(1);
        CHECK(KeWaitForMultipleObjects(1, &object, WaitAny, Executive, KernelMode, FALSE, &soon, &Blocks[i].It) == STATUS_TIMEOUT);
    }
}
