// Interrupt objects: how a driver attaches a service routine to a vector without touching the IDT.
//
// Several interrupt objects may share a vector (a chain): for a level-sensitive one the chain is called until one
// claims the interrupt, for a latched one all are called until none claims any more. A service routine runs at
// the interrupt's IRQL with the object's lock held.
// In the books: "interrupt objects". INT-03, HAL-05
#pragma once

#include "ke/spinlock.h"
#include "nt/list.h"

struct KINTERRUPT;
using PKINTERRUPT = KINTERRUPT*;

/// @returns whether the interrupt was its device's. @irql the interrupt's
using KSERVICE_ROUTINE = BOOLEAN NTAPI(PKINTERRUPT Interrupt, PVOID ServiceContext);
using PKSERVICE_ROUTINE = KSERVICE_ROUTINE*;
/// Called by KeSynchronizeExecution at the interrupt's IRQL with its lock held.
using KSYNCHRONIZE_ROUTINE = BOOLEAN NTAPI(PVOID SynchronizeContext);
using PKSYNCHRONIZE_ROUTINE = KSYNCHRONIZE_ROUTINE*;

/// Whether a device's line asks while it is active, or at the moment at which it becomes active.
enum class KINTERRUPT_MODE : LONG { LevelSensitive, Latched };

/// A service routine connected to an interrupt vector.
/// shared: entry and Connected change under the lock of all chains (intobj.cpp), DispatchCount under ActualLock; the rest
/// is fixed while it is connected
struct KINTERRUPT {
    LIST_ENTRY InterruptListEntry; ///< chain of the vector
    PKSERVICE_ROUTINE ServiceRoutine;
    PVOID ServiceContext;
    KSPIN_LOCK SpinLock;
    KSPIN_LOCK* ActualLock; ///< SpinLock, or one shared with other interrupt objects
    ULONG Vector;           ///< IDT vector
    KIRQL Irql;
    KIRQL SynchronizeIrql;
    KINTERRUPT_MODE Mode;
    BOOLEAN ShareVector;
    BOOLEAN Connected;
    UCHAR Number; ///< processor
    ULONG DispatchCount;
};

extern "C" {
/// @param Vector, Irql, ProcessorNumber as HalGetInterruptVector gives them (the processor that is in Affinity).
/// (KeConnectInterrupt refuses a line for another processor.) @param SpinLock shared lock, or nullptr. @irql any
NTKERNELAPI void NTAPI KeInitializeInterrupt(PKINTERRUPT Interrupt, PKSERVICE_ROUTINE ServiceRoutine,
                                             PVOID ServiceContext, PKSPIN_LOCK SpinLock, ULONG Vector, KIRQL Irql,
                                             KIRQL SynchronizeIrql, KINTERRUPT_MODE Mode, BOOLEAN ShareVector,
                                             CHAR ProcessorNumber);
/// Attaches it to its vector. @returns false if the vector is taken by one that does not share, or is the HAL's own.
/// @irql <= APC_LEVEL: the calling thread goes to the interrupt's processor meanwhile
NTKERNELAPI BOOLEAN NTAPI KeConnectInterrupt(PKINTERRUPT Interrupt) EXCLUDES_(AtDispatchLevel);
/// Takes it off. Its service routine has returned then, and is not called any more. @returns whether it was connected.
/// @irql <= APC_LEVEL, as above
NTKERNELAPI BOOLEAN NTAPI KeDisconnectInterrupt(PKINTERRUPT Interrupt) EXCLUDES_(AtDispatchLevel);
/// Calls `SynchronizeRoutine` so that the service routine cannot run at the same time. @irql <= SynchronizeIrql
NTKERNELAPI BOOLEAN NTAPI KeSynchronizeExecution(PKINTERRUPT Interrupt, PKSYNCHRONIZE_ROUTINE SynchronizeRoutine,
                                                 PVOID SynchronizeContext);
}
