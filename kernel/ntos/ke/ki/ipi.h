// What one processor asks of another, and how it is told: KPRCB::RequestSummary and the inter-processor interrupt.
//
// The asking processor sets a bit of the target's summary (interlocked) and sends the one interrupt there is; the target takes
// all bits at once, at IPI_LEVEL. A bit that was set already needs no second interrupt: the first is on its way.
// A packet is a routine that other processors run while the sender waits: one packet at a time in the whole system, in the order in
// which processors ask for it.
// A processor that waits for others answers requests meanwhile, so that two senders never wait for each other.
// Locks: none but the packet's own; nothing is acquired while it is held. IRQL: as each routine says.
// In the books: "interprocessor interrupts". INT-01
#pragma once

#include "etw.h"
#include "ke.h"
#include "ke/ipi.h"

/// Bits of KPRCB::RequestSummary, by ETW_IPI.
constexpr LONG KiIpiBit(ETW_IPI kind) { return 1 << ULONG(kind); }
constexpr LONG IPI_DPC = KiIpiBit(ETW_IPI::Dispatch);      ///< a DPC or a next thread is there: request DISPATCH_LEVEL
constexpr LONG IPI_APC = KiIpiBit(ETW_IPI::Apc);           ///< a kernel APC is pending: request APC_LEVEL
constexpr LONG IPI_PACKET_READY = KiIpiBit(ETW_IPI::Call); ///< run the packet
constexpr LONG IPI_FREEZE = KiIpiBit(ETW_IPI::Freeze);     ///< stand still (freeze.cpp)

/// The processor that shows a bugcheck: its number, plus 1; 0: none.
extern "C" volatile LONG KiBugCheckOwner; // shared: interlocked

/// What a packet makes the other processors do. @irql IPI_LEVEL
using KIPI_WORKER = void NTAPI(PVOID Context);

extern "C" {
/// Sets `Request` for each processor and interrupts it. May include this one. @irql any
void NTAPI KiIpiSend(KAFFINITY TargetProcessors, LONG Request);
/// The processor's current thread shall look for kernel APCs as soon as the IRQL allows: the software interrupt at
/// APC_LEVEL, on whichever processor it is. @irql >= DISPATCH_LEVEL
void NTAPI KiRequestApcInterrupt(PKPRCB Prcb);
/// Answers what others ask of this processor. @param TrapFrame what was interrupted; nullptr: the caller itself
/// @irql IPI_LEVEL
void NTAPI KiIpiProcessRequests(KTRAP_FRAME* TrapFrame);
/// An interrupt that leads to KiDispatchInterrupt: what KiSendDispatchInterrupt is once there is a second processor.
void NTAPI KiIpiSendDispatch(KAFFINITY TargetProcessors);
/// Lets `TargetProcessors` run `Worker`, this one too if it is among them, and waits until all have. At IPI_LEVEL.
/// @irql < IPI_LEVEL, interrupts on
void NTAPI KiIpiSendPacket(KAFFINITY TargetProcessors, KIPI_WORKER* Worker, PVOID Context);
/// The frozen processor's part of a freeze: notes its registers and stands still until it is thawed. If it was thawed
/// before it came, it goes on.
void NTAPI KiFreezeTargetExecution(KTRAP_FRAME* TrapFrame);
/// For a processor that comes to a bugcheck second: stands still; KPRCB::ProcessorState is filled. @irql HIGH_LEVEL
void NTAPI KiStandStill();
}
