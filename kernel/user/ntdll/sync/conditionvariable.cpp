// Condition variables. Contract: user/conditionvariable.h.
//
// The word leads to a list of the threads that wait, each by a record on its own stack; its lowest bit locks the list for a few
// instructions. A thread that wakes takes records out and then meets each thread at the record's address. So a wake goes to a thread
// that was waiting, never to one that came later. A thread whose time is over takes its own record out, or, where that is gone, meets the
// thread that has taken it.
// In the books: "condition variables". DSP-22
#include "ntdllp.h"

#include "nt/atomic.h"
#include "user/conditionvariable.h"

namespace {

/// A thread that waits. shared: the list's lock
struct CONDITION_WAIT {
    CONDITION_WAIT* Next; ///< that has come later
    bool Enlisted;
};

/// The list, locked for as long as this object lives.
class WAIT_LIST {
public:
    explicit WAIT_LIST(PRTL_CONDITION_VARIABLE variable)
        : m_word(reinterpret_cast<volatile LONG*>(&variable->Ptr)), m_first(Lock()) {}
    ~WAIT_LIST() { WriteRelease(m_word, reinterpret_cast<LONG_PTR>(m_first)); }
    WAIT_LIST(const WAIT_LIST&) = delete;
    WAIT_LIST& operator=(const WAIT_LIST&) = delete;

    void Append(CONDITION_WAIT* wait) {
        CONDITION_WAIT** at = &m_first;
        while (*at)
            at = &(*at)->Next;
        *at = wait;
        wait->Enlisted = true;
    }
    /// @returns the thread that has waited longest; nullptr: there is none
    CONDITION_WAIT* TakeFirst() {
        CONDITION_WAIT* const first = m_first;
        if (!first) return nullptr;
        m_first = first->Next;
        first->Next = nullptr;
        first->Enlisted = false;
        return first;
    }
    CONDITION_WAIT* TakeAll() {
        CONDITION_WAIT* const first = m_first;
        for (CONDITION_WAIT* wait = first; wait; wait = wait->Next)
            wait->Enlisted = false;
        m_first = nullptr;
        return first;
    }
    /// @returns false: another thread has taken it
    bool Take(CONDITION_WAIT* wait) {
        if (!wait->Enlisted) return false;
        CONDITION_WAIT** at = &m_first;
        while (*at != wait)
            at = &(*at)->Next;
        *at = wait->Next;
        return true;
    }

private:
    static constexpr LONG LOCKED = 1;
    static constexpr ULONG TRIES =
        100; ///< before a thread lets others run: the one with the lock may have a lower priority

    CONDITION_WAIT* Lock() {
        for (ULONG tries = 0;; tries++) {
            const LONG word = ReadAcquire(m_word);
            if ((word & LOCKED) == 0 && InterlockedCompareExchange(m_word, word | LOCKED, word) == word)
                return reinterpret_cast<CONDITION_WAIT*>(word);
            if (RtlpProcessEnds) (void)NtTerminateProcess(NtCurrentProcess(), RtlpEndingStatus); // its owner is no more
            if (tries % TRIES == TRIES - 1) {
                LARGE_INTEGER moment = {.QuadPart = -10'000};
                (void)NtDelayExecution(FALSE, &moment);
            }
            __asm__ __volatile__("pause");
        }
    }

    volatile LONG* m_word;
    CONDITION_WAIT* m_first;
};

/// Meets the threads of these records; a record goes with its thread.
void Meet(CONDITION_WAIT* wait) {
    while (wait && !RtlpProcessEnds) {
        CONDITION_WAIT* const next = wait->Next;
        (void)NtReleaseKeyedEvent(nullptr, wait, FALSE, nullptr);
        wait = next;
    }
}

/// Waits, the lock given back.
NTSTATUS Await(PRTL_CONDITION_VARIABLE variable, CONDITION_WAIT* wait, LARGE_INTEGER* timeOut) {
    const NTSTATUS status = NtWaitForKeyedEvent(nullptr, wait, FALSE, timeOut);
    if (status == STATUS_SUCCESS) return status;
    {
        WAIT_LIST list(variable);
        if (list.Take(wait)) return status;
    }
    return NtWaitForKeyedEvent(nullptr, wait, FALSE, nullptr); // the thread that has taken the record comes
}

} // namespace

extern "C" {

void NTAPI RtlInitializeConditionVariable(PRTL_CONDITION_VARIABLE ConditionVariable) {
    ConditionVariable->Ptr = nullptr;
}

void NTAPI RtlWakeConditionVariable(PRTL_CONDITION_VARIABLE ConditionVariable) {
    if (!ConditionVariable->Ptr) return; // no thread waits
    CONDITION_WAIT* wait;
    {
        WAIT_LIST list(ConditionVariable);
        wait = list.TakeFirst();
    }
    Meet(wait);
}

void NTAPI RtlWakeAllConditionVariable(PRTL_CONDITION_VARIABLE ConditionVariable) {
    if (!ConditionVariable->Ptr) return;
    CONDITION_WAIT* wait;
    {
        WAIT_LIST list(ConditionVariable);
        wait = list.TakeAll();
    }
    Meet(wait);
}

NTSTATUS NTAPI RtlSleepConditionVariableCS(PRTL_CONDITION_VARIABLE ConditionVariable,
                                           PRTL_CRITICAL_SECTION CriticalSection, LARGE_INTEGER* TimeOut) {
    CONDITION_WAIT wait = {nullptr, false};
    {
        WAIT_LIST list(ConditionVariable);
        list.Append(&wait);
    }
    (void)RtlLeaveCriticalSection(CriticalSection);
    const NTSTATUS status = Await(ConditionVariable, &wait, TimeOut);
    (void)RtlEnterCriticalSection(CriticalSection);
    return status;
}

NTSTATUS NTAPI RtlSleepConditionVariableSRW(PRTL_CONDITION_VARIABLE ConditionVariable, PRTL_SRWLOCK SRWLock,
                                            LARGE_INTEGER* TimeOut, ULONG Flags) {
    if ((Flags & ~RTL_CONDITION_VARIABLE_LOCKMODE_SHARED) != 0) return STATUS_INVALID_PARAMETER;
    const bool reads = Flags != 0;
    CONDITION_WAIT wait = {nullptr, false};
    {
        WAIT_LIST list(ConditionVariable);
        list.Append(&wait);
    }
    reads ? RtlReleaseSRWLockShared(SRWLock) : RtlReleaseSRWLockExclusive(SRWLock);
    const NTSTATUS status = Await(ConditionVariable, &wait, TimeOut);
    reads ? RtlAcquireSRWLockShared(SRWLock) : RtlAcquireSRWLockExclusive(SRWLock);
    return status;
}
}
