// The end of a process while its other threads are in the middle of their work: in the heap, with its lock or waiting for it. DllMains use
// the heap after that.
// imports: third
#include "check.h"

extern "C" NTIMPORT PVOID NTAPI ThirdSelf();

namespace {

constexpr ULONG THREADS = 3;

/// The emulator runs one processor after the other. One that never pauses has the machine to itself for as long as the host's timers let it:
/// the thread that ends the process would wait for its turn, on a busy host for seconds.
NTSTATUS NTAPI Work(PVOID) {
    for (;;) {
        __asm__ __volatile__("pause");
        const PVOID block = RtlAllocateHeap(NtCurrentPeb()->ProcessHeap, 0, 100);
        CHECK(RtlFreeHeap(NtCurrentPeb()->ProcessHeap, 0, block));
    }
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB*) {
    for (ULONG i = 0; i < THREADS; i++)
        CHECK(RtlCreateUserThread(NtCurrentProcess(), nullptr, FALSE, 0, 0, 0, Work, nullptr, nullptr, nullptr) ==
              STATUS_SUCCESS);
    CHECK(ThirdSelf() != nullptr);
    LARGE_INTEGER interval{.QuadPart = -300'000}; // 30 ms: each thread has had its turn
    (void)NtDelayExecution(FALSE, &interval);
    RtlExitUserProcess(PROGRAM_PASSED);
}
