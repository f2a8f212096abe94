// Several processors that do the same at once, for what is measured under contention.
//
// The emulator runs one processor at a time and passes on when that one pauses. So the section under the lock pauses
// once: the others come meanwhile and find the lock held, every time.
#pragma once

#include "ke.h"
#include "ps.h"

constexpr KPRIORITY BenchPriority = 17;
constexpr ULONG BenchMaximumProcessors = 4;

/// shared: Next and Missing are interlocked, the rest is fixed while the threads run
struct BENCH_CROWD {
    void (*Routine)(ULONG iterations, PVOID context);
    PVOID Context;
    ULONG Iterations;      ///< of each
    volatile LONG Next;    ///< processor of the next thread
    volatile LONG Missing; ///< threads that have not come yet
    KEVENT All;            ///< they have
    KEVENT Go;
};

inline void NTAPI BenchCrowdThread(PVOID StartContext) {
    auto& crowd = *static_cast<BENCH_CROWD*>(StartContext);
    KeSetAffinityThread(KeGetCurrentThread(), 1u << (InterlockedIncrement(&crowd.Next) - 1));
    if (InterlockedDecrement(&crowd.Missing) == 0) (void)KeSetEvent(&crowd.All, 0, FALSE);
    (void)KeWaitForSingleObject(&crowd.Go, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    crowd.Routine(crowd.Iterations, crowd.Context);
}

/// Runs the routine on all processors, `Iterations` times all together. @returns `Iterations`, or 0 if it could not
inline ULONG BenchOnAllProcessors(void (*Routine)(ULONG iterations, PVOID context), PVOID Context, ULONG Iterations) {
    const ULONG count = ULONG(KeNumberProcessors);
    if (count > BenchMaximumProcessors) return 0;
    BENCH_CROWD crowd{Routine, Context, Iterations / count, 0, LONG(count), {}, {}};
    KeInitializeEvent(&crowd.All, NotificationEvent, FALSE);
    KeInitializeEvent(&crowd.Go, NotificationEvent, FALSE);
    PETHREAD threads[BenchMaximumProcessors];
    for (ULONG i = 0; i < count; i++)
        if (!NT_SUCCESS(PsStartSystemThread(&threads[i], "Crowd", BenchPriority, BenchCrowdThread, &crowd))) return 0;
    (void)KeWaitForSingleObject(&crowd.All, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    (void)KeSetEvent(&crowd.Go, 0, FALSE);
    for (ULONG i = 0; i < count; i++) {
        (void)KeWaitForSingleObject(threads[i], KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        PsDereferenceThread(threads[i]);
    }
    return Iterations;
}
