// The dispatcher header and the objects that threads wait for: events, mutants, semaphores.
//
// Every waitable object begins with a DISPATCHER_HEADER: its type, its signal state and the list of wait blocks of
// the threads that wait for it. One lock, the dispatcher database lock, guards all headers, wait blocks and timers'
// due times; it is private to ke, so these fields are only touched there.
// Invariant: a wait block is on an object's WaitListHead exactly while its thread waits for that object.
// In the books: "dispatcher objects", "waiting for dispatcher objects". DSP-01..05, DSP-12..14, DSP-16
#pragma once

#include "ke/spinlock.h"
#include "nt/list.h"
#include "nt/mode.h"
#include "nt/narrow.h"
#include "ntstatus.h"

struct KTHREAD;
struct KPROCESS;
struct KQUEUE;
struct KGATE;
using PKTHREAD = KTHREAD*;
using PKPROCESS = KPROCESS*;

/// DISPATCHER_HEADER::Type: what kind of object follows the header (documented values).
enum class KOBJECTS : UCHAR {
    EventNotificationObject = 0,
    EventSynchronizationObject = 1,
    MutantObject = 2,
    ProcessObject = 3,
    QueueObject = 4,
    SemaphoreObject = 5,
    ThreadObject = 6,
    GateObject = 7,
    TimerNotificationObject = 8,
    TimerSynchronizationObject = 9,
};

/// The common head of every waitable object.
/// shared: KiDispatcherLock guards it; SignalState may be read without, as a snapshot (KeReadStateXxx)
struct DISPATCHER_HEADER {
    union {
        struct {
            KOBJECTS Type;
            UCHAR Absolute; ///< timers: due at a system time, so it follows KeSetSystemTime
            UCHAR Size;     ///< of the whole object, in 32-bit words
            UCHAR Inserted; ///< timers: in the timer table
        };
        volatile LONG Lock; ///< the four as one word: a gate's lock is the highest bit of it
    };
    LONG SignalState;        ///< > 0: signaled (a mutant: 1 free, <= 0 owned, counting recursion downwards)
    LIST_ENTRY WaitListHead; ///< of KWAIT_BLOCK::WaitListEntry, in the order of waiting
};
using PDISPATCHER_HEADER = DISPATCHER_HEADER*;
PUBLIC_SIZE(DISPATCHER_HEADER, 16);
PUBLIC_OFFSET(DISPATCHER_HEADER, Size, 2);
PUBLIC_OFFSET(DISPATCHER_HEADER, Inserted, 3);
PUBLIC_OFFSET(DISPATCHER_HEADER, SignalState, 4);

/// Whether a wait ends with all of its objects, or with any of them.
enum class WAIT_TYPE : LONG { WaitAll = 0, WaitAny = 1 };
inline constexpr WAIT_TYPE WaitAll = WAIT_TYPE::WaitAll;
inline constexpr WAIT_TYPE WaitAny = WAIT_TYPE::WaitAny;

/// Why a thread waits: for tools that show it; the dispatcher does not look at it.
/// (Documented values. The first seven are for callers of the wait routines, the Wr ones for the kernel's own waits.)
enum class KWAIT_REASON : LONG {
    Executive,
    FreePage,
    PageIn,
    PoolAllocation,
    DelayExecution,
    Suspended,
    UserRequest,
    WrExecutive,
    WrFreePage,
    WrPageIn,
    WrPoolAllocation,
    WrDelayExecution,
    WrSuspended,
    WrUserRequest,
    WrEventPair,
    WrQueue,
    WrLpcReceive,
    WrLpcReply,
    WrVirtualMemory,
    WrPageOut,
    WrRendezvous,
    WrKeyedEvent,
    WrTerminated,
    WrProcessInSwap,
    WrCpuRateControl,
    WrCalloutStack,
    WrKernel,
    WrResource,
    WrPushLock,
    WrMutex,
    WrQuantumEnd,
    WrDispatchInt,
    WrPreempted,
    WrYieldExecution,
    WrFastMutex,
    WrGuardedMutex,
    WrRundown,
};

/// One thread waiting for one object: on the object's WaitListHead, and chained to the thread's other blocks of the
/// same wait in a ring (NextWaitBlock).
/// shared: KiDispatcherLock guards it
struct KWAIT_BLOCK {
    LIST_ENTRY WaitListEntry;
    KTHREAD* Thread;
    DISPATCHER_HEADER* Object;
    KWAIT_BLOCK* NextWaitBlock;
    USHORT WaitKey; ///< index of the object in the wait: STATUS_WAIT_0 + WaitKey is the result of WaitAny
    nt::Narrow<WAIT_TYPE, USHORT> WaitType;
};
using PKWAIT_BLOCK = KWAIT_BLOCK*;
PUBLIC_SIZE(KWAIT_BLOCK, 24);
PUBLIC_OFFSET(KWAIT_BLOCK, WaitType, 22);

constexpr ULONG THREAD_WAIT_OBJECTS = 3;   ///< objects a wait may name without a KWAIT_BLOCK array of its own
constexpr ULONG MAXIMUM_WAIT_OBJECTS = 64; ///< at most 64, ERR-04
constexpr ULONG TIMER_WAIT_BLOCK = 3;      ///< the thread's wait block for its time-out timer

/// Whether an event stays signaled and releases all threads that wait, or releases one and is reset by that.
enum class EVENT_TYPE : LONG { NotificationEvent = 0, SynchronizationEvent = 1 };
inline constexpr EVENT_TYPE NotificationEvent = EVENT_TYPE::NotificationEvent;
inline constexpr EVENT_TYPE SynchronizationEvent = EVENT_TYPE::SynchronizationEvent;

/// An object that one thread signals and others wait for.
/// shared: as its header
struct KEVENT {
    DISPATCHER_HEADER Header;
};
using PKEVENT = KEVENT*;
using PRKEVENT = KEVENT*;

/// A count of units, of which every wait takes one.
/// shared: as its header; Limit is fixed when the semaphore is made
struct KSEMAPHORE {
    DISPATCHER_HEADER Header; ///< SignalState is the count; signaled while > 0 (ERR-03)
    LONG Limit;
};
using PKSEMAPHORE = KSEMAPHORE*;
PUBLIC_SIZE(KSEMAPHORE, 20);

/// A mutual-exclusion object with an owner, which may acquire it again; known to users as a mutex.
/// shared: KiDispatcherLock guards it; owner and Abandoned may be read without, as a snapshot
struct KMUTANT {
    DISPATCHER_HEADER Header;
    LIST_ENTRY MutantListEntry GUARDED_BY(KiDispatcherLock); ///< on the owner's KTHREAD::MutantListHead
    KTHREAD* OwnerThread;
    BOOLEAN Abandoned; ///< the owner ended without releasing: the next wait returns STATUS_ABANDONED
    UCHAR ApcDisable;  ///< 1: a mutex
};
using PKMUTANT = KMUTANT*;
PUBLIC_SIZE(KMUTANT, 32);
PUBLIC_OFFSET(KMUTANT, OwnerThread, 24);
/// A mutant of the kernel's own: its owner gets no normal kernel APC, and must release it before it ends (mutex.cpp).
using KMUTEX = KMUTANT;
using PKMUTEX = KMUTEX*;
using PRKMUTEX = KMUTEX*;

extern "C" {

/// Makes an event. @param Type NotificationEvent: a signal releases every waiter and stays; SynchronizationEvent: a
/// signal releases one waiter and is consumed. @irql any
NTKERNELAPI void NTAPI KeInitializeEvent(PRKEVENT Event, EVENT_TYPE Type, BOOLEAN State);
/// Signals the event. @param Increment priority boost of the released threads. @param Wait TRUE if a KeWaitXxx
/// follows at once: the call then returns with the dispatcher database still held (the caller's IRQL is
/// <= APC_LEVEL). @returns the previous signal state. @irql <= DISPATCH_LEVEL
NTKERNELAPI LONG NTAPI KeSetEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait);
/// Makes the event not signaled. @returns the previous signal state. @irql <= DISPATCH_LEVEL
NTKERNELAPI LONG NTAPI KeResetEvent(PRKEVENT Event);
/// As KeResetEvent, when the previous state is not wanted. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI KeClearEvent(PRKEVENT Event);
/// Signals, releases the threads that can be released, and leaves the event not signaled. @irql <= DISPATCH_LEVEL
NTKERNELAPI LONG NTAPI KePulseEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait);
/// Hands a synchronization event to the first waiter and raises it to the caller's priority, if that is higher; without
/// one the event becomes signaled. @param Thread receives the waiter (and is not written without one); may be nullptr.
/// @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI KeSetEventBoostPriority(PRKEVENT Event, PKTHREAD* Thread);
/// @returns the signal state. @irql any
NTKERNELAPI LONG NTAPI KeReadStateEvent(PRKEVENT Event);

/// Makes a semaphore of `Count` units, at most `Limit`. @irql any
NTKERNELAPI void NTAPI KeInitializeSemaphore(PKSEMAPHORE Semaphore, LONG Count, LONG Limit);
/// Adds `Adjustment` units. Raises STATUS_SEMAPHORE_LIMIT_EXCEEDED if the count would pass the limit (nothing is
/// changed then). @returns the previous count. @irql <= DISPATCH_LEVEL
NTKERNELAPI LONG NTAPI KeReleaseSemaphore(PKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, BOOLEAN Wait);
NTKERNELAPI LONG NTAPI KeReadStateSemaphore(PKSEMAPHORE Semaphore);

/// Makes a mutant, owned by the calling thread if `InitialOwner`. @irql PASSIVE_LEVEL..DISPATCH_LEVEL
NTKERNELAPI void NTAPI KeInitializeMutant(PKMUTANT Mutant, BOOLEAN InitialOwner);
/// Releases one level of ownership; as `Abandoned` all of them, whichever thread asks, and marks the mutant, even a free one.
/// Raises STATUS_MUTANT_NOT_OWNED, or STATUS_ABANDONED of an abandoned one, if another thread asks (unless `Abandoned`).
/// @returns the previous signal state (0: it was owned once; 1: it was free). @irql <= DISPATCH_LEVEL
NTKERNELAPI LONG NTAPI KeReleaseMutant(PKMUTANT Mutant, KPRIORITY Increment, BOOLEAN Abandoned, BOOLEAN Wait);
NTKERNELAPI LONG NTAPI KeReadStateMutant(PKMUTANT Mutant);

/// Makes a mutex that is free. A thread acquires it by a wait, and again if it owns it. From the first acquisition to the
/// last release the owner is in a critical region. An owner that ends is a bugcheck (THREAD_TERMINATE_HELD_MUTEX).
/// @param Level not used. @irql any
NTKERNELAPI void NTAPI KeInitializeMutex(PRKMUTEX Mutex, ULONG Level);
/// Releases one level of ownership. Raises STATUS_MUTANT_NOT_OWNED if another thread asks. @param Wait as of KeSetEvent.
/// @returns the previous signal state (0: it was owned once). @irql <= DISPATCH_LEVEL
NTKERNELAPI LONG NTAPI KeReleaseMutex(PRKMUTEX Mutex, BOOLEAN Wait);
/// @returns 1 if it is free. @irql <= DISPATCH_LEVEL
NTKERNELAPI LONG NTAPI KeReadStateMutex(PRKMUTEX Mutex);

/// Waits until the object is signaled or the time is over.
/// @param Timeout in 100 ns: negative relative to now, positive absolute system time, 0 only tests, nullptr for ever.
/// @returns STATUS_SUCCESS, STATUS_TIMEOUT, STATUS_ABANDONED (a mutant whose owner ended).
/// @irql PASSIVE_LEVEL or APC_LEVEL; <= DISPATCH_LEVEL with a time-out of zero (nt::TestObject)
NTKERNELAPI NTSTATUS NTAPI KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
                                                 BOOLEAN Alertable, PLARGE_INTEGER Timeout) EXCLUDES_(AtDispatchLevel);

/// KeWaitForSingleObject by the name that some drivers use for a mutex.
NTKERNELAPI NTSTATUS NTAPI KeWaitForMutexObject(PRKMUTEX Mutex, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
                                                BOOLEAN Alertable, PLARGE_INTEGER Timeout) EXCLUDES_(AtDispatchLevel);

/// Waits for any one or all of `Count` objects. WaitAll takes nothing until all can be taken. Its caller names each
/// semaphore and synchronization object once, and no mutant that he owns as often as one can: that takes too much.
/// @param WaitBlockArray `Count` wait blocks; may be nullptr up to THREAD_WAIT_OBJECTS objects.
/// @returns STATUS_WAIT_0 + index (WaitAny), STATUS_SUCCESS (WaitAll), STATUS_ABANDONED_WAIT_0 + index,
/// STATUS_TIMEOUT. More than MAXIMUM_WAIT_OBJECTS, or more than THREAD_WAIT_OBJECTS without an array, is a bugcheck
/// (MAXIMUM_WAIT_OBJECTS_EXCEEDED). @irql PASSIVE_LEVEL or APC_LEVEL; <= DISPATCH_LEVEL with a time-out of zero
NTKERNELAPI NTSTATUS NTAPI KeWaitForMultipleObjects(ULONG Count, PVOID Object[], WAIT_TYPE WaitType,
                                                    KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode,
                                                    BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                                                    PKWAIT_BLOCK WaitBlockArray) EXCLUDES_(AtDispatchLevel);

/// Lets `Interval` (100 ns units, negative: relative) pass. Zero offers the processor to others (KeYieldExecution) and
/// looks for nothing else, not even for an alert.
/// @returns STATUS_SUCCESS, STATUS_ALERTED, STATUS_USER_APC; of a zero what KeYieldExecution returns.
/// @irql PASSIVE_LEVEL or APC_LEVEL
NTKERNELAPI NTSTATUS NTAPI KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Interval)
    EXCLUDES_(AtDispatchLevel);
}

namespace nt {
/// Takes the object if it is signaled, without waiting: what the compiler lets code at DISPATCH_LEVEL do (a DPC that polls).
/// @returns STATUS_TIMEOUT if it is not signaled, else as KeWaitForSingleObject. @irql <= DISPATCH_LEVEL
inline NTSTATUS TestObject(PVOID object) NO_THREAD_SAFETY_ANALYSIS { // with a time-out of zero nothing waits
    LARGE_INTEGER now{};
    return KeWaitForSingleObject(object, KWAIT_REASON::Executive, KernelMode, FALSE, &now);
}
} // namespace nt

/// A time `milliseconds` from now, for the Timeout parameter of a wait.
constexpr LARGE_INTEGER KeRelativeMilliseconds(LONG milliseconds) {
    LARGE_INTEGER time{};
    time.QuadPart = -10'000LL * milliseconds;
    return time;
}
