// Slim reader/writer locks and condition variables of ntdll.dll, keyed events as a program calls them.
// DSP-22
#include "check.h"

#include "nt/atomic.h"
#include "ps/services.h"

namespace {

constexpr LONG WRITERS = 2, READERS = 3, ROUNDS = 600, ITEMS = 500;

RTL_SRWLOCK Lock;
volatile LONG Reading, Writing; ///< threads in the lock
LONG First, Second;             ///< shared: Lock. Always equal outside of it

void Rest(LONG round) {
    if (round % 16 == 0) (void)NtYieldExecution();
}

NTSTATUS NTAPI Write(PVOID) {
    for (LONG i = 0; i < ROUNDS; i++) {
        if (i % 3 != 0 || !RtlTryAcquireSRWLockExclusive(&Lock)) RtlAcquireSRWLockExclusive(&Lock);
        CHECK(InterlockedIncrement(&Writing) == 1 && Reading == 0);
        First++;
        Rest(i);
        Second++;
        CHECK(InterlockedDecrement(&Writing) == 0);
        RtlReleaseSRWLockExclusive(&Lock);
    }
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI Read(PVOID) {
    for (LONG i = 0; i < ROUNDS; i++) {
        if (i % 3 != 0 || !RtlTryAcquireSRWLockShared(&Lock)) RtlAcquireSRWLockShared(&Lock);
        InterlockedIncrement(&Reading);
        CHECK(Writing == 0 && First == Second);
        Rest(i);
        InterlockedDecrement(&Reading);
        RtlReleaseSRWLockShared(&Lock);
    }
    return STATUS_SUCCESS;
}

/// A box for one number. A thread that puts waits until it is empty, one that takes until it is full.
struct BOX {
    RTL_CRITICAL_SECTION Section;
    RTL_CONDITION_VARIABLE Emptied, Filled;
    LONG Number; ///< 0: empty
    LONG Taken, Sum;
};
BOX Box;

NTSTATUS NTAPI Put(PVOID) {
    LARGE_INTEGER brief = {.QuadPart = -100};
    for (LONG i = 1; i <= ITEMS; i++) {
        (void)RtlEnterCriticalSection(&Box.Section);
        while (Box.Number != 0) { // every third wait is impatient: times run out while others wake
            const NTSTATUS status =
                RtlSleepConditionVariableCS(&Box.Emptied, &Box.Section, i % 3 == 0 ? &brief : nullptr);
            CHECK(status == STATUS_SUCCESS || (status == STATUS_TIMEOUT && i % 3 == 0));
        }
        Box.Number = i;
        (void)RtlLeaveCriticalSection(&Box.Section);
        RtlWakeConditionVariable(&Box.Filled);
    }
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI Take(PVOID) {
    for (;;) {
        (void)RtlEnterCriticalSection(&Box.Section);
        while (Box.Number == 0 && Box.Taken < 2 * ITEMS)
            CHECK(RtlSleepConditionVariableCS(&Box.Filled, &Box.Section, nullptr) == STATUS_SUCCESS);
        const bool all = Box.Taken == 2 * ITEMS;
        if (!all) {
            Box.Taken++;
            Box.Sum += Box.Number;
            Box.Number = 0;
        }
        const bool last = Box.Taken == 2 * ITEMS;
        (void)RtlLeaveCriticalSection(&Box.Section);
        if (last) RtlWakeAllConditionVariable(&Box.Filled);
        if (all) return STATUS_SUCCESS;
        RtlWakeConditionVariable(&Box.Emptied);
    }
}

RTL_SRWLOCK Gate;
RTL_CONDITION_VARIABLE Open;
LONG Opened; ///< shared: Gate

NTSTATUS NTAPI PassTheGate(PVOID) {
    RtlAcquireSRWLockShared(&Gate);
    while (Opened == 0)
        CHECK(RtlSleepConditionVariableSRW(&Open, &Gate, nullptr, RTL_CONDITION_VARIABLE_LOCKMODE_SHARED) ==
              STATUS_SUCCESS);
    RtlReleaseSRWLockShared(&Gate);
    return STATUS_SUCCESS;
}

constexpr ULONG MOST = 5;

/// Threads that a check has started.
class THREADS {
public:
    void Start(PUSER_THREAD_START_ROUTINE routine) {
        CHECK(RtlCreateUserThread(NtCurrentProcess(), nullptr, FALSE, 0, 0, 0, routine, nullptr, &m_handles[m_count++],
                                  nullptr) == STATUS_SUCCESS);
    }
    /// @returns whether they ended before the time was over
    bool Join(LARGE_INTEGER* timeout = nullptr) {
        return NtWaitForMultipleObjects(m_count, m_handles, WaitAll, FALSE, timeout) == STATUS_SUCCESS;
    }

private:
    HANDLE m_handles[MOST];
    ULONG m_count = 0;
};

void CheckReadersAndWriters() {
    THREADS threads;
    for (LONG i = 0; i < READERS; i++)
        threads.Start(Read);
    for (LONG i = 0; i < WRITERS; i++)
        threads.Start(Write);
    CHECK(threads.Join());
    CHECK(First == WRITERS * ROUNDS && Second == First && !Lock.Ptr);
    CHECK(RtlTryAcquireSRWLockShared(&Lock) && RtlTryAcquireSRWLockShared(&Lock));
    CHECK(!RtlTryAcquireSRWLockExclusive(&Lock));
    RtlReleaseSRWLockShared(&Lock);
    RtlReleaseSRWLockShared(&Lock);
    CHECK(RtlTryAcquireSRWLockExclusive(&Lock) && !RtlTryAcquireSRWLockShared(&Lock));
    RtlReleaseSRWLockExclusive(&Lock);
    __try {
        RtlReleaseSRWLockExclusive(&Lock); // no thread has it
        CHECK(false);
    } __except (GetExceptionCode() == STATUS_RESOURCE_NOT_OWNED) {}
}

void CheckTheBox() {
    THREADS threads;
    CHECK(RtlInitializeCriticalSection(&Box.Section) == STATUS_SUCCESS);
    threads.Start(Put);
    threads.Start(Put);
    for (LONG i = 0; i < 3; i++)
        threads.Start(Take);
    CHECK(threads.Join());
    CHECK(Box.Taken == 2 * ITEMS && Box.Sum == ITEMS * (ITEMS + 1));
    CHECK(!Box.Emptied.Ptr && !Box.Filled.Ptr);
}

void CheckTheGate() {
    THREADS threads;
    LARGE_INTEGER brief = {.QuadPart = -200'000};
    for (LONG i = 0; i < 3; i++)
        threads.Start(PassTheGate);
    CHECK(!threads.Join(&brief));
    RtlAcquireSRWLockExclusive(&Gate);
    CHECK(RtlSleepConditionVariableSRW(&Open, &Gate, &brief, 0) == STATUS_TIMEOUT); // and has the lock again
    CHECK(!RtlTryAcquireSRWLockShared(&Gate));
    Opened = 1;
    RtlReleaseSRWLockExclusive(&Gate);
    RtlWakeAllConditionVariable(&Open);
    CHECK(threads.Join());
    RtlWakeConditionVariable(&Open); // nobody: forgotten
    CHECK(!Open.Ptr && !Gate.Ptr);
}

void CheckKeyedEvents() {
    HANDLE event;
    LARGE_INTEGER now = {.QuadPart = 0};
    CHECK(NtCreateKeyedEvent(&event, KEYEDEVENT_WAIT, nullptr, 0) == STATUS_SUCCESS);
    CHECK(NtWaitForKeyedEvent(event, &event, FALSE, &now) == STATUS_TIMEOUT);
    CHECK(NtReleaseKeyedEvent(event, &event, FALSE, &now) == STATUS_ACCESS_DENIED);
    CHECK(NtWaitForKeyedEvent(event, &event, FALSE, reinterpret_cast<LARGE_INTEGER*>(4)) == STATUS_ACCESS_VIOLATION);
    CHECK(NtWaitForSingleObject(event, FALSE, &now) == STATUS_ACCESS_DENIED); // it is no dispatcher object
    CHECK(NtClose(event) == STATUS_SUCCESS);
    CHECK(NtReleaseKeyedEvent(event, &event, FALSE, &now) == STATUS_INVALID_HANDLE);
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB*) {
    CheckKeyedEvents();
    CheckReadersAndWriters();
    CheckTheBox();
    CheckTheGate();
    return PROGRAM_PASSED;
}
