// Words for numbers.
#include "names.h"
#include "etw.h"
#include "nt/array.h"

namespace {

PCSTR Pick(nt::Span<const PCSTR> names, ULONG index) { return index < names.Size() ? names[index] : "?"; }

constexpr PCSTR StateNames[] = {"Initialized", "Ready",      "Running",       "Standby", "Terminated",
                                "Waiting",     "Transition", "DeferredReady", "GateWait"};
constexpr PCSTR WaitReasonNames[] = {
    "Executive",        "FreePage",       "PageIn",       "PoolAllocation",   "DelayExecution",   "Suspended",
    "UserRequest",      "WrExecutive",    "WrFreePage",   "WrPageIn",         "WrPoolAllocation", "WrDelayExecution",
    "WrSuspended",      "WrUserRequest",  "WrEventPair",  "WrQueue",          "WrLpcReceive",     "WrLpcReply",
    "WrVirtualMemory",  "WrPageOut",      "WrRendezvous", "WrKeyedEvent",     "WrTerminated",     "WrProcessInSwap",
    "WrCpuRateControl", "WrCalloutStack", "WrKernel",     "WrResource",       "WrPushLock",       "WrMutex",
    "WrQuantumEnd",     "WrDispatchInt",  "WrPreempted",  "WrYieldExecution", "WrFastMutex",      "WrGuardedMutex",
    "WrRundown"};
constexpr PCSTR LockNames[] = {"no lock",       "mutant",    "resource", "fast mutex",
                               "guarded mutex", "push lock", "thread",   "rundown"};
constexpr PCSTR ObjectNames[] = {
    "NotificationEvent", "SynchronizationEvent", "Mutant", "Process", "Queue", "Semaphore", "Thread", "Gate",
    "NotificationTimer", "SynchronizationTimer"};
constexpr PCSTR EventNames[] = {
    "None",       "ContextSwitch", "ThreadState", "Ready",       "Priority", "QuantumEnd",  "Wait",
    "Unwait",     "Signal",        "DpcQueue",    "DpcRun",      "TimerSet", "TimerExpire", "Interrupt",
    "Mark",       "ThreadCreate",  "ThreadEnd",   "BugCheck",    "ApcQueue", "ApcRun",      "DpcEnd",
    "WaitObject", "LockWait",      "LockAcquire", "LockRelease", "IpiSend",  "IpiReceive"};
static_assert(sizeof(EventNames) / sizeof(EventNames[0]) == static_cast<ULONG>(ETW_EVENT::IpiReceive) + 1);
static_assert(sizeof(StateNames) / sizeof(StateNames[0]) == static_cast<ULONG>(KTHREAD_STATE::GateWait) + 1);
static_assert(sizeof(LockNames) / sizeof(LockNames[0]) == static_cast<ULONG>(KLOCK_KIND::Rundown) + 1);
static_assert(sizeof(ObjectNames) / sizeof(ObjectNames[0]) ==
              static_cast<ULONG>(KOBJECTS::TimerSynchronizationObject) + 1);

} // namespace

PCSTR KdpStateName(KTHREAD_STATE state) { return Pick(StateNames, static_cast<ULONG>(state)); }
PCSTR KdpWaitReasonName(KWAIT_REASON reason) { return Pick(WaitReasonNames, static_cast<ULONG>(reason)); }
PCSTR KdpLockName(KLOCK_KIND kind) { return Pick(LockNames, static_cast<ULONG>(kind)); }
PCSTR KdpObjectName(KOBJECTS type) { return Pick(ObjectNames, static_cast<ULONG>(type)); }
PCSTR KdpEventName(UCHAR event) { return Pick(EventNames, event); }
