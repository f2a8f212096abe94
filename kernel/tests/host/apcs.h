// Shorthands of tests with APCs: an APC with a lambda, who runs, and how often something happened.
#pragma once

#include "machine.h"

namespace host {

inline KTHREAD& Self() { return *KeGetCurrentThread(); }

/// How many events of a kind the machine recorded.
inline ULONG CountEvents(const Machine& machine, ETW_EVENT kind) {
    ULONG count = 0;
    for (const Event& event : machine.Events())
        count += event.Kind == kind ? 1 : 0;
    return count;
}

/// An APC of a thread. `Kernel` runs at APC_LEVEL; `Normal`, if given, at PASSIVE_LEVEL (or it is a user APC, which
/// nobody delivers in a machine without user mode).
struct Apc {
    KAPC Object;
    std::function<void()> Kernel;
    std::function<void()> Normal;
    bool RunDown = false;

    /// A special kernel APC.
    Apc(KTHREAD& thread, std::function<void()> kernel) : Kernel(std::move(kernel)) {
        Make(thread, nullptr, KernelMode);
    }
    /// A normal APC.
    Apc(KTHREAD& thread, std::function<void()> kernel, std::function<void()> normal, KPROCESSOR_MODE mode = KernelMode)
        : Kernel(std::move(kernel)), Normal(std::move(normal)) {
        Make(thread, RunNormal, mode);
    }

    void Make(KTHREAD& thread, PKNORMAL_ROUTINE normal, KPROCESSOR_MODE mode,
              KAPC_ENVIRONMENT environment = OriginalApcEnvironment) {
        KeInitializeApc(&Object, &thread, environment, RunKernel, RunRundown, normal, mode, this);
    }
    bool Queue(KPRIORITY increment = 0) { return KeInsertQueueApc(&Object, nullptr, nullptr, increment); }

    static void NTAPI RunKernel(PKAPC apc, PKNORMAL_ROUTINE*, PVOID*, PVOID*, PVOID*) {
        Apc* const self = reinterpret_cast<Apc*>(apc); // it begins with Object
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(APC_LEVEL));
        EXPECT_EQ(KeGetCurrentThread(), apc->Thread);
        EXPECT_FALSE(apc->Inserted) << "it is off its queue when its kernel routine runs";
        if (self->Kernel) self->Kernel();
    }
    static void NTAPI RunNormal(PVOID context, PVOID, PVOID) {
        Apc* const self = static_cast<Apc*>(context);
        EXPECT_EQ(unsigned(KeGetCurrentIrql()), unsigned(PASSIVE_LEVEL));
        EXPECT_EQ(KeGetCurrentThread(), self->Object.Thread);
        EXPECT_TRUE(KeGetCurrentThread()->ApcState.KernelApcInProgress);
        if (self->Normal) self->Normal();
    }
    static void NTAPI RunRundown(PKAPC apc) { reinterpret_cast<Apc*>(apc)->RunDown = true; }
};

} // namespace host
