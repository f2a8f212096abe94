// KPCR and KPRCB: what every processor has for itself.
//
// The KPCR is reached through fs (kernel mode): its first fields have documented offsets, which assembly, debuggers
// and compilers rely on (fs:[0] is the exception list). The KPRCB inside it belongs to the kernel layer.
// Locks: PrcbLock guards ready queues, ReadySummary, NextThread and the scheduling fields of this processor's threads;
// DpcLock the DPC queue. Everything else is written by its own processor only. Lock order: KiDispatcherLock before
// PrcbLock before DpcLock; of two PRCB locks the one of the lower processor number first.
// Invariant (ready summary): bit p of ReadySummary is set exactly when DispatcherReadyListHead[p] is not empty.
// In the books: "processor control region and control block (PCR, PRCB)". SCH-15..17, INT-05
#pragma once

#include "ke/gate.h"
#include "ke/queuedlock.h"
#include "ke/thread.h"
#include "ke/tib.h"
#include "rtl/exception.h"

constexpr ULONG MAXIMUM_PROCESSORS = 32;
constexpr ULONG DPC_STACK_SIZE = 12 * 1024;

struct EXCEPTION_REGISTRATION_RECORD;
struct KIDTENTRY;
struct KGDTENTRY;
struct KTSS;

/// Registers of a processor that a thread's context does not have.
/// shared: written by its own processor, when it is stopped, or before it starts
struct KSPECIAL_REGISTERS {
    ULONG_PTR Cr0, Cr2, Cr3, Cr4;
};

/// The whole state of a processor: what another one shall start with, or what it had when it was stopped.
/// shared: written by its own processor, when it is stopped, or before it starts
struct KPROCESSOR_STATE {
    CONTEXT ContextFrame;
    KSPECIAL_REGISTERS SpecialRegisters;
};

/// The DPC queue of a processor.
/// shared: DpcLock guards it; the counters may be read without, as hints
struct KDPC_DATA {
    KSPIN_LOCK DpcLock;
    LIST_ENTRY DpcListHead GUARDED_BY(DpcLock);
    volatile ULONG DpcQueueDepth;
    volatile ULONG DpcCount; ///< DPCs queued since boot
};

/// Freed pool blocks of one size that a processor keeps for its next allocations (ex/pool/processorlists.cpp). Takes and puts
/// of Tag since it was set: Allocates, and what Room shows beyond.
/// shared: written by its own processor with interrupts off
struct KPOOL_LOOKASIDE {
    SINGLE_LIST_ENTRY ListHead;
    LONG Room;       ///< so many blocks more may be kept
    ULONG Tag;       ///< of the last block; 0: none yet
    ULONG Allocates; ///< blocks of Tag taken since it was set
};
constexpr ULONG KPOOL_LOOKASIDE_LISTS = 33; ///< by size in units of 8 bytes, up to 256 bytes

/// A spin lock that a processor holds.
/// shared: written by its own processor only
struct KHELD_SPIN_LOCK {
    KSPIN_LOCK* volatile Lock;
    KLOCK_RANK Rank; ///< when it was acquired
};

/// A processor's control block: the threads it runs and will run, its ready queues, DPCs and counters.
/// shared: written by its own processor only, where a field does not say otherwise; others read hints
struct KPRCB {
    KTHREAD* CurrentThread;                   // PrcbLock to change
    KTHREAD* NextThread GUARDED_BY(PrcbLock); ///< the Standby thread; nullptr: none chosen
    KTHREAD* IdleThread;
    ULONG Number;
    KAFFINITY SetMember; ///< 1 << Number

    KSPIN_LOCK PrcbLock;
    ULONG ReadySummary GUARDED_BY(PrcbLock);
    ULONG QueueIndex GUARDED_BY(PrcbLock); ///< where the next starvation scan goes on
    LIST_ENTRY DispatcherReadyListHead[MAXIMUM_PRIORITY] GUARDED_BY(PrcbLock); ///< of KTHREAD::WaitListEntry
    SINGLE_LIST_ENTRY
    DeferredReadyListHead GUARDED_BY(AtDispatchLevel); // own processor, at SYNCH_LEVEL; of KTHREAD::SwapListEntry
    LIST_ENTRY
    WaitListHead; // KiDispatcherLock; of KTHREAD::WaitListEntry: threads that began to wait here in user mode's
                  // name, the longest wait first

    KDPC_DATA DpcData;
    PVOID DpcStack;
    volatile BOOLEAN DpcRoutineActive;
    volatile BOOLEAN DpcInterruptRequested;
    volatile BOOLEAN QuantumEnd; ///< the clock found the current thread's quantum used up
    volatile BOOLEAN IdleHalt;   ///< halted in the idle loop
    volatile ULONG TimerRequest; ///< the clock found a due timer
    volatile ULONG TimerHand;    ///< low part of the tick at which it was found

    ULONG InterruptCount;
    ULONG KernelTime; ///< clock ticks
    ULONG UserTime;
    ULONG DpcTime;
    ULONG InterruptTime;
    ULONG ContextSwitches;  ///< KeContextSwitches
    ULONG InterruptNesting; ///< ISRs active on this processor

    // Checked builds: the spin locks held, in order of acquisition; others look for a lock's holder here
    KHELD_SPIN_LOCK HeldLocks[16];
    volatile ULONG HeldLockCount;

    KPOOL_LOOKASIDE PoolLookaside[KPOOL_LOOKASIDE_LISTS];
    LONG PoolLookasideRoom[KPOOL_LOOKASIDE_LISTS]; ///< Room of each when its Tag was set

    KSPIN_LOCK_QUEUE LockQueue[LockQueueMaximumLock]; ///< its nodes in the queues of the numbered queued locks

    UCHAR CpuVendor[16];
    ULONG CpuFeatures; ///< CPUID 1 EDX
    ULONG CpuSignature;
    ULONG MHz;
    CHAR CpuBrand[52];

    // Inter-processor interrupts (ke/smp/ipi.cpp, ke/smp/freeze.cpp)
    volatile LONG RequestSummary;    ///< IPI_*: what others ask of this processor; interlocked
    volatile LONG IpiFrozen;         ///< KI_FROZEN: its own processor answers, the one that freezes writes the rest
    KIRQL DebuggerSavedIRQL;         ///< valid while IpiFrozen: the IRQL of the frozen moment
    ULONG IpiCount;                  ///< inter-processor interrupts taken
    KPROCESSOR_STATE ProcessorState; ///< valid while IpiFrozen: the registers of the frozen moment

    // DPCs: when they ask for an interrupt (ke/dpc/dpcrate.cpp), threaded ones, the watchdog
    ULONG MaximumDpcQueueDepth; ///< so many waiting DPCs ask for an interrupt whatever their importance
    ULONG MinimumDpcRate;       ///< DPCs a tick below which those of low importance do so too
    ULONG DpcRequestRate;       ///< DPCs a tick, lately
    ULONG DpcLastCount;         ///< DpcData.DpcCount at the last tick
    ULONG AdjustDpcThreshold;   ///< ticks until MaximumDpcQueueDepth may rise
    KDPC_DATA ThreadedDpcData;
    KGATE DpcGate;                    ///< what the DPC thread waits for
    KDPC DpcThreadWake;               ///< signals it
    volatile BOOLEAN ThreadDpcEnable; ///< there is a DPC thread
    ULONG DpcTimeCount;               ///< checked builds: ticks in this DPC
    ULONG DpcWatchdogCount;           ///< checked builds: ticks since the IRQL was below DISPATCH_LEVEL
    ULONG DpcLocksBefore;             ///< checked builds: HeldLockCount when this DPC began
};
using PKPRCB = KPRCB*;

/// A processor's control region, found behind fs: its IRQL and tables, and the KPRCB at its end.
/// shared: no, it belongs to its processor and is reached through fs; fixed after its start but for Irql, IRR, IrrActive,
/// IDR and HalReserved, which are written with interrupts off
struct KPCR {
    NT_TIB NtTib;
    KPCR* SelfPcr;
    KPRCB* Prcb;
    KIRQL Irql;
    ULONG IRR; ///< pending software interrupts and held-back device interrupts, a bit each (by IRQL or HAL line)
    ULONG IrrActive;
    ULONG IDR; ///< HAL: interrupt lines disabled
    PVOID KdVersionBlock;
    KIDTENTRY* IDT;
    KGDTENTRY* GDT;
    KTSS* TSS;
    USHORT MajorVersion;
    USHORT MinorVersion;
    KAFFINITY SetMember;
    ULONG StallScaleFactor; ///< TSC counts per microsecond
    UCHAR SpareUnused;
    UCHAR Number;
    UCHAR Spare0[2];
    ULONG HalReserved[16]; ///< the HAL's own
    ULONG Reserved[29];
    KPRCB PrcbData;
};
using PKPCR = KPCR*;

#if defined(__i386__)
static_assert(offsetof(KPCR, SelfPcr) == 0x1C);
static_assert(offsetof(KPCR, Prcb) == 0x20);
static_assert(offsetof(KPCR, Irql) == 0x24);
static_assert(offsetof(KPCR, IRR) == 0x28);
static_assert(offsetof(KPCR, IDT) == 0x38);
static_assert(offsetof(KPCR, Number) == 0x51);
static_assert(offsetof(KPCR, PrcbData) >= 0xD8 && offsetof(KPCR, PrcbData) % 8 == 0);

inline KPCR* KeGetPcr() {
    KPCR* pcr;
    __asm__ __volatile__("movl %%fs:0x1C, %0" : "=r"(pcr));
    return pcr;
}
#else
/// Host tests: the fake HAL's processor.
KPCR* KeGetPcr();
#endif

#if defined(MICA_CHECKED) || defined(MICA_HOST)
/// Stops a caller that another processor may go on with: what it learns of this processor is wrong by then. @irql any
extern "C" NTKERNELAPI void NTAPI KiCheckProcessorStays();
#else
inline void KiCheckProcessorStays() {}
#endif

/// The caller's processor must not change while it uses the result: it is at DISPATCH_LEVEL or above, or its interrupts are
/// off, or its thread may run on one processor only. Checked builds see to it.
inline KPRCB* KeGetCurrentPrcb() {
    KiCheckProcessorStays();
    return KeGetPcr()->Prcb;
}
inline ULONG KeGetCurrentProcessorNumber() { return KeGetPcr()->Number; }

extern "C" {
/// KPRCBs by processor number; nullptr where there is no processor.
NTKERNELAPI extern KPRCB* KiProcessorBlock[MAXIMUM_PROCESSORS];
NTKERNELAPI extern CHAR KeNumberProcessors;
NTKERNELAPI extern KAFFINITY KeActiveProcessors;
}
