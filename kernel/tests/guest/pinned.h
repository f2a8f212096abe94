// What tests of several processors share: threads that stay where they are put, and waiting for what another processor does.
#pragma once

#include "guest_test.h"
#include "hal.h"
#include "ps.h"

inline ULONG Processors() { return ULONG(KeNumberProcessors); }
inline KAFFINITY All() { return KeActiveProcessors; }
inline KAFFINITY Only(ULONG processor) { return KAFFINITY(1) << processor; }

inline void Sleep(LONG milliseconds) {
    LARGE_INTEGER interval = KeRelativeMilliseconds(milliseconds);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

/// Spins until the condition holds, for so many clock ticks at most. @returns whether it holds
template <typename Condition> bool Comes(Condition condition, ULONG ticks = 20) {
    LARGE_INTEGER start, now;
    KeQueryTickCount(&start);
    do {
        if (condition()) return true;
        YieldProcessor();
        KeQueryTickCount(&now);
    } while (now.QuadPart - start.QuadPart < LONGLONG(ticks));
    return condition();
}

/// A thread that may run on `affinity` and whose ideal processor is the lowest of `ideal`.
inline PETHREAD StartOn(KAFFINITY affinity, ULONG ideal, KPRIORITY priority, PKSTART_ROUTINE routine, PVOID context) {
    KPROCESS& process =
        PsInitialSystemProcess->Pcb; // new threads inherit its affinity and take turns in its processors
    process.Affinity = affinity;
    process.ThreadSeed = UCHAR(ideal);
    PETHREAD thread = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, PsStartSystemThread(&thread, "Processors", priority, routine, context));
    process.Affinity = ~KAFFINITY(0);
    return thread;
}

inline void Join(PETHREAD thread) {
    LARGE_INTEGER timeout = KeRelativeMilliseconds(5000);
    GUEST_EQUAL(STATUS_SUCCESS, KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, &timeout));
    PsDereferenceThread(thread);
}

/// Keeps a processor busy until it is told to stop, and says where it runs.
struct SPINNER {
    volatile bool Stop;
    volatile ULONG Turns;
    volatile ULONG Processor;
};
inline void NTAPI Spin(PVOID context) {
    auto& me = *static_cast<SPINNER*>(context);
    while (!me.Stop) {
        me.Processor = KeGetCurrentProcessorNumber();
        me.Turns = me.Turns + 1;
        YieldProcessor();
    }
}

/// A spinner of `priority` on each processor but this one.
struct SPINNERS {
    SPINNER Spinner[MAXIMUM_PROCESSORS] = {};
    PETHREAD Thread[MAXIMUM_PROCESSORS] = {};

    explicit SPINNERS(KPRIORITY priority) {
        for (ULONG i = 1; i < Processors(); i++)
            Thread[i] = StartOn(Only(i), i, priority, Spin, &Spinner[i]);
        for (ULONG i = 1; i < Processors(); i++)
            GUEST_TRUE(Comes([&] { return Spinner[i].Turns != 0; }));
    }
    void Stop(ULONG i) {
        Spinner[i].Stop = true;
        Join(Thread[i]);
        Thread[i] = nullptr;
    }
    ~SPINNERS() {
        for (ULONG i = 1; i < Processors(); i++)
            if (Thread[i]) Stop(i);
    }
};
