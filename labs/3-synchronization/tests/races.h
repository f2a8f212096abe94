// What the concurrency tests of lab 3 share: a section that watches who is inside, and data that two steps change.
//
// A scenario fails where it sees a broken promise (two threads inside a lock), not where it sees a suspicious access, so a
// correct kernel cannot be accused whatever it does inside.
// In the books: "synchronization". SYH-05, DSP-14
#pragma once

#include "scenario.h"

/// A section that at most `Capacity` threads may be in at once.
/// shared: by interlocked operations
template <LONG Capacity = 1> struct Section {
    volatile LONG Inside;
    volatile LONG Entered;

    void Reset() {
        Inside = 0;
        Entered = 0;
    }
    void Enter() {
        const LONG now = InterlockedIncrement(&Inside);
        CHECK(now <= Capacity);
        InterlockedIncrement(&Entered);
    }
    void Leave() { InterlockedDecrement(&Inside); }
    /// In and out again.
    void Visit() {
        Enter();
        Leave();
    }
};

/// Two words that are equal whenever no writer is at work. Not interlocked on purpose: the lock under test orders them.
/// shared: by the lock under test
struct Pair {
    volatile LONG First;
    volatile LONG Second;

    void Reset() {
        First = 0;
        Second = 0;
    }
    /// Caller: alone.
    void Write() {
        const LONG next = First + 1;
        First = next;
        Second = next;
    }
    /// Caller: no writer beside it.
    void Read() const {
        const LONG first = First;
        CHECK_EQUAL(first, Second);
    }
};

/// Waits for one object without a time-out.
inline NTSTATUS Wait(PVOID object) {
    return KeWaitForSingleObject(object, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
}
