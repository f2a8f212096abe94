// Gates: waiting and waking without the dispatcher database.
//
// Compare KeSetEvent: there the database is locked, wait blocks of any kind of wait are looked at, and the thread goes
// through the deferred ready list. Here the signal takes the gate's lock, takes the first thread off the list, and calls
// KiDeferredReadyThread itself.
// Locks: the gate's -> ThreadLock; then, without these, what KiDeferredReadyThread takes. A thread that belongs to a KQUEUE
// costs the dispatcher database after all: the queue's count of active threads is kept there.
// IRQL: KeWaitForGate <= APC_LEVEL, KeSignalGateBoostPriority <= DISPATCH_LEVEL.
// In the books: "dispatcher objects: gates", "gate wait state". DSP-10, SCH-07
#include "ke/ki.h"

namespace {

constexpr LONG Locked = LONG(0x80000000); ///< in Header.Lock; no byte of the header uses this bit
constexpr KLOCK_RANK GateRank = KLOCK_RANK::Gate;

/// The gate's word, as the checks of spin locks know it: an address.
PKSPIN_LOCK LockOf(KGATE& gate) { return reinterpret_cast<PKSPIN_LOCK>(const_cast<LONG*>(&gate.Header.Lock)); }

/// Holds a gate's lock: a spin lock that is one bit.
class SCOPED_CAPABILITY GateGuard {
public:
    explicit GateGuard(KGATE& gate) ACQUIRE_(gate) REQUIRES_(AtDispatchLevel) IMPLEMENTS_LOCK : m_gate(gate) {
        KiBeforeAcquireLock(LockOf(gate), GateRank);
        while ((InterlockedOr(&gate.Header.Lock, Locked) & Locked) != 0) {
            while ((gate.Header.Lock & Locked) != 0)
                YieldProcessor();
        }
        KiAfterAcquireLock(LockOf(gate), GateRank);
    }
    // Clang counts AtDispatchLevel as the guard's own because the constructor requires it, so the destructor gives it back.
    ~GateGuard() RELEASE_() ACQUIRE_(AtDispatchLevel) NO_THREAD_SAFETY_ANALYSIS {
        KiBeforeReleaseLock(LockOf(m_gate));
        InterlockedAnd(&m_gate.Header.Lock, ~Locked);
    }
    GateGuard(const GateGuard&) = delete;
    GateGuard& operator=(const GateGuard&) = delete;

private:
    KGATE& m_gate;
};

/// A thread that waits for a gate lets another thread of its queue go on. The signal may have come already: then the
/// queue counts one too many for a moment, and this puts it right and looks for a waiter that was passed over.
void BlockInQueue(KTHREAD* thread) REQUIRES_(AtDispatchLevel) {
    if (!thread->Queue) return;
    nt::SpinLockAtDpcGuard guard(KiDispatcherLock);
    if (thread->Queue) KiActivateWaiterQueue(thread->Queue); // unless it was run down
}

void ResumeInQueue(KTHREAD* thread) REQUIRES_(AtDispatchLevel) {
    if (!thread->Queue) return;
    nt::SpinLockAtDpcGuard guard(KiDispatcherLock);
    if (thread->Queue) KiResumeInQueue(thread->Queue);
}

/// Ends the gate wait of a thread that has left the gate's list: the shortest way to a processor.
void MakeReady(KTHREAD* thread) REQUIRES_(AtDispatchLevel) {
    ResumeInQueue(thread);
    nt::SpinLockAtDpcGuard guard(thread->ReadyLock); // as KiProcessDeferredReadyList does
    KiSetThreadState(thread, KTHREAD_STATE::DeferredReady);
    KiDeferredReadyThread(thread);
}

/// Takes the thread off its gate's list; only the caller ends its wait now.
void LeaveGate(KTHREAD* thread, NTSTATUS status) REQUIRES_(thread->ThreadLock) {
    RemoveEntryList(&thread->WaitBlock[0].WaitListEntry);
    thread->GateObject = nullptr;
    thread->WaitStatus = status;
    EtwTraceEvent(ETW_EVENT::Unwait, reinterpret_cast<ULONG_PTR>(thread), ULONG_PTR(status), 0, 0);
}

/// Takes the first waiter off the list. @returns nullptr if there was none: the gate is signaled then
KTHREAD* TakeWaiter(KGATE* gate) REQUIRES_(gate, AtDispatchLevel) {
    EtwTraceEvent(ETW_EVENT::Signal, reinterpret_cast<ULONG_PTR>(gate), ULONG_PTR(gate->Header.Type),
                  ULONG_PTR(gate->Header.SignalState), 1);
    if (IsListEmpty(&gate->Header.WaitListHead)) {
        gate->Header.SignalState = 1;
        return nullptr;
    }
    KTHREAD* const thread = CONTAINING_RECORD(gate->Header.WaitListHead.Flink, KWAIT_BLOCK, WaitListEntry)->Thread;
    nt::SpinLockAtDpcGuard guard(thread->ThreadLock);
    LeaveGate(thread, STATUS_SUCCESS);
    KiBoostToCaller(thread);
    return thread;
}

/// Puts the thread on the gate's list, in state GateWait, unless the gate is signaled. @returns whether it waits
bool EnterGate(KGATE* gate, KTHREAD* thread) REQUIRES_(gate, AtDispatchLevel) {
    if (gate->Header.SignalState > 0) {
        gate->Header.SignalState = 0;
        return false;
    }
    nt::SpinLockAtDpcGuard guard(thread->ThreadLock);
    KWAIT_BLOCK* const block = &thread->WaitBlock[0];
    block->Thread = thread;
    block->Object = &gate->Header;
    block->NextWaitBlock = block;
    block->WaitKey = 0;
    block->WaitType = WaitAny;
    InsertTailList(&gate->Header.WaitListHead, &block->WaitListEntry);
    thread->WaitBlockList = block;
    thread->GateObject = gate;
    thread->WaitTime = KeTickCount.LowPart;
    EtwTraceEvent(ETW_EVENT::Wait, reinterpret_cast<ULONG_PTR>(thread), 1, ULONG_PTR(WaitAny), FALSE);
    thread->SwapBusy = TRUE; // as soon as the gate is free, another processor may end this wait
    KiSetThreadState(thread, KTHREAD_STATE::GateWait);
    return true;
}

} // namespace

void FASTCALL KeInitializeGate(PKGATE Gate) {
    *Gate = {};
    Gate->Header.Type = KOBJECTS::GateObject;
    Gate->Header.Size = sizeof(KGATE) / sizeof(ULONG);
    InitializeListHead(&Gate->Header.WaitListHead);
}

void FASTCALL KeWaitForGate(PKGATE Gate, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode) {
    KTHREAD* const thread = KeGetCurrentThread();
    NT_ASSERT(KeGetCurrentIrql() <= APC_LEVEL && !thread->WaitNext);
    thread->WaitReason = WaitReason;
    thread->WaitMode = WaitMode;
    thread->Alertable = FALSE;
    thread->WaitIrql = KeRaiseIrqlToDpcLevel();
    bool waits;
    {
        GateGuard guard(*Gate);
        waits = EnterGate(Gate, thread);
    }
    if (!waits) {
        KeLowerIrql(thread->WaitIrql);
        return;
    }
    BlockInQueue(thread);
    (void)KiSwapThread();
}

void FASTCALL KeSignalGateBoostPriority(PKGATE Gate) {
    const KIRQL oldIrql = KeRaiseIrqlToDpcLevel();
    KTHREAD* thread;
    {
        GateGuard guard(*Gate);
        thread = TakeWaiter(Gate);
    }
    if (thread) MakeReady(thread);
    KiExitDispatcher(oldIrql);
}
