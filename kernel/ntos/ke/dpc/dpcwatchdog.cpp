// The DPC watchdog: checked builds stop a processor that does not come down from DISPATCH_LEVEL.
//
// Two limits, in clock ticks: of one DPC routine, and of a whole stretch at DISPATCH_LEVEL or above, whatever makes it up
// (one DPC after the other, a spin lock that never becomes free). Parameter 1 of the bugcheck tells which. The clock
// cannot tick at CLOCK_LEVEL or with interrupts off, so what stays there is not seen.
// Locks: none; the counts are their processor's own. IRQL: as said.
// In the books: "DPC watchdog", "DPC latency". INT-06, INT-07
#include "ke/ki.h"

#if defined(MICA_CHECKED) || defined(MICA_HOST)
namespace {

constexpr ULONG DpcTimeLimit = 100;      ///< ticks of one DPC: a second
constexpr ULONG DpcWatchdogLimit = 1200; ///< ticks of a stretch at DISPATCH_LEVEL: twelve seconds
constexpr ULONG_PTR OneDpc = 0;          ///< parameter 1
constexpr ULONG_PTR WholeStretch = 1;

void Check(ULONG count, ULONG limit, ULONG_PTR which) {
    if (count > limit) KeBugCheckEx(DPC_WATCHDOG_VIOLATION, which, count, limit, 0);
}

} // namespace

void NTAPI KiCheckDpcWatchdog(KIRQL InterruptedIrql) {
    KPRCB* const prcb = KeGetCurrentPrcb();
    // The idle thread is at DISPATCH_LEVEL all the time, and that keeps no thread out.
    const bool idle = prcb->CurrentThread == prcb->IdleThread && !prcb->DpcRoutineActive;
    if (InterruptedIrql < DISPATCH_LEVEL || idle) {
        prcb->DpcWatchdogCount = 0;
        return;
    }
    if (prcb->DpcRoutineActive) Check(++prcb->DpcTimeCount, DpcTimeLimit, OneDpc);
    Check(++prcb->DpcWatchdogCount, DpcWatchdogLimit, WholeStretch);
}

void KiBeginDpc(PKPRCB Prcb, PKDPC Dpc, PKDEFERRED_ROUTINE Routine) {
    EtwTraceEvent(ETW_EVENT::DpcRun, reinterpret_cast<ULONG_PTR>(Dpc), reinterpret_cast<ULONG_PTR>(Routine), 0, 0);
    Prcb->DpcTimeCount = 0;
    Prcb->DpcLocksBefore = Prcb->HeldLockCount;
}

void KiEndDpc(PKPRCB Prcb, PKDPC Dpc, PKDEFERRED_ROUTINE Routine, bool Threaded) {
    NT_ASSERT(Threaded || Prcb->HeldLockCount == Prcb->DpcLocksBefore); // a DPC frees the spin locks that it takes
    EtwTraceEvent(ETW_EVENT::DpcEnd, reinterpret_cast<ULONG_PTR>(Dpc), reinterpret_cast<ULONG_PTR>(Routine), Threaded,
                  0);
}
#else
void NTAPI KiCheckDpcWatchdog(KIRQL) {}

void KiBeginDpc(PKPRCB, PKDPC Dpc, PKDEFERRED_ROUTINE Routine) {
    EtwTraceEvent(ETW_EVENT::DpcRun, reinterpret_cast<ULONG_PTR>(Dpc), reinterpret_cast<ULONG_PTR>(Routine), 0, 0);
}

void KiEndDpc(PKPRCB, PKDPC Dpc, PKDEFERRED_ROUTINE Routine, bool Threaded) {
    EtwTraceEvent(ETW_EVENT::DpcEnd, reinterpret_cast<ULONG_PTR>(Dpc), reinterpret_cast<ULONG_PTR>(Routine), Threaded,
                  0);
}
#endif
