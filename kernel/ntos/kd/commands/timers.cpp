// timers: every running timer, as the timer table has them.
//
// Locks: KiDispatcherLock while the table is copied.
#include "kd/names.h"
#include "kd/threadview.h"
#include "kd/commands.h"

namespace {

struct TIMER_VIEW {
    const KTIMER* Timer;
    ULONG Chain;
    LONGLONG DueTime;
    LONG Period;
    const KDPC* Dpc;
    KOBJECTS Type;
};
constexpr ULONG LIMIT = 64;
TIMER_VIEW Views[LIMIT];

ULONG CopyTimers(const KD_SESSION& session) {
    KdpLock lock(session, KiDispatcherLock);
    ULONG count = 0;
    for (ULONG chain = 0; chain < TIMER_TABLE_SIZE; chain++) {
        for (const KTIMER* timer : nt::List<&KTIMER::TimerListEntry>(KiTimerTableListHead[chain])) {
            if (count == LIMIT) return count;
            Views[count++] = {timer, chain, timer->DueTime.QuadPart, timer->Period, timer->Dpc, timer->Header.Type};
        }
    }
    return count;
}

constexpr LONGLONG UNITS_PER_MILLISECOND = 10'000;

} // namespace

KD_COMMAND(timers, "", "running timers: chain, time left, period, DPC") {
    const auto now = static_cast<LONGLONG>(KeQueryInterruptTime());
    const ULONG count = CopyTimers(session);
    for (ULONG i = 0; i < count && !session.HasEnough(); i++) {
        const TIMER_VIEW& view = Views[i];
        session.Print("  %p  chain %3u  in %lld ms", static_cast<const void*>(view.Timer), view.Chain,
                      (view.DueTime - now) / UNITS_PER_MILLISECOND);
        if (view.Period) session.Print(", every %d ms", view.Period);
        if (view.Dpc) session.Print(", DPC %p", static_cast<const void*>(view.Dpc));
        session.Print("  %s\n", KdpObjectName(view.Type));
    }
    session.Print("%u timers\n", count);
}
