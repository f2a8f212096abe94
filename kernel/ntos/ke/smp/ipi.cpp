// Inter-processor interrupts: requests, packets, the generic call. See ki/ipi.h.
//
// IRQL: IPI_LEVEL for the service routine and the packets' workers.
// In the books: "interprocessor interrupts". INT-01, INT-05
#include "ke/ki.h"
#include "ke/ki/ipi.h"

namespace {

/// The one packet. Its holder fills it, sets the targets' bits in Pending and waits until all are clear.
/// Processors have it in the order in which they ask: each takes a ticket, and waits until that one is served. A processor that
/// sends one packet after another would keep it from the others for ever.
/// shared: interlocked; Worker and Context are fixed while Pending has bits
struct KI_PACKET {
    volatile LONG NextTicket;
    volatile LONG Serving; ///< the holder's ticket; NextTicket: the packet is free
    volatile LONG Pending;
    KIPI_WORKER* Worker;
    PVOID Context;
} Packet; // shared: as its fields

void RunPacket(const KPRCB* prcb) {
    Packet.Worker(Packet.Context);
    InterlockedAnd(&Packet.Pending, ~LONG(prcb->SetMember));
}

/// Waits while `busy()`, and answers the others meanwhile: one of them may wait for this processor.
template <typename Busy> void WaitForOthers(Busy busy) {
    while (busy()) {
        KiIpiProcessRequests(nullptr);
        YieldProcessor();
    }
}

/// shared: no, on the stack of the processor that calls; Missing is interlocked, Result the caller's
struct GenericCall {
    PKIPI_BROADCAST_WORKER Function;
    ULONG_PTR Context;
    ULONG Caller;
    ULONG_PTR Result;
    volatile LONG Missing; ///< processors that have not come yet
};

/// All processors begin together. While one waits here, every other one is told already: the wait ends, unless one of
/// them stops the system first.
void NTAPI Meet(PVOID context) {
    auto& call = *static_cast<GenericCall*>(context);
    InterlockedDecrement(&call.Missing);
    WaitForOthers([&] { return call.Missing != 0; });
    const ULONG_PTR result = call.Function(call.Context);
    if (KeGetCurrentProcessorNumber() == call.Caller) call.Result = result;
}

} // namespace

void NTAPI KiIpiSend(KAFFINITY TargetProcessors, LONG Request) {
    EtwTraceEvent(ETW_EVENT::IpiSend, TargetProcessors, ULONG_PTR(__builtin_ctz(ULONG(Request))), 0, 0);
    KAFFINITY interrupted = 0;
    for (KAFFINITY rest = TargetProcessors; rest; rest &= rest - 1) {
        KPRCB* const prcb = KiProcessorBlock[__builtin_ctz(rest)];
        if (!(InterlockedOr(&prcb->RequestSummary, Request) & Request)) interrupted |= prcb->SetMember;
    }
    if (interrupted) HalRequestIpi(interrupted);
}

void NTAPI KiRequestApcInterrupt(PKPRCB Prcb) {
    if (Prcb == KeGetCurrentPrcb()) {
        HalRequestSoftwareInterrupt(APC_LEVEL);
    } else {
        KiIpiSend(Prcb->SetMember, IPI_APC);
    }
}

void NTAPI KiIpiProcessRequests(KTRAP_FRAME* TrapFrame) {
    KPRCB* const prcb = KeGetCurrentPrcb();
    const LONG requests = InterlockedExchange(&prcb->RequestSummary, 0);
    if (requests == 0) return;
    EtwTraceEvent(ETW_EVENT::IpiReceive, ULONG_PTR(requests), 0, 0, 0);
    if (requests & IPI_APC) HalRequestSoftwareInterrupt(APC_LEVEL);
    if (requests & IPI_DPC) HalRequestSoftwareInterrupt(DISPATCH_LEVEL);
    if (requests & IPI_PACKET_READY) RunPacket(prcb);
    if (requests & IPI_FREEZE) KiFreezeTargetExecution(TrapFrame);
}

extern "C" void NTAPI KiIpiServiceRoutine(KTRAP_FRAME* TrapFrame, KIRQL OldIrql) {
    KPRCB* const prcb = KeGetCurrentPrcb();
    ++prcb->IpiCount;
    prcb->DebuggerSavedIRQL = OldIrql;
    KiIpiProcessRequests(TrapFrame);
}

void NTAPI KiIpiSendDispatch(KAFFINITY TargetProcessors) { KiIpiSend(TargetProcessors, IPI_DPC); }

void NTAPI KiIpiSendPacket(KAFFINITY TargetProcessors, KIPI_WORKER* Worker, PVOID Context) {
    nt::IrqlGuard irql(IPI_LEVEL);
    const KPRCB* const prcb = KeGetCurrentPrcb();
    const KAFFINITY others = TargetProcessors & ~prcb->SetMember;
    if (others) {
        const LONG ticket = InterlockedExchangeAdd(&Packet.NextTicket, 1);
        WaitForOthers([&] { return ReadAcquire(&Packet.Serving) != ticket; });
        Packet.Worker = Worker;
        Packet.Context = Context;
        InterlockedExchange(&Packet.Pending, LONG(others));
        KiIpiSend(others, IPI_PACKET_READY);
    }
    if (TargetProcessors & prcb->SetMember) Worker(Context);
    if (others) {
        WaitForOthers([] { return Packet.Pending != 0; });
        InterlockedIncrement(&Packet.Serving);
    }
}

ULONG_PTR NTAPI KeIpiGenericCall(PKIPI_BROADCAST_WORKER BroadcastFunction, ULONG_PTR Context) {
    nt::IrqlGuard irql(IPI_LEVEL); // the caller stays where it is
    const KAFFINITY all = __atomic_load_n(&KeActiveProcessors, __ATOMIC_ACQUIRE);
    GenericCall call{BroadcastFunction, Context, KeGetCurrentProcessorNumber(), 0, LONG(__builtin_popcount(all))};
    KiIpiSendPacket(all, Meet, &call);
    return call.Result;
}
