// Thread states: the one place where KTHREAD::State and KTHREAD::Priority change.
//
// Everything that wants to follow the scheduler (the event ring, and through it the grader and the monitor) follows
// these two routines. Checked builds stop at a transition that is not in the figure of README.md.
// Locks: the callers hold what protects the thread in its old state (ki/scheduler.h). IRQL: <= HIGH_LEVEL.
// In the books: "thread states". SCH-04..08, SCH-10
#include "ke/ki.h"
#include "ke/ki/lockrecords.h"

namespace {

constexpr ULONG Bit(KTHREAD_STATE state) { return 1u << ULONG(state); }

/// The states that may follow each state. Indexed by KTHREAD_STATE.
constexpr ULONG Successors[] = {
    /* Initialized   */ Bit(KTHREAD_STATE::DeferredReady) | Bit(KTHREAD_STATE::Transition) |
        Bit(KTHREAD_STATE::Running), // Running: the idle thread
    /* Ready         */ Bit(KTHREAD_STATE::Standby) | Bit(KTHREAD_STATE::Running) | Bit(KTHREAD_STATE::DeferredReady),
    /* Running       */ Bit(KTHREAD_STATE::Ready) | Bit(KTHREAD_STATE::Waiting) | Bit(KTHREAD_STATE::Terminated) |
        Bit(KTHREAD_STATE::DeferredReady) | Bit(KTHREAD_STATE::GateWait),
    /* Standby       */ Bit(KTHREAD_STATE::Running) | Bit(KTHREAD_STATE::Ready) | Bit(KTHREAD_STATE::DeferredReady),
    /* Terminated    */ Bit(KTHREAD_STATE::Initialized),
    /* Waiting       */ Bit(KTHREAD_STATE::DeferredReady) | Bit(KTHREAD_STATE::Transition),
    /* Transition    */ Bit(KTHREAD_STATE::DeferredReady),
    /* DeferredReady */ Bit(KTHREAD_STATE::Ready) | Bit(KTHREAD_STATE::Standby),
    /* GateWait      */ Bit(KTHREAD_STATE::DeferredReady),
};

} // namespace

void NTAPI KiSetThreadState(PKTHREAD Thread, KTHREAD_STATE NewState) {
    const KTHREAD_STATE oldState = Thread->State;
    NT_ASSERT(ULONG(oldState) < sizeof(Successors) / sizeof(Successors[0]));
    NT_ASSERT((Successors[ULONG(oldState)] & Bit(NewState)) != 0);
    if (NewState == KTHREAD_STATE::Waiting || NewState == KTHREAD_STATE::GateWait) {
        KiTraceWaitObjects(Thread);
        if (Thread->WaitMode == UserMode && NewState == KTHREAD_STATE::Waiting) {
            nt::AssumeDispatchLevel(); // a wait begins under the dispatcher lock
            KiEnterWaitList(Thread);
        }
    }
    Thread->State = NewState;
    EtwTraceEvent(ETW_EVENT::ThreadState, reinterpret_cast<ULONG_PTR>(Thread), ULONG_PTR(oldState), ULONG_PTR(NewState),
                  ULONG_PTR(Thread->Priority));
    if (NewState == KTHREAD_STATE::Waiting || NewState == KTHREAD_STATE::GateWait) {
        KeAssertDispatchLevel();
        KiCheckDeadlock(Thread);
    }
}

void NTAPI KiChangePriority(PKTHREAD Thread, KPRIORITY Priority, KPRIORITY_CHANGE Reason) {
    NT_ASSERT(Priority >= LOW_PRIORITY && Priority <= HIGH_PRIORITY);
    const KPRIORITY oldPriority = Thread->Priority;
    if (oldPriority == Priority) return;
    Thread->Priority = SCHAR(Priority);
    EtwTraceEvent(ETW_EVENT::Priority, reinterpret_cast<ULONG_PTR>(Thread), ULONG_PTR(oldPriority), ULONG_PTR(Priority),
                  ULONG_PTR(Reason));
}
