// Runs a routine on every processor at once, for guest tests of what processors share.
//
// One thread a processor, at least two threads: with one processor they share it, and only their quantum ends interleave
// them. All begin together.
#pragma once

#include "guest_test.h"
#include "ps.h"

constexpr ULONG GUEST_TOGETHER_MAXIMUM = 4;

/// shared: Missing and Next are interlocked, the rest is fixed while the threads run
struct GUEST_TOGETHER {
    void (*Routine)(ULONG index, PVOID context);
    PVOID Context;
    ULONG Count;
    volatile LONG Next;
    volatile LONG Missing; ///< threads that have not come yet
};

inline void NTAPI GuestTogetherThread(PVOID StartContext) {
    auto& together = *static_cast<GUEST_TOGETHER*>(StartContext);
    const ULONG index = ULONG(InterlockedIncrement(&together.Next) - 1);
    KeSetAffinityThread(KeGetCurrentThread(), 1u << (index % ULONG(KeNumberProcessors)));
    InterlockedDecrement(&together.Missing);
    while (together.Missing != 0) {
        if (KeNumberProcessors == 1) {
            (void)KeYieldExecution();
        } else {
            YieldProcessor();
        }
    }
    together.Routine(index, together.Context);
}

/// @returns how many threads ran `Routine`; all have ended
inline ULONG GuestTogether(void (*Routine)(ULONG index, PVOID context), PVOID Context) {
    ULONG count = ULONG(KeNumberProcessors);
    if (count < 2) count = 2;
    if (count > GUEST_TOGETHER_MAXIMUM) count = GUEST_TOGETHER_MAXIMUM;
    GUEST_TOGETHER together{Routine, Context, count, 0, LONG(count)};
    PETHREAD threads[GUEST_TOGETHER_MAXIMUM];
    for (ULONG i = 0; i < count; i++) {
        if (!GUEST_TRUE(NT_SUCCESS(PsStartSystemThread(&threads[i], "Together", 8, GuestTogetherThread, &together))))
            return 0;
    }
    for (ULONG i = 0; i < count; i++) {
        (void)KeWaitForSingleObject(threads[i], KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        PsDereferenceThread(threads[i]);
    }
    return count;
}
