// System time, interrupt time, tick count: what the clock keeps and all others read.
//
// Interrupt time and system time are fields of the page that user mode reads (KiSharedUserData), under names of their own.
// Interrupt time runs from boot and is never adjusted; relative due times count in it. System time is interrupt time
// plus what KeSetSystemTime says; absolute due times are converted when a timer is set and moved when it is changed.
// Locks: none for reading one of them (KSYSTEM_TIME). Writers, the clock's processor and KeSetSystemTime on any, hold TimeLock at
// CLOCK_LEVEL or above; KeSetSystemTime holds the dispatcher database, too, because absolute timers follow.
// In the books: "system time", "timer processing". HAL-07
#include "ke/ki.h"

extern "C" {
constinit KSYSTEM_TIME KeTickCount = {}; // shared: written under TimeLock, read without a lock: KSYSTEM_TIME's protocol
constinit ULONG KeMaximumIncrement = 100'000; // shared: the HAL sets it before the clock starts; 10 ms until then
}

static constinit KSPIN_LOCK TimeLock = {};

void KiInitializeTime() { KeInitializeSpinLock(&TimeLock, KLOCK_RANK::Timer); }

LONGLONG KiReadTime(const KSYSTEM_TIME& Time) {
    for (;;) {
        const LONG high1 = __atomic_load_n(&Time.High1Time, __ATOMIC_ACQUIRE);
        const ULONG low = __atomic_load_n(&Time.LowPart, __ATOMIC_ACQUIRE);
        const LONG high2 = __atomic_load_n(&Time.High2Time, __ATOMIC_ACQUIRE);
        if (high1 == high2) return LONGLONG(ULONGLONG(ULONG(high1)) << 32 | low);
        YieldProcessor();
    }
}

void KiWriteTime(KSYSTEM_TIME& Time, LONGLONG Value) {
    const LONG high = LONG(Value >> 32);
    __atomic_store_n(&Time.High2Time, high, __ATOMIC_RELEASE);
    __atomic_store_n(&Time.LowPart, ULONG(Value), __ATOMIC_RELEASE);
    __atomic_store_n(&Time.High1Time, high, __ATOMIC_RELEASE);
}

void NTAPI KeQuerySystemTime(PLARGE_INTEGER CurrentTime) { CurrentTime->QuadPart = KiReadTime(KiSystemTime); }

ULONGLONG NTAPI KeQueryInterruptTime() { return ULONGLONG(KiReadTime(KiInterruptTime)); }

void NTAPI KeQueryTickCount(PLARGE_INTEGER TickCount) { TickCount->QuadPart = KiReadTime(KeTickCount); }

ULONG NTAPI KeQueryTimeIncrement() { return KeMaximumIncrement; }

void NTAPI KeSetTimeIncrement(ULONG MaximumIncrement, [[maybe_unused]] ULONG MinimumIncrement) {
    NT_ASSERT(MinimumIncrement != 0 && MinimumIncrement <= MaximumIncrement);
    KeMaximumIncrement = MaximumIncrement;
    constexpr ULONG unitsPerMillisecond = 10'000;
    KiSharedUserData.TickCountMultiplier = ULONG((ULONGLONG(MaximumIncrement) << 24) / unitsPerMillisecond);
}

void KiWriteTickCount(LONGLONG Ticks) {
    KiWriteTime(KeTickCount, Ticks);
    KiWriteTime(KiSharedUserData.TickCount, Ticks);
    __atomic_store_n(&KiSharedUserData.TickCountLowDeprecated, ULONG(Ticks), __ATOMIC_RELAXED);
}

void KiAdvanceTimes(ULONG Increment) {
    nt::SpinLockAtDpcGuard guard(TimeLock);
    KiWriteTime(KiInterruptTime, KiReadTime(KiInterruptTime) + Increment);
    KiWriteTime(KiSystemTime, KiReadTime(KiSystemTime) + Increment);
    KiWriteTickCount(KiReadTime(KeTickCount) + 1);
}

LONGLONG KiSystemTimeAhead() {
    nt::IrqlGuard clockHeldOff(HIGH_LEVEL);
    nt::SpinLockAtDpcGuard guard(TimeLock);
    return KiReadTime(KiSystemTime) - KiReadTime(KiInterruptTime);
}

/// @returns the old time
static LONGLONG WriteSystemTime(LONGLONG newTime) {
    nt::IrqlGuard clockHeldOff(HIGH_LEVEL);
    nt::SpinLockAtDpcGuard guard(TimeLock);
    const LONGLONG oldTime = KiReadTime(KiSystemTime);
    KiWriteTime(KiSystemTime, newTime);
    return oldTime;
}

void NTAPI KeSetSystemTime(PLARGE_INTEGER NewTime, PLARGE_INTEGER OldTime) {
    KiDispatcherGuard guard;
    OldTime->QuadPart = WriteSystemTime(NewTime->QuadPart);
    KiShiftAbsoluteTimers(NewTime->QuadPart - OldTime->QuadPart);
}
