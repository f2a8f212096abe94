// References: the last one deletes an object, once and at PASSIVE_LEVEL.
#include "thing.h"
#include "ps.h"

#include "guest_main.h"

// OBJ-02, OBJ-04, OBJ-08
GUEST_TEST(TheLastReferenceDeletesAnObjectOnce) {
    const NO_LEAK leak;
    PVOID const thing = NewThing();
    GUEST_EQUAL(1, Header(thing)->PointerCount);
    GUEST_EQUAL(2, ObReferenceObject(thing));
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH, ObReferenceObjectByPointer(thing, 0, PsThreadType, KernelMode));
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH, ObReferenceObjectByPointer(thing, 0, nullptr, UserMode));
    GUEST_EQUAL(STATUS_SUCCESS, ObReferenceObjectByPointer(thing, 0, ThingType, UserMode));
    GUEST_EQUAL(2, ObDereferenceObject(thing));
    GUEST_EQUAL(1, ObDereferenceObject(thing));
    GUEST_EQUAL(0, Deleted);
    GUEST_EQUAL(0, ObDereferenceObject(thing));
    GUEST_EQUAL(1, Deleted);
    NAMED named(u"\\never", OBJ_CASE_INSENSITIVE);
    (void)ObDereferenceObject(NewThing(named)); // created and never inserted
    GUEST_EQUAL(2, Deleted);
}

// OBJ-08
GUEST_TEST(ADereferenceAtDispatchLevelDeletesLaterAtPassiveLevel) {
    const NO_LEAK leak;
    PVOID things[10];
    for (PVOID& thing : things)
        thing = NewThing();
    {
        const nt::DispatchLevelGuard guard;
        for (PVOID thing : things)
            GUEST_EQUAL(0, ObDereferenceObject(thing));
        if (KeNumberProcessors == 1) GUEST_EQUAL(0, Deleted); // a worker of another processor may be done with them
    }
    LARGE_INTEGER moment = {.QuadPart = -100'000};
    for (ULONG i = 0; i < 100 && ThingType->TotalNumberOfObjects != 0; i++)
        (void)KeDelayExecutionThread(KernelMode, FALSE, &moment);
    GUEST_EQUAL(10, Deleted);
    GUEST_EQUAL(LONG(PASSIVE_LEVEL), DeletedIrql);
}

// OBJ-08, DSP-07, DSP-08, OBJ-12
GUEST_TEST(ThreadsAreObjectsThatTheirHandlesKeep) {
    static volatile LONG ran;
    ran = 0;
    HANDLE handle;
    CLIENT_ID id;
    const LONG before = PsThreadType->TotalNumberOfObjects;
    GUEST_EQUAL(STATUS_SUCCESS,
                PsCreateSystemThread(
                    &handle, THREAD_ALL_ACCESS, nullptr, nullptr, &id, [](PVOID) { ran = 1; }, nullptr));
    PVOID thread;
    GUEST_EQUAL(STATUS_SUCCESS,
                ObReferenceObjectByHandle(handle, SYNCHRONIZE, PsThreadType, UserMode, &thread, nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr));
    GUEST_EQUAL(1, ran);
    GUEST_EQUAL(id.UniqueThread, PsGetThreadId(static_cast<PETHREAD>(thread)));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(handle));
    (void)ObDereferenceObject(thread);
    LARGE_INTEGER moment = {.QuadPart = -100'000};
    for (ULONG i = 0; i < 100 && PsThreadType->TotalNumberOfObjects != before; i++) // the reaper has one still
        (void)KeDelayExecutionThread(KernelMode, FALSE, &moment);
    GUEST_EQUAL(before, PsThreadType->TotalNumberOfObjects);
    HANDLE none;
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH,
                PsCreateSystemThread(
                    &none, 0, nullptr, HandleOf(~ULONG_PTR(1)), nullptr, [](PVOID) {}, nullptr));
}
