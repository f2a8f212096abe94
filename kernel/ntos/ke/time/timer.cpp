// Timers: the table of running timers, setting, cancelling and expiring.
//
// A timer's hand is the clock tick at which it is due (rounded up). The table has TIMER_TABLE_WHEELS wheels of
// TIMER_WHEEL_SIZE chains each, like the wheels of a counter: wheel 0 has a chain a tick, wheel 1 a chain for every 256
// ticks, wheel 2 for every 65,536, wheel 3 for every 2^24. A timer that is due within 256 ticks is on wheel 0, one that is
// due later on the lowest wheel that reaches as far. When the clock comes to the first tick of a chain of a higher wheel,
// the timers of that chain go to lower wheels; on wheel 0 they expire.
//
// So setting and cancelling a timer is a link and an unlink, and from being set to its expiry a timer is moved three
// times at most, however many there are. Within a tick, timers do not expire in the order of their due times.
// The books' table has one wheel of 256 (512) chains, each sorted by due time: expiry looks at the first of a chain only,
// but setting a timer walks past all that share its chain, and these are many if timers are many. Expiring more cheaply
// and setting at a cost that grows was right for a few hundred timers, most of them cancelled late.
//
// Invariants: a timer is on a chain exactly while Header.Inserted. NextHand is the first hand that has not been expired
// yet. A timer is on wheel 0, on the chain of its hand; or on a higher wheel: there the timer's chain starts between
// NextHand and the timer's hand, or the wheel reaches that chain again later.
// Locks: KiDispatcherLock. IRQL: <= DISPATCH_LEVEL.
// In the books: "timer processing", "dispatcher objects: timers". DSP-09, INT-09
#include "ke/ki.h"

extern "C" {
LIST_ENTRY KiTimerTableListHead[TIMER_TABLE_SIZE];
KDPC KiTimerExpireDpc; // shared: its DPC queue's lock
}

namespace {

[[maybe_unused]] constexpr LONGLONG UnitsPerMillisecond = 10'000; ///< of 100 ns
constexpr ULONG WheelShift = 8;                                   ///< a chain of wheel n + 1 spans 2^8 of wheel n
static_assert(TIMER_WHEEL_SIZE == 1u << WheelShift);

constinit ULONGLONG NextHand GUARDED_BY(KiDispatcherLock) = 0;
constinit ULONG RunningTimers GUARDED_BY(KiDispatcherLock) = 0;

/// First hand at or after a due time.
[[maybe_unused]] ULONGLONG HandOf(ULONGLONG dueTime) { return (dueTime + KeMaximumIncrement - 1) / KeMaximumIncrement; }

/// The chain of a wheel that `hand` belongs to.
LIST_ENTRY* ChainOf(ULONG wheel, ULONGLONG hand) REQUIRES_(KiDispatcherLock) {
    const ULONG spoke = ULONG(hand >> (wheel * WheelShift)) % TIMER_WHEEL_SIZE;
    return &KiTimerTableListHead[wheel * TIMER_WHEEL_SIZE + spoke];
}

/// Whether a chain of `wheel` begins at `hand`.
[[maybe_unused]] bool BeginsChain(ULONG wheel, ULONGLONG hand) {
    return (hand & ((1ULL << (wheel * WheelShift)) - 1)) == 0;
}

/// Takes all timers of a chain away, in their order: they are on the list `taken` then, from where they can be put on
/// chains again, on this one, too. To RemoveEntryList that list is as good as the chain.
[[maybe_unused]] void TakeChain(LIST_ENTRY* chain, LIST_ENTRY* taken) REQUIRES_(KiDispatcherLock) {
    InitializeListHead(taken);
    if (IsListEmpty(chain)) return;
    InsertTailList(chain, taken);
    RemoveEntryList(chain);
    InitializeListHead(chain);
}

/// Counts a timer that is about to be put on its chain. Before the first one there is nothing to expire, so that hands
/// which the clock passed with an empty table are never looked at.
[[maybe_unused]] void CountTimer(ULONGLONG hand, ULONGLONG clockHand) REQUIRES_(KiDispatcherLock) {
    if (RunningTimers++ == 0) NextHand = hand <= clockHand ? hand : clockHand + 1;
    NT_ASSERT(hand >= NextHand); // a due time in the future was computed under the lock
}

} // namespace

void KiInitializeTimerTable() {
    nt::AssumeHeld(KiDispatcherLock); // before the first thread: the table is not shared yet
    for (LIST_ENTRY& chain : KiTimerTableListHead)
        InitializeListHead(&chain);
    NextHand = KiTimerHand() + 1;
    RunningTimers = 0;
    KeInitializeDpc(&KiTimerExpireDpc, KiTimerExpiration, nullptr);
}

// Only looks at two aligned words: what is due is decided under the lock, by the DPC. A timer that is being inserted
// right now is not missed: KiInsertTimer looks at the clock afterwards.
bool KiHasTimers(ULONGLONG Hand) {
    nt::AssumeHeld(KiDispatcherLock);
    LIST_ENTRY* const chain = ChainOf(0, Hand);
    if (__atomic_load_n(&chain->Flink, __ATOMIC_SEQ_CST) != chain) return true;
    return BeginsChain(1, Hand) && __atomic_load_n(&RunningTimers, __ATOMIC_SEQ_CST) != 0;
}

ULONGLONG KiTimerHand() {
    KeMemoryBarrier();
    return KeQueryInterruptTime() / KeMaximumIncrement;
}

ULONGLONG KiInterruptTimeOf(LARGE_INTEGER DueTime) {
    if (DueTime.QuadPart <= 0) return KeQueryInterruptTime() - ULONGLONG(DueTime.QuadPart);
    const LONGLONG due = DueTime.QuadPart - KiSystemTimeAhead();
    return due < 0 ? 0 : ULONGLONG(due);
}

// LAB(3.7) begin
namespace {

/// The lowest wheel that reaches from the clock's hand to `hand`; the last one goes round as often as it must.
ULONG WheelFor(ULONGLONG hand, ULONGLONG clockHand) {
    if (hand < clockHand) return 0; // due already
    ULONG wheel = 0;
    while (wheel + 1 < TIMER_TABLE_WHEELS && (hand - clockHand) >> ((wheel + 1) * WheelShift) != 0)
        wheel++;
    return wheel;
}

/// Puts a timer on the chain where the clock finds it in time.
void LinkTimer(KTIMER* timer, ULONGLONG hand, ULONGLONG clockHand) REQUIRES_(KiDispatcherLock) {
    InsertTailList(ChainOf(WheelFor(hand, clockHand), hand), &timer->TimerListEntry);
}

/// The clock has come to `hand`, where a chain of `wheel` begins: its timers go to lower wheels.
void TurnWheel(ULONG wheel, ULONGLONG hand, ULONGLONG clockHand) REQUIRES_(KiDispatcherLock) {
    LIST_ENTRY taken;
    TakeChain(ChainOf(wheel, hand), &taken);
    while (!IsListEmpty(&taken)) {
        KTIMER* const timer = CONTAINING_RECORD(RemoveHeadList(&taken), KTIMER, TimerListEntry);
        LinkTimer(timer, HandOf(ULONGLONG(timer->DueTime.QuadPart)), clockHand);
    }
}

/// Expires what is due at `hand`. Signalling a timer may take others off the list (time-outs of threads that it wakes)
/// and put it into the table again (a period).
void ExpireHand(ULONGLONG hand, ULONGLONG clockHand) REQUIRES_(KiDispatcherLock, AtDispatchLevel) {
    for (ULONG wheel = TIMER_TABLE_WHEELS - 1; wheel > 0; wheel--) {
        if (BeginsChain(wheel, hand)) TurnWheel(wheel, hand, clockHand);
    }
    LIST_ENTRY taken;
    TakeChain(ChainOf(0, hand), &taken);
    while (!IsListEmpty(&taken)) {
        KTIMER* const timer = CONTAINING_RECORD(taken.Flink, KTIMER, TimerListEntry);
        const ULONGLONG timerHand = HandOf(ULONGLONG(timer->DueTime.QuadPart));
        if (timerHand > hand) { // set for the wheel's next turn, when the clock was ahead of us
            RemoveEntryList(&timer->TimerListEntry);
            LinkTimer(timer, timerHand, clockHand);
            continue;
        }
        KiRemoveTimer(timer);
        KiSignalTimer(timer);
    }
}

} // namespace
// LAB(3.7) else
//| // Room for helpers of your own.
// LAB(3.7) end

/// A timer that is on no chain runs from now on: it has this DueTime, and it is in the table. The event TimerSet is
/// traced (etw.h).
///
/// - It is the last of the chain of its hand (HandOf, ChainOf) on the lowest wheel that reaches from the clock's hand
///   (KiTimerHand) to its own: wheel w reaches 256^(w + 1) - 1 ticks. A timer that is due already is on wheel 0, one
///   that is farther away than the last wheel reaches is on the last wheel all the same.
/// - It is counted (CountTimer: given) when it is on no chain yet.
/// - The clock goes on without the dispatcher's lock, and looks at a chain once. No timer is missed for that: if the
///   clock's hand has moved since it was read, or has come to the timer's hand, KiTimerExpireDpc is queued and looks at
///   the table again.
/// Callers rely on: Header.Inserted is TRUE exactly while the timer is on a chain. The cost of a call does not depend
/// on how many timers run.
void KiInsertTimer(PKTIMER Timer, ULONGLONG DueTime) {
    // LAB(3.7) begin
    Timer->DueTime.QuadPart = LONGLONG(DueTime);
    Timer->Header.Inserted = TRUE;
    EtwTraceEvent(ETW_EVENT::TimerSet, reinterpret_cast<ULONG_PTR>(Timer), ULONG(DueTime), ULONG(DueTime >> 32), 0);

    const ULONGLONG hand = HandOf(DueTime);
    const ULONGLONG clockHand = KiTimerHand();
    CountTimer(hand, clockHand);
    LinkTimer(Timer, hand, clockHand);

    const ULONGLONG now = KiTimerHand();
    if (hand <= now || now != clockHand) KeInsertQueueDpc(&KiTimerExpireDpc, nullptr, nullptr);
    // LAB(3.7) else
    //| LAB_NOT_IMPLEMENTED("3.7");
    // LAB(3.7) end
}

/// Takes a running timer out of the table: it is not counted any more (RunningTimers). Its signal and its DPC stay as
/// they are.
void KiRemoveTimer(PKTIMER Timer) {
    // LAB(3.7) begin
    RemoveEntryList(&Timer->TimerListEntry);
    Timer->Header.Inserted = FALSE;
    RunningTimers--;
    // LAB(3.7) else
    //| LAB_NOT_IMPLEMENTED("3.7");
    // LAB(3.7) end
}

/// The time of a timer has come. The timer is on no chain.
///
/// - It is signaled, and threads that wait for it are released, without a boost. The event TimerExpire is traced before
///   that, with the tick count (KeTickCount).
/// - A periodic timer runs again. It is due one period after its former due time, so it does not drift; or one period
///   from now, if that time has passed, too. Only a first due time can be a time of day (Absolute).
/// - A timer that has a DPC queues it, with the low and the high part of the system time as the arguments.
void KiSignalTimer(PKTIMER Timer) {
    // LAB(3.7) begin
    EtwTraceEvent(ETW_EVENT::TimerExpire, reinterpret_cast<ULONG_PTR>(Timer), KeTickCount.LowPart, 0, 0);
    Timer->Header.SignalState = 1;
    KiWaitTest(&Timer->Header, 0);
    if (Timer->Period != 0) {
        const LONGLONG period = Timer->Period * UnitsPerMillisecond;
        const LONGLONG due = Timer->DueTime.QuadPart + period; // counted from the due time: no drift
        const LONGLONG now = LONGLONG(KeQueryInterruptTime());
        Timer->Header.Absolute = FALSE; // only the first due time was a time of day
        KiInsertTimer(Timer, ULONGLONG(due > now ? due : now + period));
    }
    if (Timer->Dpc) {
        LARGE_INTEGER systemTime;
        KeQuerySystemTime(&systemTime);
        KeInsertQueueDpc(Timer->Dpc, reinterpret_cast<PVOID>(ULONG_PTR(systemTime.LowPart)),
                         reinterpret_cast<PVOID>(LONG_PTR(systemTime.HighPart)));
    }
    // LAB(3.7) else
    //| LAB_NOT_IMPLEMENTED("3.7");
    // LAB(3.7) end
}

/// The clock has come to a hand with timers: everything that is due by now expires (KiSignalTimer), and nothing else.
/// Timers of an earlier hand expire before those of a later one, timers of one hand in the order of their chain.
///
/// - The clock may have gone on by any number of ticks since the last call. On return no hand from NextHand to the
///   clock's is left unlooked at, unless no timer runs.
/// - NextHand is the first hand that has not been looked at yet. A hand whose timers expire counts as looked at: a
///   periodic timer, if no other timer runs, sets NextHand anew for its next period (CountTimer).
/// - A timer of a higher wheel goes to the lowest wheel that reaches from the clock's hand to its own when the clock
///   comes to the hand at which its chain begins (BeginsChain: given). Timers of one chain keep their order.
/// - A chain of wheel 0 may hold timers of its next turn. They stay in the table.
/// - An expiring timer is on no chain. Its signal may start, stop and move other timers, also of the same chain.
/// - A clock interrupt that comes after this routine has read the clock queues the DPC again: this processor's
///   TimerRequest is 0 by then.
void NTAPI KiTimerExpiration(PKDPC, PVOID, PVOID, PVOID) {
    // LAB(3.7) begin
    KiDispatcherGuard guard;
    KeGetCurrentPrcb()->TimerRequest = 0;
    const ULONGLONG clockHand = KiTimerHand();
    while (NextHand <= clockHand && RunningTimers != 0)
        ExpireHand(NextHand++, clockHand);
    // LAB(3.7) else
    //| LAB_NOT_IMPLEMENTED("3.7");
    // LAB(3.7) end
}

void KiShiftAbsoluteTimers(LONGLONG Change) {
    LIST_ENTRY moved;
    InitializeListHead(&moved);
    for (LIST_ENTRY& chain : KiTimerTableListHead) {
        for (KTIMER* timer : nt::List<&KTIMER::TimerListEntry>(chain)) {
            if (!timer->Header.Absolute) continue;
            RemoveEntryList(&timer->TimerListEntry);
            InsertTailList(&moved, &timer->TimerListEntry);
        }
    }
    const LONGLONG now = LONGLONG(KeQueryInterruptTime());
    while (!IsListEmpty(&moved)) {
        KTIMER* const timer = CONTAINING_RECORD(moved.Flink, KTIMER, TimerListEntry);
        KiRemoveTimer(timer);
        timer->DueTime.QuadPart -= Change;
        if (timer->DueTime.QuadPart > now) {
            KiInsertTimer(timer, ULONGLONG(timer->DueTime.QuadPart));
        } else {
            KiSignalTimer(timer); // its time of day has passed by decree
        }
    }
}

/// Whether the table has this timer. What is in `Timer` may be anything: only its address on a chain counts.
static bool IsInTable(const KTIMER* Timer) REQUIRES_(KiDispatcherLock) {
    if (!KiTimerTableListHead[0].Flink) return false; // there is no table yet
    const ULONGLONG hand = HandOf(ULONGLONG(Timer->DueTime.QuadPart));
    for (ULONG wheel = 0; wheel < TIMER_TABLE_WHEELS; wheel++) {
        for (const KTIMER* timer : nt::List<&KTIMER::TimerListEntry>(*ChainOf(wheel, hand)))
            if (timer == Timer) return true;
    }
    return false;
}

/// The table would keep a link to a timer that is made anew while it runs.
static void CheckNotRunning(const KTIMER* Timer) {
    if (Timer->Header.Inserted != TRUE) return;
    KiDispatcherGuard guard;
    if (IsInTable(Timer)) KeBugCheckEx(TIMER_OR_DPC_INVALID, 0, reinterpret_cast<ULONG_PTR>(Timer), 0, 0);
}

void NTAPI KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type) {
    CheckNotRunning(Timer);
    *Timer = {};
    Timer->Header.Type =
        Type == NotificationTimer ? KOBJECTS::TimerNotificationObject : KOBJECTS::TimerSynchronizationObject;
    Timer->Header.Size = sizeof(KTIMER) / sizeof(ULONG);
    InitializeListHead(&Timer->Header.WaitListHead);
}

/// Starts the timer, once or with a period. What it did before is forgotten: whether it ran, its signal, its DPC.
///
/// - It has this Dpc and this Period. It is Absolute if `DueTime` is a system time (KiInterruptTimeOf).
/// - A due time that is not in the future has come: the timer has that DueTime and is signaled at once (KiSignalTimer).
///   It is never put into the table for that time.
/// @returns whether the timer was running
BOOLEAN NTAPI KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc) {
    // LAB(3.7) begin
    NT_ASSERT(Period >= 0);
    KiDispatcherGuard guard;
    const BOOLEAN wasRunning = Timer->Header.Inserted;
    if (wasRunning) KiRemoveTimer(Timer);
    Timer->Header.SignalState = 0;
    Timer->Dpc = Dpc;
    Timer->Period = Period;
    Timer->Header.Absolute = DueTime.QuadPart > 0;

    const ULONGLONG due = KiInterruptTimeOf(DueTime);
    if (due <= KeQueryInterruptTime()) {
        Timer->DueTime.QuadPart = LONGLONG(due);
        KiSignalTimer(Timer);
    } else {
        KiInsertTimer(Timer, due);
    }
    return wasRunning;
    // LAB(3.7) else
    //| LAB_NOT_IMPLEMENTED("3.7");
    // LAB(3.7) end
}

/// Stops the timer. A signal that it has given stays, and a DPC that it has queued stays queued.
/// @returns whether the timer was running
BOOLEAN NTAPI KeCancelTimer(PKTIMER Timer) {
    // LAB(3.7) begin
    KiDispatcherGuard guard;
    const BOOLEAN wasRunning = Timer->Header.Inserted;
    if (wasRunning) KiRemoveTimer(Timer);
    return wasRunning;
    // LAB(3.7) else
    //| LAB_NOT_IMPLEMENTED("3.7");
    // LAB(3.7) end
}

BOOLEAN NTAPI KeReadStateTimer(PKTIMER Timer) { return *const_cast<volatile LONG*>(&Timer->Header.SignalState) > 0; }
