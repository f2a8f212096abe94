// Preemption points: where an explored kernel lets another processor go on.
//
// In the explore flavour (MICA_EXPLORE) interlocked operations, IRQL changes, lock operations, the idle loop and
// inter-processor interrupts call KxPoint, and instrumented sources call it at every load and store. While a run is
// explored (ke/explore.h) the runtime behind it decides which processor goes on; otherwise it costs one test. In every
// other flavour nothing of it exists. Sources built with KX_QUIET have no points: the runtime itself and the event ring.
// Locks: none. IRQL: any.
// In the books: "synchronization at high IRQL". SYH-02, SYH-03, SYH-05
#pragma once

#include "nt/types.h"

/// What a processor is about to do, or has done, at a point.
enum class KX_POINT : UCHAR {
    None = 0,
    Load = 1,        ///< object: the address read; before it is
    Store = 2,       ///< object: the address written; before it is
    Interlocked = 3, ///< object: the word; before the operation, which is a full barrier
    Yield = 4,       ///< a turn of a spin-wait loop
    RaiseIrql = 5,
    LowerIrql = 6,
    Acquire = 7,  ///< object: a lock; before it is tried
    Acquired = 8, ///< object: a lock; not a preemption point, an edge for the race detector
    Release = 9,  ///< object: a lock; before it is free
    IpiSend = 10, ///< object: the target processors; not a preemption point
    IpiEntry = 11,
    Idle = 12,     ///< nothing to do: goes on when an interrupt is pending for the processor
    Begin = 13,    ///< an actor begins
    End = 14,      ///< an actor has ended
    Tick = 15,     ///< the clock's processor advances time
    Switch = 16,   ///< in a trace only: the baton goes to processor `object`
    Mark = 17,     ///< KX_MARK: object is the scenario's value
    Pending = 18,  ///< the processor's pending interrupts are looked at or changed
    Released = 19, ///< object: a lock; after it is free, and before what should have been done under it
};

#if defined(MICA_EXPLORE)
extern "C" {
/// Not 0 while a run is explored.
NTKERNELAPI extern volatile ULONG KxActive;
/// A point of the running processor; the slow half of KxPoint. @irql any
NTKERNELAPI void NTAPI KxReachPoint(KX_POINT Kind, const volatile void* Object);
}
#endif

#if defined(MICA_EXPLORE) && !defined(KX_QUIET)
__attribute__((always_inline)) inline void KxPoint(KX_POINT kind, const volatile void* object) {
    // Read behind the compiler's back: an instrumented source would take the reading itself for a point. Outside of the
    // kernel's image the switch is imported, and both steps stand side by side (grader/building/hooked.py knows them so).
    ULONG active;
#if defined(MICA_NTOSKRNL)
    __asm__ __volatile__("movl %1, %0" : "=r"(active) : "m"(KxActive));
#else
    __asm__ __volatile__("movl __imp__KxActive, %0\n\tmovl (%0), %0" : "=r"(active));
#endif
    if (active != 0) KxReachPoint(kind, object);
}
#else
__attribute__((always_inline)) inline void KxPoint(KX_POINT, const volatile void*) {}
#endif
