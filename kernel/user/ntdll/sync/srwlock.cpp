// Slim reader/writer locks. Contract: user/srwlock.h.
//
// The word counts: threads that read, threads that wait to read, threads that wait to write, and a bit for the one that writes. One
// compare-exchange changes all of it. The thread that lets others in counts them out and then meets each of them at a key: the lock's
// address for a thread that writes, two more for one that reads. A thread that has counted itself in does come.
// In the books: "slim reader/writer locks". DSP-22
#include "ntdllp.h"

#include "nt/atomic.h"
#include "user/srwlock.h"

namespace {

/// What the lock's word says.
union SRW_STATE {
    struct {
        ULONG Writes : 1;
        ULONG Readers : 11;
        ULONG WaitingReaders : 10;
        ULONG WaitingWriters : 10;
    };
    LONG All;
};
constexpr ULONG MOST_READERS = 0x7FF, MOST_WAITING = 0x3FF;

/// Which threads to meet.
struct SRW_WOKEN {
    ULONG Readers;
    ULONG Writers;
};

/// Changes the word by `change(SRW_STATE*)`, which says whether there is anything to change. @returns whether it was
template <typename CHANGE> bool Change(PRTL_SRWLOCK lock, CHANGE change) {
    auto* const word = reinterpret_cast<volatile LONG*>(&lock->Ptr);
    for (;;) {
        const SRW_STATE before = {.All = ReadAcquire(word)};
        SRW_STATE after = before;
        if (!change(&after)) return false;
        if (InterlockedCompareExchange(word, after.All, before.All) == before.All) return true;
    }
}

PVOID KeyOf(PRTL_SRWLOCK lock, bool reader) { return reinterpret_cast<UCHAR*>(lock) + (reader ? 2 : 0); }

bool TryWrite(SRW_STATE* state) {
    if (state->Writes || state->Readers) return false;
    state->Writes = 1;
    return true;
}

bool TryRead(SRW_STATE* state) {
    if (state->Writes || state->WaitingWriters || state->Readers == MOST_READERS) return false;
    state->Readers++;
    return true;
}

/// Waits for the thread that lets this one in.
void Await(PRTL_SRWLOCK lock, bool reader) {
    if (RtlpProcessEnds) (void)NtTerminateProcess(NtCurrentProcess(), RtlpEndingStatus); // the lock's owner is no more
    const NTSTATUS status = NtWaitForKeyedEvent(nullptr, KeyOf(lock, reader), FALSE, nullptr);
    if (status != STATUS_SUCCESS) RtlRaiseStatus(status);
}

/// More threads than the word can count: the rest try again later.
void Pause() {
    LARGE_INTEGER moment = {.QuadPart = -10'000};
    (void)NtDelayExecution(FALSE, &moment);
}

void LetIn(PRTL_SRWLOCK lock, SRW_WOKEN woken) {
    if (RtlpProcessEnds) return; // the threads that wait are no more
    for (; woken.Writers != 0; woken.Writers--)
        (void)NtReleaseKeyedEvent(nullptr, KeyOf(lock, false), FALSE, nullptr);
    for (; woken.Readers != 0; woken.Readers--)
        (void)NtReleaseKeyedEvent(nullptr, KeyOf(lock, true), FALSE, nullptr);
}

/// The lock has no owner any more: gives it to threads that wait.
SRW_WOKEN HandOn(SRW_STATE* state, bool readersFirst) {
    if (state->WaitingReaders != 0 && (readersFirst || state->WaitingWriters == 0)) {
        const SRW_WOKEN woken = {state->WaitingReaders, 0};
        state->Readers = state->WaitingReaders;
        state->WaitingReaders = 0;
        return woken;
    }
    if (state->WaitingWriters == 0) return {0, 0};
    state->WaitingWriters--;
    state->Writes = 1;
    return {0, 1};
}

/// Takes the lock or counts this thread among those that wait.
template <typename TRY, typename COUNT> void Acquire(PRTL_SRWLOCK lock, bool reader, TRY take, COUNT count) {
    bool waits = false;
    while (!Change(lock, [&](SRW_STATE* state) {
        waits = !take(state);
        return !waits || count(state);
    }))
        Pause();
    if (waits) Await(lock, reader);
}

} // namespace

extern "C" {

void NTAPI RtlInitializeSRWLock(PRTL_SRWLOCK SRWLock) { SRWLock->Ptr = nullptr; }

void NTAPI RtlAcquireSRWLockExclusive(PRTL_SRWLOCK SRWLock) {
    Acquire(SRWLock, false, TryWrite, [](SRW_STATE* state) {
        if (state->WaitingWriters == MOST_WAITING) return false;
        state->WaitingWriters++;
        return true;
    });
}

void NTAPI RtlAcquireSRWLockShared(PRTL_SRWLOCK SRWLock) {
    Acquire(SRWLock, true, TryRead, [](SRW_STATE* state) {
        // Without a writer there are too many readers: no thread lets in those that would wait.
        if (state->WaitingReaders == MOST_WAITING || (!state->Writes && !state->WaitingWriters)) return false;
        state->WaitingReaders++;
        return true;
    });
}

void NTAPI RtlReleaseSRWLockExclusive(PRTL_SRWLOCK SRWLock) {
    SRW_WOKEN woken = {0, 0};
    if (!Change(SRWLock, [&](SRW_STATE* state) {
            if (!state->Writes) return false;
            state->Writes = 0;
            woken = HandOn(state, true);
            return true;
        }))
        RtlRaiseStatus(STATUS_RESOURCE_NOT_OWNED);
    LetIn(SRWLock, woken);
}

void NTAPI RtlReleaseSRWLockShared(PRTL_SRWLOCK SRWLock) {
    SRW_WOKEN woken = {0, 0};
    if (!Change(SRWLock, [&](SRW_STATE* state) {
            if (!state->Readers) return false;
            woken = --state->Readers == 0 ? HandOn(state, false) : SRW_WOKEN{0, 0};
            return true;
        }))
        RtlRaiseStatus(STATUS_RESOURCE_NOT_OWNED);
    LetIn(SRWLock, woken);
}

BOOLEAN NTAPI RtlTryAcquireSRWLockExclusive(PRTL_SRWLOCK SRWLock) { return Change(SRWLock, TryWrite); }
BOOLEAN NTAPI RtlTryAcquireSRWLockShared(PRTL_SRWLOCK SRWLock) { return Change(SRWLock, TryRead); }
}
