// Shorthands of tests that wait.
#pragma once

#include "machine.h"

namespace host {

inline NTSTATUS WaitFor(PVOID object) {
    return KeWaitForSingleObject(object, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
}
inline NTSTATUS WaitFor(PVOID object, LARGE_INTEGER timeout) {
    return KeWaitForSingleObject(object, KWAIT_REASON::Executive, KernelMode, FALSE, &timeout);
}
/// Waits for as long as it takes.
inline void Await(PVOID object) { EXPECT_EQ(WaitFor(object), STATUS_SUCCESS); }
inline NTSTATUS WaitForSeveral(std::vector<PVOID> objects, WAIT_TYPE type, KWAIT_BLOCK* blocks = nullptr,
                               PLARGE_INTEGER timeout = nullptr) {
    return KeWaitForMultipleObjects(ULONG(objects.size()), objects.data(), type, KWAIT_REASON::Executive, KernelMode,
                                    FALSE, timeout, blocks);
}
inline void Sleep(LONGLONG ticks) {
    LARGE_INTEGER interval = Ticks(ticks);
    EXPECT_EQ(KeDelayExecutionThread(KernelMode, FALSE, &interval), STATUS_SUCCESS);
}
/// A volatile field, read once.
inline KTHREAD_STATE StateOf(const KTHREAD& thread) { return thread.State; }
/// A wait's result as a number, for readable failures.
inline ULONG Code(NTSTATUS status) { return ULONG(status); }

} // namespace host
