// DPCs: what ke's files share around a processor's two DPC queues.
//
// KPRCB::DpcData holds ordinary DPCs, which the dispatch interrupt runs; KPRCB::ThreadedDpcData holds threaded ones, which
// the processor's DPC thread runs. A queue's own lock guards it, held at HIGH_LEVEL.
// In the books: "software interrupts: DPCs", "threaded DPCs". INT-05, INT-06
#pragma once

#include "etw.h"
#include "ke.h"

constexpr UCHAR DpcObject = 19;         ///< KDPC::Type, as debuggers show it
constexpr UCHAR ThreadedDpcObject = 24; ///< the same of a threaded one

constexpr ULONG KI_MAXIMUM_DPC_QUEUE_DEPTH = 4; ///< so many waiting DPCs ask for an interrupt whatever their importance
constexpr ULONG KI_MINIMUM_DPC_RATE = 3;        ///< DPCs a tick below which the processor has time for each at once
constexpr ULONG KI_IDEAL_DPC_RATE = 20;         ///< DPCs a tick up to which fewer may gather before they are run
constexpr ULONG KI_ADJUST_DPC_THRESHOLD = 20;   ///< ticks without a waiting DPC until more may gather again

/// The queue of `Prcb` that the DPC belongs on. Threaded DPCs are ordinary ones until the processor has its DPC thread.
inline KDPC_DATA& KiDpcQueue(PKPRCB Prcb, const KDPC* Dpc) {
    return Dpc->Type == ThreadedDpcObject && Prcb->ThreadDpcEnable ? Prcb->ThreadedDpcData : Prcb->DpcData;
}

// dpcrate.cpp
/// Must the processor be interrupted for a DPC that was put on its ordinary queue? (The table of the books.)
bool KiDpcNeedsInterrupt(const KDPC* Dpc, const KPRCB* Prcb);
/// Once a clock tick: how many DPCs come, and how many may gather. Runs what has waited. @irql CLOCK_LEVEL
void KiUpdateDpcRate(PKPRCB Prcb);
/// Part of KiInitializeDispatcher: both queues, their figures and the DPC thread's gate.
void KiInitializeDpcQueues(PKPRCB Prcb);

// threadeddpc.cpp
/// A threaded DPC was queued: has the DPC thread woken, by an ordinary DPC. @irql HIGH_LEVEL, no DPC lock held
void KiRequestDpcThread(PKPRCB Prcb);

// dpcwatchdog.cpp
/// Around each routine: events, and in checked builds what it must leave as it was and how long it may take.
void KiBeginDpc(PKPRCB Prcb, PKDPC Dpc, PKDEFERRED_ROUTINE Routine);
void KiEndDpc(PKPRCB Prcb, PKDPC Dpc, PKDEFERRED_ROUTINE Routine, bool Threaded);
