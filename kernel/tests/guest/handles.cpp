// Dispatcher objects by handles, callback objects, and what the monitor shows of objects.
#include "ex.h"
#include "ob/callback.h"
#include "ob/sync.h"
#include "ps.h"
#include "rtl/string.h"
#include "together.h"
#include "usermode.h"

#include "guest_main.h"

namespace {

UNICODE_STRING Text(PCWSTR text) {
    UNICODE_STRING string;
    RtlInitUnicodeString(&string, text);
    return string;
}

struct NAMED {
    explicit NAMED(PCWSTR name, ULONG attributes = 0) : Name(Text(name)) {
        InitializeObjectAttributes(&Attributes, name ? &Name : nullptr, attributes, nullptr, nullptr);
    }
    operator POBJECT_ATTRIBUTES() { return &Attributes; }
    UNICODE_STRING Name;
    OBJECT_ATTRIBUTES Attributes;
};

LARGE_INTEGER Now = {.QuadPart = 0};

NTSTATUS Test(HANDLE handle) { return ZwWaitForSingleObject(handle, FALSE, &Now); }

/// Objects of the four types, as they were: none is left behind.
struct NO_LEAK {
    NO_LEAK() { Count(Before); }
    ~NO_LEAK() {
        LONG after[5];
        Count(after);
        for (ULONG i = 0; i < 5; i++)
            GUEST_EQUAL(Before[i], after[i]);
    }
    static void Count(LONG (&counts)[5]) {
        POBJECT_TYPE const types[] = {ExEventObjectType, ExMutantObjectType, ExSemaphoreObjectType, ExTimerObjectType,
                                      ExCallbackObjectType};
        for (ULONG i = 0; i < 5; i++)
            counts[i] = types[i]->TotalNumberOfObjects + types[i]->TotalNumberOfHandles;
    }
    LONG Before[5];
};

} // namespace

// DSP-02, DSP-03, DSP-22, OBJ-12, OBJ-10: each executive object has a kernel object in its body, which waits and signals are about
GUEST_TEST(EventsAreSetResetAndWaitedForByHandles) {
    const NO_LEAK leak;
    NAMED name(u"\\BaseNamedObjects\\Event1");
    HANDLE event, same, wrong;
    LONG before = 7;
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, ZwCreateEvent(&event, EVENT_ALL_ACCESS, name, EVENT_TYPE(2), FALSE));
    GUEST_EQUAL(STATUS_SUCCESS, ZwCreateEvent(&event, EVENT_ALL_ACCESS, name, SynchronizationEvent, TRUE));
    GUEST_EQUAL(STATUS_SUCCESS, ZwOpenEvent(&same, SYNCHRONIZE | EVENT_QUERY_STATE, name));
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH, ZwOpenMutant(&wrong, SYNCHRONIZE, name));
    GUEST_EQUAL(STATUS_SUCCESS, Test(same)); // consumes it
    GUEST_EQUAL(STATUS_TIMEOUT, Test(event));
    GUEST_EQUAL(STATUS_SUCCESS, ZwSetEvent(event, &before));
    GUEST_EQUAL(0, before);
    EVENT_BASIC_INFORMATION told;
    ULONG length;
    const auto basic = EVENT_INFORMATION_CLASS::EventBasicInformation;
    GUEST_EQUAL(STATUS_SUCCESS, ZwQueryEvent(same, basic, &told, sizeof(told), &length));
    GUEST_EQUAL(1, told.EventState);
    GUEST_EQUAL(LONG(SynchronizationEvent), LONG(told.EventType));
    GUEST_EQUAL(STATUS_INFO_LENGTH_MISMATCH, ZwQueryEvent(same, basic, &told, 4, &length));
    GUEST_EQUAL(STATUS_INVALID_INFO_CLASS,
                ZwQueryEvent(same, EVENT_INFORMATION_CLASS(1), &told, sizeof(told), &length));
    GUEST_EQUAL(STATUS_SUCCESS, ZwResetEvent(event, &before));
    GUEST_EQUAL(1, before);
    GUEST_EQUAL(STATUS_SUCCESS, ZwPulseEvent(event, nullptr));
    GUEST_EQUAL(STATUS_TIMEOUT, Test(event));
    GUEST_EQUAL(STATUS_ACCESS_DENIED, AsUserMode([&] { return NtSetEvent(same, nullptr); }));
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, AsUserMode([&] { return NtSetEvent(event, &before); })); // kernel memory
    GUEST_EQUAL(STATUS_SUCCESS, ZwSetEvent(event, nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClearEvent(event));
    GUEST_EQUAL(STATUS_TIMEOUT, Test(same));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(event));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(same));
    GUEST_EQUAL(STATUS_INVALID_HANDLE, ZwSetEvent(event, nullptr));
}

// DSP-04, DSP-05, DSP-22
GUEST_TEST(MutantsAndSemaphoresAreReleasedByHandles) {
    const NO_LEAK leak;
    HANDLE mutant, semaphore;
    LONG before;
    GUEST_EQUAL(STATUS_SUCCESS, ZwCreateMutant(&mutant, MUTANT_ALL_ACCESS, nullptr, TRUE));
    GUEST_EQUAL(STATUS_SUCCESS, Test(mutant)); // owned twice
    MUTANT_BASIC_INFORMATION owned;
    GUEST_EQUAL(STATUS_SUCCESS, ZwQueryMutant(mutant, MUTANT_INFORMATION_CLASS::MutantBasicInformation, &owned,
                                              sizeof(owned), nullptr));
    GUEST_EQUAL(-1, owned.CurrentCount);
    GUEST_TRUE(owned.OwnedByCaller && !owned.AbandonedState);
    GUEST_EQUAL(STATUS_SUCCESS, ZwReleaseMutant(mutant, &before));
    GUEST_EQUAL(-1, before);
    GUEST_EQUAL(STATUS_SUCCESS, ZwReleaseMutant(mutant, &before));
    GUEST_EQUAL(STATUS_MUTANT_NOT_OWNED, ZwReleaseMutant(mutant, &before));
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, ZwCreateSemaphore(&semaphore, SEMAPHORE_ALL_ACCESS, nullptr, 3, 2));
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, ZwCreateSemaphore(&semaphore, SEMAPHORE_ALL_ACCESS, nullptr, -1, 2));
    GUEST_EQUAL(STATUS_SUCCESS, ZwCreateSemaphore(&semaphore, SEMAPHORE_ALL_ACCESS, nullptr, 1, 2));
    GUEST_EQUAL(STATUS_SUCCESS, ZwReleaseSemaphore(semaphore, 1, &before));
    GUEST_EQUAL(1, before);
    GUEST_EQUAL(STATUS_SEMAPHORE_LIMIT_EXCEEDED, ZwReleaseSemaphore(semaphore, 1, &before));
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, ZwReleaseSemaphore(semaphore, 0, &before));
    SEMAPHORE_BASIC_INFORMATION units;
    GUEST_EQUAL(STATUS_SUCCESS, ZwQuerySemaphore(semaphore, SEMAPHORE_INFORMATION_CLASS::SemaphoreBasicInformation,
                                                 &units, sizeof(units), nullptr));
    GUEST_EQUAL(2, units.CurrentCount);
    GUEST_EQUAL(2, units.MaximumCount);
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH, ZwReleaseSemaphore(mutant, 1, nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(semaphore));
    // Its owner closes the last handle to a mutant: it must not stay on the thread's list.
    GUEST_EQUAL(STATUS_SUCCESS, Test(mutant));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(mutant));
    GUEST_TRUE(IsListEmpty(&KeGetCurrentThread()->MutantListHead));
}

// DSP-09, DSP-22
GUEST_TEST(TimersExpireAndAreStoppedWhenTheyAreDeleted) {
    const NO_LEAK leak;
    HANDLE timer;
    BOOLEAN state = TRUE;
    LARGE_INTEGER due = {.QuadPart = -200'000}; // 20 ms
    GUEST_EQUAL(STATUS_SUCCESS, ZwCreateTimer(&timer, TIMER_ALL_ACCESS, nullptr, NotificationTimer));
    GUEST_EQUAL(STATUS_SUCCESS, ZwSetTimer(timer, &due, nullptr, nullptr, FALSE, 0, &state));
    GUEST_TRUE(!state);
    TIMER_BASIC_INFORMATION told;
    GUEST_EQUAL(STATUS_SUCCESS,
                ZwQueryTimer(timer, TIMER_INFORMATION_CLASS::TimerBasicInformation, &told, sizeof(told), nullptr));
    GUEST_TRUE(!told.TimerState && told.RemainingTime.QuadPart > 0 && told.RemainingTime.QuadPart <= 300'000);
    GUEST_EQUAL(STATUS_SUCCESS, ZwWaitForSingleObject(timer, FALSE, nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, ZwCancelTimer(timer, &state));
    GUEST_TRUE(state);
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, ZwSetTimer(timer, &due, nullptr, nullptr, FALSE, -1, nullptr));
    GUEST_EQUAL(STATUS_NOT_SUPPORTED, ZwSetTimer(timer, &due, &due, nullptr, FALSE, 0, nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, ZwSetTimer(timer, &due, nullptr, nullptr, FALSE, 10, nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(timer)); // while it runs: nothing of it may be left in the timer table
    LARGE_INTEGER later = {.QuadPart = -500'000};
    (void)KeDelayExecutionThread(KernelMode, FALSE, &later);
}

// DSP-13, DSP-16, DSP-22
GUEST_TEST(WaitingForSeveralHandles) {
    const NO_LEAK leak;
    HANDLE handles[MAXIMUM_WAIT_OBJECTS + 1];
    for (ULONG i = 0; i < MAXIMUM_WAIT_OBJECTS; i++)
        GUEST_EQUAL(STATUS_SUCCESS, ZwCreateEvent(&handles[i], EVENT_ALL_ACCESS, nullptr, NotificationEvent, FALSE));
    const ULONG count = MAXIMUM_WAIT_OBJECTS;
    GUEST_EQUAL(STATUS_TIMEOUT, ZwWaitForMultipleObjects(count, handles, WaitAny, FALSE, &Now));
    GUEST_EQUAL(STATUS_SUCCESS, ZwSetEvent(handles[63], nullptr));
    GUEST_EQUAL(63, LONG(ZwWaitForMultipleObjects(count, handles, WaitAny, FALSE, &Now)));
    GUEST_EQUAL(STATUS_TIMEOUT, ZwWaitForMultipleObjects(count, handles, WaitAll, FALSE, &Now));
    for (ULONG i = 0; i < 63; i++)
        GUEST_EQUAL(STATUS_SUCCESS, ZwSetEvent(handles[i], nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, ZwWaitForMultipleObjects(count, handles, WaitAll, FALSE, &Now));
    GUEST_EQUAL(STATUS_INVALID_PARAMETER_1, ZwWaitForMultipleObjects(0, handles, WaitAny, FALSE, &Now));
    GUEST_EQUAL(STATUS_INVALID_PARAMETER_1, ZwWaitForMultipleObjects(count + 1, handles, WaitAny, FALSE, &Now));
    GUEST_EQUAL(STATUS_INVALID_PARAMETER_3, ZwWaitForMultipleObjects(2, handles, WAIT_TYPE(2), FALSE, &Now));
    HANDLE twice[] = {handles[0], handles[0]};
    GUEST_EQUAL(STATUS_INVALID_PARAMETER_MIX, ZwWaitForMultipleObjects(2, twice, WaitAll, FALSE, &Now));
    GUEST_EQUAL(STATUS_SUCCESS, ZwWaitForMultipleObjects(2, twice, WaitAny, FALSE, &Now));
    twice[1] = nullptr;
    GUEST_EQUAL(STATUS_INVALID_HANDLE, ZwWaitForMultipleObjects(2, twice, WaitAny, FALSE, &Now));
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION,
                AsUserMode([&] { return NtWaitForMultipleObjects(2, handles, WaitAny, FALSE, nullptr); }));
    GUEST_EQUAL(STATUS_SUCCESS, ZwResetEvent(handles[1], nullptr));
    GUEST_EQUAL(STATUS_TIMEOUT, ZwSignalAndWaitForSingleObject(handles[0], handles[1], FALSE, &Now));
    GUEST_EQUAL(STATUS_SUCCESS, ZwSignalAndWaitForSingleObject(handles[1], handles[1], FALSE, &Now));
    for (ULONG i = 0; i < count; i++)
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(handles[i]));
    // What nobody can wait for is refused to user mode, and always signaled for kernel mode.
    HANDLE directory;
    NAMED root(u"\\");
    GUEST_EQUAL(STATUS_SUCCESS, ZwOpenDirectoryObject(&directory, MAXIMUM_ALLOWED, root));
    GUEST_EQUAL(STATUS_SUCCESS, Test(directory));
    GUEST_EQUAL(STATUS_ACCESS_DENIED, AsUserMode([&] { return NtWaitForSingleObject(directory, FALSE, nullptr); }));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(directory));
}

// DSP-07, DSP-08, DSP-22: a handle may be closed while a thread waits for what it led to
GUEST_TEST(AWaitingThreadKeepsTheObject) {
    const NO_LEAK leak;
    static HANDLE event;
    static volatile LONG status;
    status = 1;
    PETHREAD thread;
    PVOID object;
    GUEST_EQUAL(STATUS_SUCCESS, ZwCreateEvent(&event, EVENT_ALL_ACCESS, nullptr, NotificationEvent, FALSE));
    GUEST_EQUAL(STATUS_SUCCESS, ObReferenceObjectByHandle(event, 0, ExEventObjectType, KernelMode, &object, nullptr));
    GUEST_EQUAL(
        STATUS_SUCCESS,
        PsStartSystemThread(
            &thread, "Waits", 12, [](PVOID) { status = LONG(ZwWaitForSingleObject(event, FALSE, nullptr)); }, nullptr));
    LARGE_INTEGER moment = {.QuadPart = -100'000};
    for (ULONG i = 0; i < 100 && thread->Tcb.State != KTHREAD_STATE::Waiting; i++)
        (void)KeDelayExecutionThread(KernelMode, FALSE, &moment);
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(event));
    GUEST_EQUAL(2, OBJECT_TO_OBJECT_HEADER(object)->PointerCount); // ours, and the waiting thread's
    (void)KeSetEvent(static_cast<PKEVENT>(object), 0, FALSE);
    (void)KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    GUEST_EQUAL(0, status);
    PsDereferenceThread(thread);
    (void)ObDereferenceObject(object);
}

// OBJ-12, EXE-01
GUEST_TEST(CallbackObjectsCallWhatIsRegistered) {
    const NO_LEAK leak;
    static LONG calls;
    calls = 0;
    NAMED name(u"\\Callback\\Test", OBJ_CASE_INSENSITIVE | OBJ_PERMANENT), other(u"\\Callback\\Other");
    PCALLBACK_OBJECT callback, same, single;
    GUEST_EQUAL(STATUS_OBJECT_NAME_NOT_FOUND, ExCreateCallback(&callback, name, FALSE, TRUE));
    GUEST_EQUAL(STATUS_SUCCESS, ExCreateCallback(&callback, name, TRUE, TRUE));
    GUEST_EQUAL(STATUS_SUCCESS, ExCreateCallback(&same, name, FALSE, FALSE));
    GUEST_EQUAL(callback, same);
    GUEST_EQUAL(STATUS_SUCCESS, ExCreateCallback(&single, nullptr, TRUE, FALSE));
    const auto add = [](PVOID context, PVOID one, PVOID two) {
        calls += LONG(reinterpret_cast<ULONG_PTR>(context) + reinterpret_cast<ULONG_PTR>(one) * 10 +
                      reinterpret_cast<ULONG_PTR>(two) * 100);
    };
    PVOID const first = ExRegisterCallback(callback, add, reinterpret_cast<PVOID>(1));
    PVOID const second = ExRegisterCallback(callback, add, reinterpret_cast<PVOID>(2));
    PVOID const only = ExRegisterCallback(single, add, nullptr);
    GUEST_TRUE(first && second && only);
    GUEST_TRUE(!ExRegisterCallback(single, add, nullptr));
    {
        const nt::DispatchLevelGuard guard;
        ExNotifyCallback(callback, reinterpret_cast<PVOID>(3), reinterpret_cast<PVOID>(4));
    }
    GUEST_EQUAL(1 + 2 + 2 * 430, calls);
    ExUnregisterCallback(first);
    ExNotifyCallback(callback, nullptr, nullptr);
    GUEST_EQUAL(1 + 2 + 2 * 430 + 2, calls);
    ExUnregisterCallback(second);
    ExUnregisterCallback(only);
    ExNotifyCallback(callback, nullptr, nullptr);
    GUEST_EQUAL(1 + 2 + 2 * 430 + 2, calls);
    GUEST_EQUAL(STATUS_SUCCESS,
                ExCreateCallback(&same, other, TRUE, TRUE)); // temporary: without handles, without a name
    PCALLBACK_OBJECT none;
    GUEST_EQUAL(STATUS_OBJECT_NAME_NOT_FOUND, ExCreateCallback(&none, other, FALSE, TRUE));
    (void)ObDereferenceObject(same);
    (void)ObDereferenceObject(single);
    (void)ObDereferenceObject(callback);
    ObMakeTemporaryObject(callback);
    (void)ObDereferenceObject(callback); // the second reference, by its name
}

// OBJ-12: a routine that runs keeps its registration
GUEST_TEST(CallbacksAreRegisteredNotifiedAndTakenBackTogether) {
    const NO_LEAK leak;
    static PCALLBACK_OBJECT callback;
    static volatile LONG wrong;
    wrong = 0;
    GUEST_EQUAL(STATUS_SUCCESS, ExCreateCallback(&callback, nullptr, TRUE, TRUE));
    GuestTogether(
        [](ULONG, PVOID) {
            for (ULONG round = 0; round < 200; round++) {
                volatile LONG mine = 1;
                PVOID const registration = ExRegisterCallback(
                    callback,
                    [](PVOID context, PVOID, PVOID) {
                        if (*static_cast<volatile LONG*>(context) != 1) InterlockedIncrement(&wrong);
                    },
                    const_cast<LONG*>(&mine));
                ExNotifyCallback(callback, nullptr, nullptr);
                ExUnregisterCallback(registration);
                mine = 0; // no thread looks at it any more
            }
        },
        nullptr);
    GUEST_EQUAL(0, wrong);
    (void)ObDereferenceObject(callback);
}

// TOL-06
GUEST_TEST(TheMonitorShowsObjectsAndHandles) {
    const NO_LEAK leak;
    static CHAR text[4096];
    NAMED name(u"\\BaseNamedObjects\\Shown");
    HANDLE event;
    GUEST_EQUAL(STATUS_SUCCESS, ZwCreateEvent(&event, EVENT_ALL_ACCESS, name, NotificationEvent, FALSE));
    (void)KdExecuteCommand("object", text, sizeof(text));
    GUEST_TRUE(strstr(text, "ObjectTypes") && strstr(text, "SymbolicLink  DosDevices"));
    (void)KdExecuteCommand("object \\basenamedobjects", text, sizeof(text));
    GUEST_TRUE(strstr(text, "Event         Shown"));
    (void)KdExecuteCommand("object \\BaseNamedObjects\\Shown", text, sizeof(text));
    GUEST_TRUE(strstr(text, "2 pointers, 1 handle\n"));
    (void)KdExecuteCommand("object \\DosDevices", text, sizeof(text));
    GUEST_TRUE(strstr(text, "leads to \\??"));
    (void)KdExecuteCommand("object \\none", text, sizeof(text));
    GUEST_TRUE(strstr(text, "no object has the name"));
    (void)KdExecuteCommand("handle 4", text, sizeof(text));
    GUEST_TRUE(strstr(text, "001f0003  ---    Event         Shown"));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(event));
}

namespace {

constexpr ULONG ROUNDS = 300;

/// Threads that meet at few keys, some of them impatient. shared: Met is interlocked
struct MEETINGS {
    HANDLE Event;
    volatile LONG Met[2]; ///< who has waited; who has released
};

void MeetOften(ULONG index, PVOID context) {
    auto& meetings = *static_cast<MEETINGS*>(context);
    const bool releases = index % 2 != 0;
    for (ULONG i = 0; i < ROUNDS; i++) {
        PVOID const key = reinterpret_cast<PVOID>(ULONG_PTR(4 * (i % 3)));
        LARGE_INTEGER brief = {.QuadPart = -LONGLONG(i % 4 * 50)}; // from 0 to 15 microseconds
        const NTSTATUS status = releases ? ZwReleaseKeyedEvent(meetings.Event, key, FALSE, &brief)
                                         : ZwWaitForKeyedEvent(meetings.Event, key, FALSE, &brief);
        if (status == STATUS_SUCCESS)
            InterlockedIncrement(&meetings.Met[releases]);
        else
            GUEST_EQUAL(STATUS_TIMEOUT, status);
    }
}

struct VISITOR {
    HANDLE Event;
    PVOID Key;
    NTSTATUS Status;
};

void NTAPI Visit(PVOID context) {
    auto& visitor = *static_cast<VISITOR*>(context);
    visitor.Status = ZwWaitForKeyedEvent(visitor.Event, visitor.Key, FALSE, nullptr);
}

} // namespace

// DSP-22
GUEST_TEST(ThreadsMeetAtTheKeyOfAKeyedEvent) {
    NAMED name(u"\\BaseNamedObjects\\Keyed1");
    HANDLE event, same, other;
    PVOID const key = reinterpret_cast<PVOID>(0x1000);
    LARGE_INTEGER tenth = {.QuadPart = -1'000'000}, brief = {.QuadPart = -10'000};
    GUEST_EQUAL(STATUS_INVALID_PARAMETER_4, ZwCreateKeyedEvent(&event, KEYEDEVENT_ALL_ACCESS, name, 1));
    GUEST_EQUAL(STATUS_SUCCESS, ZwCreateKeyedEvent(&event, KEYEDEVENT_ALL_ACCESS, name, 0));
    GUEST_EQUAL(STATUS_SUCCESS, ZwOpenKeyedEvent(&same, KEYEDEVENT_WAKE, name));
    GUEST_EQUAL(STATUS_SUCCESS, ZwCreateKeyedEvent(&other, KEYEDEVENT_ALL_ACCESS, nullptr, 0));
    GUEST_EQUAL(STATUS_INVALID_PARAMETER_1, ZwWaitForKeyedEvent(event, reinterpret_cast<PVOID>(0x1001), FALSE, &brief));
    GUEST_EQUAL(STATUS_TIMEOUT, ZwWaitForKeyedEvent(event, key, FALSE, &Now));
    GUEST_EQUAL(STATUS_TIMEOUT, ZwReleaseKeyedEvent(event, key, FALSE, &brief)); // what gave up is not met
    VISITOR visitor = {event, key, STATUS_PENDING};
    PETHREAD thread;
    GUEST_EQUAL(STATUS_SUCCESS, PsStartSystemThread(&thread, "Visit", 8, Visit, &visitor));
    GUEST_EQUAL(STATUS_TIMEOUT, ZwReleaseKeyedEvent(other, key, FALSE, &brief));   // another event
    GUEST_EQUAL(STATUS_TIMEOUT, ZwReleaseKeyedEvent(nullptr, key, FALSE, &brief)); // and that of all
    GUEST_EQUAL(STATUS_TIMEOUT, ZwReleaseKeyedEvent(event, reinterpret_cast<PVOID>(0x1004), FALSE, &brief));
    GUEST_EQUAL(STATUS_TIMEOUT, ZwWaitForKeyedEvent(event, key, FALSE, &brief)); // two that wait do not meet
    GUEST_EQUAL(STATUS_PENDING, visitor.Status);
    GUEST_EQUAL(STATUS_SUCCESS, ZwReleaseKeyedEvent(same, key, FALSE, &tenth));
    (void)KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    GUEST_EQUAL(STATUS_SUCCESS, visitor.Status);
    PsDereferenceThread(thread);
    GUEST_EQUAL(STATUS_TIMEOUT, ZwReleaseKeyedEvent(same, key, FALSE, &Now)); // one release, one thread
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH, ZwSetEvent(event, nullptr));
    const HANDLE handles[] = {event, same, other};
    for (const HANDLE handle : handles)
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(handle));
}

// DSP-22
GUEST_TEST(ThreadsOfTwoProcessesDoNotMeetAtOneKey) {
    PVOID const key = reinterpret_cast<PVOID>(0x2000);
    LARGE_INTEGER brief = {.QuadPart = -100'000};
    VISITOR visitor = {nullptr, key, STATUS_PENDING};
    PETHREAD thread;
    EPROCESS* process;
    KAPC_STATE before;
    GUEST_EQUAL(STATUS_SUCCESS, PspCreateProcess("Other", &process));
    GUEST_EQUAL(STATUS_SUCCESS, PsStartSystemThread(&thread, "Visit", 8, Visit, &visitor));
    KeStackAttachProcess(&process->Pcb, &before);
    GUEST_EQUAL(STATUS_TIMEOUT, ZwReleaseKeyedEvent(nullptr, key, FALSE, &brief));
    KeUnstackDetachProcess(&before);
    GUEST_EQUAL(STATUS_SUCCESS, ZwReleaseKeyedEvent(nullptr, key, FALSE, nullptr));
    (void)KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    PsDereferenceThread(thread);
    PspDeleteProcess(process);
}

// DSP-22
GUEST_TEST(WhoWaitsAndWhoReleasesMeetInPairs) {
    MEETINGS meetings = {nullptr, {0, 0}};
    GUEST_EQUAL(STATUS_SUCCESS, ZwCreateKeyedEvent(&meetings.Event, KEYEDEVENT_ALL_ACCESS, nullptr, 0));
    GuestTogether(MeetOften, &meetings);
    GUEST_EQUAL(meetings.Met[0], meetings.Met[1]);
    GUEST_TRUE(meetings.Met[0] != 0);
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(meetings.Event));
}
