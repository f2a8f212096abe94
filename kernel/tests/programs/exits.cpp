// The end of a process while its other threads are in the middle of their work: in the heap, with its lock or waiting for it. DllMains use
// the heap after that.
// imports: third
#include "check.h"

extern "C" NTIMPORT PVOID NTAPI ThirdSelf();

namespace {

constexpr ULONG THREADS = 3;

NTSTATUS NTAPI Work(PVOID) {
    for (;;) {
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
