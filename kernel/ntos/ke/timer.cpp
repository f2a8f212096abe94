// Timers: the table of running timers, setting and cancelling.
//
// The table has TIMER_TABLE_SIZE chains. A timer's hand is the clock tick at which it is due (rounded up); it is on chain
// hand modulo TIMER_TABLE_SIZE, and a chain is sorted by DueTime, timers of one due time in the order they were set.
// Invariant: a timer is on a chain exactly while Header.Inserted. NextHand is the first hand that has not expired yet; no
// timer is on a chain that only an earlier hand would visit.
// Locks: KiDispatcherLock. IRQL: <= DISPATCH_LEVEL.
// In the books: "timer processing", "dispatcher objects: timers". DSP-09, INT-09
#include "ke/ki.h"

extern "C" {
LIST_ENTRY KiTimerTableListHead[TIMER_TABLE_SIZE];
KDPC KiTimerExpireDpc; // shared: its DPC queue's lock
}

namespace {

[[maybe_unused]] constexpr LONGLONG UnitsPerMillisecond = 10'000; ///< of 100 ns

constinit ULONGLONG NextHand GUARDED_BY(KiDispatcherLock) = 0;

/// First hand at or after a due time.
[[maybe_unused]] ULONGLONG HandOf(ULONGLONG dueTime) { return (dueTime + KeMaximumIncrement - 1) / KeMaximumIncrement; }

[[maybe_unused]] LIST_ENTRY* ChainOf(ULONGLONG hand) REQUIRES_(KiDispatcherLock) {
    return &KiTimerTableListHead[hand % TIMER_TABLE_SIZE];
}

} // namespace

// Before the first thread: nobody shares the table yet.
void KiInitializeTimerTable() NO_THREAD_SAFETY_ANALYSIS {
    for (LIST_ENTRY& chain : KiTimerTableListHead)
        InitializeListHead(&chain);
    NextHand = KiTimerHand() + 1;
    KeInitializeDpc(&KiTimerExpireDpc, KiTimerExpiration, nullptr);
}

ULONGLONG KiTimerHand() { return KeQueryInterruptTime() / KeMaximumIncrement; }

ULONGLONG KiInterruptTimeOf(LARGE_INTEGER DueTime) {
    const LONGLONG now = LONGLONG(KeQueryInterruptTime());
    if (DueTime.QuadPart <= 0) return ULONGLONG(now - DueTime.QuadPart);
    const LONGLONG due = now + (DueTime.QuadPart - KiReadTime(KiSystemTime));
    return due < 0 ? 0 : ULONGLONG(due);
}

/// Starts a timer that is on no chain: DueTime, Inserted, the event TimerSet, and its place in the table.
///
/// - It goes to the chain of its hand (HandOf, ChainOf: given), sorted by due time; behind those of the same due time.
/// - The clock does not take the dispatcher's lock. If it has passed the timer's hand meanwhile (KiTimerHand), it has
///   looked at the chain without this timer: KiTimerExpireDpc is queued, and finds it.
/// Callers rely on: Header.Inserted is set exactly while the timer is on a chain.
void KiInsertTimer(PKTIMER Timer, ULONGLONG DueTime) {
    // LAB(3.6) begin
    Timer->DueTime.QuadPart = LONGLONG(DueTime);
    Timer->Header.Inserted = TRUE;
    EtwTraceEvent(ETW_EVENT::TimerSet, reinterpret_cast<ULONG_PTR>(Timer), ULONG(DueTime), ULONG(DueTime >> 32), 0);

    const ULONGLONG hand = HandOf(DueTime);
    NT_ASSERT(hand >= NextHand); // who has a due time in the future got it while holding the lock
    LIST_ENTRY* const chain = ChainOf(hand);
    LIST_ENTRY* after = chain->Blink;
    while (after != chain && CONTAINING_RECORD(after, KTIMER, TimerListEntry)->DueTime.QuadPart > LONGLONG(DueTime))
        after = after->Blink;
    InsertHeadList(after, &Timer->TimerListEntry);

    // The clock does not take the lock. If it passed the hand meanwhile, it saw the chain without this timer.
    if (hand <= KiTimerHand()) KeInsertQueueDpc(&KiTimerExpireDpc, nullptr, nullptr);
    // LAB(3.6) else
    //| LAB_NOT_IMPLEMENTED("3.6");
    // LAB(3.6) end
}

/// Takes a running timer off its chain. Nothing else of it changes: neither the signal nor its DPC.
void KiRemoveTimer(PKTIMER Timer) {
    // LAB(3.6) begin
    RemoveEntryList(&Timer->TimerListEntry);
    Timer->Header.Inserted = FALSE;
    // LAB(3.6) else
    //| LAB_NOT_IMPLEMENTED("3.6");
    // LAB(3.6) end
}

/// The time of a timer has come; it is on no chain any more.
///
/// - The event TimerExpire is traced, the timer is signaled, and waiters are released (KiWaitTest, no boost).
/// - A periodic timer is started again for one period after its due time, so that it does not drift; if that has passed
///   too, for one period from now. Only its first due time can have been a time of day (Absolute).
/// - Its DPC, if it has one, is queued with the system time (low and high part) as its arguments.
void KiSignalTimer(PKTIMER Timer) {
    // LAB(3.6) begin
    EtwTraceEvent(ETW_EVENT::TimerExpire, reinterpret_cast<ULONG_PTR>(Timer), KeTickCount.LowPart, 0, 0);
    Timer->Header.SignalState = 1;
    KiWaitTest(&Timer->Header, 0);
    if (Timer->Period != 0) {
        const LONGLONG period = Timer->Period * UnitsPerMillisecond;
        const LONGLONG due = Timer->DueTime.QuadPart + period; // counted from the due time: no drift
        const LONGLONG now = LONGLONG(KeQueryInterruptTime());
        Timer->Absolute = FALSE; // only the first due time was a time of day
        KiInsertTimer(Timer, ULONGLONG(due > now ? due : now + period));
    }
    if (Timer->Dpc) {
        LARGE_INTEGER systemTime;
        KeQuerySystemTime(&systemTime);
        KeInsertQueueDpc(Timer->Dpc, reinterpret_cast<PVOID>(ULONG_PTR(systemTime.LowPart)),
                         reinterpret_cast<PVOID>(LONG_PTR(systemTime.HighPart)));
    }
    // LAB(3.6) else
    //| LAB_NOT_IMPLEMENTED("3.6");
    // LAB(3.6) end
}

// LAB(3.6) begin
namespace {

/// Expires what is due on the chain of one hand.
void ExpireChain(ULONGLONG hand, ULONGLONG now) REQUIRES_(KiDispatcherLock, AtDispatchLevel) {
    LIST_ENTRY* const chain = ChainOf(hand);
    while (!IsListEmpty(chain)) {
        KTIMER* const timer = CONTAINING_RECORD(chain->Flink, KTIMER, TimerListEntry);
        if (ULONGLONG(timer->DueTime.QuadPart) > now) break; // a later turn of the table
        KiRemoveTimer(timer);
        KiSignalTimer(timer);
    }
}

} // namespace
// LAB(3.6) else
//| // Room for helpers of your own.
// LAB(3.6) end

/// The DPC that the clock queues when it has come to a chain with timers: expires everything that is due.
///
/// - NextHand is the first hand that has not been looked at yet. Every chain from there to the clock's hand is looked at
///   (the clock may have gone on by several ticks), a chain once at most, and NextHand is behind the clock's hand then.
/// - A chain also holds timers of later turns of the table. They stay.
/// - Timers expire in the order of the chains, and on a chain in their order: off the chain first, then KiSignalTimer.
/// - TimerRequest of this processor is 0 again.
void NTAPI KiTimerExpiration(PKDPC, PVOID, PVOID, PVOID) {
    // LAB(3.6) begin
    KiDispatcherGuard guard;
    KeGetCurrentPrcb()->TimerRequest = 0;
    const ULONGLONG now = KeQueryInterruptTime();
    const ULONGLONG hand = KiTimerHand();
    ULONGLONG first = NextHand;
    if (hand + 1 > first + TIMER_TABLE_SIZE) first = hand + 1 - TIMER_TABLE_SIZE; // once round is every chain
    if (hand >= NextHand) NextHand = hand + 1;
    for (ULONGLONG each = first; each <= hand; each++)
        ExpireChain(each, now);
    // LAB(3.6) else
    //| LAB_NOT_IMPLEMENTED("3.6");
    // LAB(3.6) end
}

void KiShiftAbsoluteTimers(LONGLONG Change) {
    LIST_ENTRY moved;
    InitializeListHead(&moved);
    for (LIST_ENTRY& chain : KiTimerTableListHead) {
        for (KTIMER* timer : nt::List<&KTIMER::TimerListEntry>(chain)) {
            if (!timer->Absolute) continue;
            KiRemoveTimer(timer);
            InsertTailList(&moved, &timer->TimerListEntry);
        }
    }
    const LONGLONG now = LONGLONG(KeQueryInterruptTime());
    while (!IsListEmpty(&moved)) {
        KTIMER* const timer = CONTAINING_RECORD(RemoveHeadList(&moved), KTIMER, TimerListEntry);
        timer->DueTime.QuadPart -= Change;
        if (timer->DueTime.QuadPart > now) {
            KiInsertTimer(timer, ULONGLONG(timer->DueTime.QuadPart));
        } else {
            KiSignalTimer(timer); // its time of day has passed by decree
        }
    }
}

void NTAPI KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type) {
    *Timer = {};
    Timer->Header.Type =
        Type == NotificationTimer ? KOBJECTS::TimerNotificationObject : KOBJECTS::TimerSynchronizationObject;
    Timer->Header.Size = sizeof(KTIMER) / sizeof(ULONG);
    InitializeListHead(&Timer->Header.WaitListHead);
}

/// Starts the timer, once or with a period; one that runs is cancelled first.
///
/// - It is not signaled then, whatever it was before, and Dpc, Period and Absolute (DueTime is a system time) are set.
/// - A due time (KiInterruptTimeOf) that is not in the future has come: DueTime is set and KiSignalTimer does the rest,
///   without the table.
/// @returns whether it was running
BOOLEAN NTAPI KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc) {
    // LAB(3.6) begin
    NT_ASSERT(Period >= 0);
    KiDispatcherGuard guard;
    const BOOLEAN wasRunning = Timer->Header.Inserted;
    if (wasRunning) KiRemoveTimer(Timer);
    Timer->Header.SignalState = 0;
    Timer->Dpc = Dpc;
    Timer->Period = Period;
    Timer->Absolute = DueTime.QuadPart > 0;

    const ULONGLONG due = KiInterruptTimeOf(DueTime);
    if (due <= KeQueryInterruptTime()) {
        Timer->DueTime.QuadPart = LONGLONG(due);
        KiSignalTimer(Timer);
    } else {
        KiInsertTimer(Timer, due);
    }
    return wasRunning;
    // LAB(3.6) else
    //| LAB_NOT_IMPLEMENTED("3.6");
    // LAB(3.6) end
}

/// Stops the timer. A signal that it has given stays, and a DPC that it has queued stays queued.
/// @returns whether it was running
BOOLEAN NTAPI KeCancelTimer(PKTIMER Timer) {
    // LAB(3.6) begin
    KiDispatcherGuard guard;
    const BOOLEAN wasRunning = Timer->Header.Inserted;
    if (wasRunning) KiRemoveTimer(Timer);
    return wasRunning;
    // LAB(3.6) else
    //| LAB_NOT_IMPLEMENTED("3.6");
    // LAB(3.6) end
}

BOOLEAN NTAPI KeReadStateTimer(PKTIMER Timer) { return *const_cast<volatile LONG*>(&Timer->Header.SignalState) > 0; }
