// Interrupts: from an IDT vector to the routine that was connected to it.
//
// KiInterruptHandler[] is indexed by vector. Entries change atomically, so that dispatching needs no lock. An interrupt
// that no driver connected is counted and shown once: the HAL masks every line at boot, so it is a sign of a mistake, but
// no reason to stop.
// In the books: "trap dispatching: interrupt dispatching". TRP-07, INT-02
#include "ki386.h"
#include "etw.h"
#include "hal.h"
#include "kd.h"
#include "nt/atomic.h"

// shared: a word each, written whole, under the lock of the interrupt chains (intobj.cpp) or at start-up
static KI_INTERRUPT_HANDLER* volatile KiInterruptHandler[MAXIMUM_IDTVECTOR + 1];
static volatile LONG KiUnexpectedInterruptCount; // shared: interlocked

static void UnexpectedInterrupt(ULONG vector) {
    KIRQL oldIrql;
    if (!HalBeginSystemInterrupt(HIGH_LEVEL, vector, &oldIrql)) return;
    if (InterlockedIncrement(&KiUnexpectedInterruptCount) == 1)
        DbgPrint("Unexpected interrupt, vector 0x%02x; further ones are only counted.\n", vector);
    HalEndSystemInterrupt(oldIrql, vector);
}

void KiDispatchInterruptVector(KTRAP_FRAME& frame, ULONG vector) {
    KPRCB* const prcb = KeGetCurrentPrcb(); // interrupts are off: the processor cannot change
    ++prcb->InterruptCount;
    KI_INTERRUPT_HANDLER* const handler = KiInterruptHandler[vector];
    if (!handler) return UnexpectedInterrupt(vector);
    handler(&frame, vector);
}

extern "C" {

void NTAPI KiSetInterruptHandler(ULONG Vector, KI_INTERRUPT_HANDLER* Handler) {
    NT_ASSERT(Vector >= PRIMARY_VECTOR_BASE && Vector <= MAXIMUM_IDTVECTOR);
    KiInterruptHandler[Vector] = Handler;
}

KI_INTERRUPT_HANDLER* NTAPI KiQueryInterruptHandler(ULONG Vector) { return KiInterruptHandler[Vector]; }
}
