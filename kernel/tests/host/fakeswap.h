// A memory manager for tests of the swapper: a stack that is out has no fiber, so that a switch to it ends the test.
#pragma once

#include "ke/ki.h"
#include "waits.h"

#include <map>

namespace host {

inline KPROCESS_STATE StateOf(const KPROCESS& process) { return process.State; }

/// What the swapper asked for.
struct FakeMemory {
    std::map<KTHREAD*, PVOID> Out; ///< the stacks that are out
    std::vector<std::string> Calls;
    std::function<void(KTHREAD*)> WhileOut, WhileIn;
    std::function<void(KPROCESS*)> WhileProcessOut;
};
inline FakeMemory Memory;

inline void NTAPI OutPage(PKTHREAD thread) {
    EXPECT_FALSE(thread->KernelStackResident);
    EXPECT_EQ(Memory.Out.count(thread), 0u);
    Memory.Calls.emplace_back("out");
    Memory.Out[thread] = thread->KernelStack;
    thread->KernelStack = nullptr;                     // a switch to it ends the test
    if (const auto act = Memory.WhileOut) act(thread); // a copy: it may take itself away
}
inline void NTAPI InPage(PKTHREAD thread) {
    EXPECT_EQ(StateOf(*thread), KTHREAD_STATE::Transition);
    EXPECT_EQ(Memory.Out.count(thread), 1u);
    EXPECT_EQ(StateOf(*thread->Process), KPROCESS_STATE::ProcessInMemory);
    Memory.Calls.emplace_back("in");
    if (const auto act = Memory.WhileIn) act(thread); // a copy: it may take itself away
    thread->KernelStack = Memory.Out[thread];
    Memory.Out.erase(thread);
}
inline void NTAPI OutProcess(PKPROCESS process) {
    EXPECT_EQ(StateOf(*process), KPROCESS_STATE::ProcessOutSwap);
    EXPECT_EQ(process->StackCount, 0u);
    Memory.Calls.emplace_back("process");
    if (const auto act = Memory.WhileProcessOut) act(process); // a copy: it may take itself away
}
inline const KSWAP_CALLS SwapCalls = {OutPage, InPage, OutProcess};

class SwapTest : public KernelTest {
protected:
    void StartSwapper() {
        Memory = {};
        machine->Spawn(KE_SWAPPER_PRIORITY, [] { KeSwapProcessOrStack(const_cast<KSWAP_CALLS*>(&SwapCalls)); });
    }
    /// A thread of a process of its own.
    Thread* Start(KPROCESS* process, std::function<void()> body) {
        Thread* const thread = machine->Make(9, std::move(body));
        machine->Start(thread, process);
        return thread;
    }
    ~SwapTest() override { Memory = {}; }
};

inline NTSTATUS UserWait(PVOID object, BOOLEAN alertable = FALSE, PLARGE_INTEGER timeout = nullptr) {
    return KeWaitForSingleObject(object, KWAIT_REASON::UserRequest, UserMode, alertable, timeout);
}
inline bool IsOut(const Thread* thread) { return !thread->Tcb.KernelStackResident; }

/// An event of a test.
struct SIGNAL {
    KEVENT Event;
    explicit SIGNAL(EVENT_TYPE type = SynchronizationEvent) { KeInitializeEvent(&Event, type, FALSE); }
    void Set() { (void)KeSetEvent(&Event, 0, FALSE); }
};

} // namespace host
