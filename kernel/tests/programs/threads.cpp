// Threads of a program: they share memory under critical sections, each has its own TEB and stack, DLLs are told of begin and end.
// imports: second
#include "check.h"

#include "nt/atomic.h"
#include "ps/services.h"

extern "C" NTIMPORT PCSTR NTAPI SecondNotes();

namespace {

constexpr LONG THREADS = 4, ROUNDS = 2000;
constexpr ULONG DEEP = 100 * 1024; ///< bytes of stack: the guard page moves

RTL_CRITICAL_SECTION Section;
LONG Counter; ///< shared: Section
volatile LONG Inside;

NTSTATUS NTAPI Count(PVOID parameter) {
    CHAR deep[DEEP];
    memset(deep, 1, sizeof(deep));
    CHECK(NtCurrentTeb()->NtTib.Self == &NtCurrentTeb()->NtTib);
    for (LONG i = 0; i < ROUNDS; i++) {
        CHECK(RtlEnterCriticalSection(&Section) == STATUS_SUCCESS);
        CHECK(InterlockedIncrement(&Inside) == 1);
        CHECK(RtlEnterCriticalSection(&Section) == STATUS_SUCCESS); // once more
        Counter++;
        if (i % 64 == 0) (void)NtYieldExecution();
        CHECK(InterlockedDecrement(&Inside) == 0);
        CHECK(RtlLeaveCriticalSection(&Section) == STATUS_SUCCESS);
        CHECK(RtlLeaveCriticalSection(&Section) == STATUS_SUCCESS);
    }
    return static_cast<NTSTATUS>(deep[DEEP - 1] + reinterpret_cast<LONG_PTR>(parameter));
}

ULONG CountOf(CHAR letter) {
    ULONG count = 0;
    for (PCSTR notes = SecondNotes(); *notes != 0; notes++)
        count += *notes == letter;
    return count;
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB*) {
    HANDLE threads[THREADS];
    CHECK(RtlInitializeCriticalSection(&Section) == STATUS_SUCCESS);
    CHECK(RtlLeaveCriticalSection(&Section) == STATUS_MUTANT_NOT_OWNED);
    for (LONG i = 0; i < THREADS; i++)
        CHECK(RtlCreateUserThread(NtCurrentProcess(), nullptr, FALSE, 0, 0, 0, Count,
                                  reinterpret_cast<PVOID>(LONG_PTR(i)), &threads[i], nullptr) == STATUS_SUCCESS);
    CHECK(NtWaitForMultipleObjects(THREADS, threads, WaitAll, FALSE, nullptr) == STATUS_SUCCESS);
    for (const HANDLE thread : threads)
        CHECK(NtClose(thread) == STATUS_SUCCESS);
    CHECK(Counter == THREADS * ROUNDS);
    CHECK(CountOf('t') == THREADS && CountOf('T') == THREADS);
    CHECK(Section.LockCount == -1);
    CHECK(RtlDeleteCriticalSection(&Section) == STATUS_SUCCESS);
    CHECK(RtlValidateHeap(NtCurrentPeb()->ProcessHeap, 0, nullptr));
    return PROGRAM_PASSED;
}
