// Critical sections. Contract: user/criticalsection.h.
//
// A thread that leaves while others wait signals the event, once for each: the event lets one thread through, which owns the section
// then. LockCount is not free in between, so no third thread takes it meanwhile.
// In the books: "critical sections". DSP-22
#include "ntdllp.h"

#include "nt/atomic.h"

namespace {

constexpr LONG FREE = -1;

void Own(PRTL_CRITICAL_SECTION section, HANDLE thread) {
    section->OwningThread = thread;
    section->RecursionCount = 1;
}

HANDLE CurrentThread() { return NtCurrentTeb()->ClientId.UniqueThread; }

/// The section's event. The first thread that needs it makes it; of two that make one at the same time the second closes its own.
HANDLE EventOf(PRTL_CRITICAL_SECTION section) {
    if (section->LockSemaphore == 0) {
        HANDLE made = nullptr;
        const NTSTATUS status = NtCreateEvent(&made, EVENT_ALL_ACCESS, nullptr, SynchronizationEvent, FALSE);
        if (!NT_SUCCESS(status)) RtlRaiseStatus(status);
        if (InterlockedCompareExchange(&section->LockSemaphore, reinterpret_cast<ULONG_PTR>(made), ULONG_PTR(0)) != 0)
            (void)NtClose(made);
    }
    return reinterpret_cast<HANDLE>(section->LockSemaphore);
}

bool TryTake(PRTL_CRITICAL_SECTION section) {
    return InterlockedCompareExchange(&section->LockCount, LONG(0), FREE) == FREE;
}

bool Spin(PRTL_CRITICAL_SECTION section) {
    for (ULONG_PTR tries = section->SpinCount; tries != 0; tries--) {
        if (section->LockCount == FREE && TryTake(section)) return true;
        __asm__ __volatile__("pause");
    }
    return false;
}

} // namespace

extern "C" {

NTSTATUS NTAPI RtlInitializeCriticalSection(PRTL_CRITICAL_SECTION CriticalSection) {
    return RtlInitializeCriticalSectionAndSpinCount(CriticalSection, 0);
}

NTSTATUS NTAPI RtlInitializeCriticalSectionAndSpinCount(PRTL_CRITICAL_SECTION CriticalSection, ULONG SpinCount) {
    *CriticalSection = {.DebugInfo = nullptr,
                        .LockCount = FREE,
                        .RecursionCount = 0,
                        .OwningThread = nullptr,
                        .LockSemaphore = 0,
                        .SpinCount = 0};
    (void)RtlSetCriticalSectionSpinCount(CriticalSection, SpinCount);
    return STATUS_SUCCESS;
}

ULONG NTAPI RtlSetCriticalSectionSpinCount(PRTL_CRITICAL_SECTION CriticalSection, ULONG SpinCount) {
    constexpr ULONG countBits = 0x00FFFFFF; // the highest bits are flags
    const auto before = ULONG(CriticalSection->SpinCount);
    CriticalSection->SpinCount = NtCurrentPeb()->NumberOfProcessors > 1 ? SpinCount & countBits : 0;
    return before;
}

NTSTATUS NTAPI RtlEnterCriticalSection(PRTL_CRITICAL_SECTION CriticalSection) {
    const HANDLE thread = CurrentThread();
    if (CriticalSection->SpinCount != 0 && CriticalSection->OwningThread != thread && Spin(CriticalSection)) {
        Own(CriticalSection, thread);
        return STATUS_SUCCESS;
    }
    if (InterlockedIncrement(&CriticalSection->LockCount) == 0) {
        Own(CriticalSection, thread);
        return STATUS_SUCCESS;
    }
    if (CriticalSection->OwningThread == thread) {
        CriticalSection->RecursionCount++;
        return STATUS_SUCCESS;
    }
    if (RtlpProcessEnds) (void)NtTerminateProcess(NtCurrentProcess(), RtlpEndingStatus); // its owner is no more
    const NTSTATUS status = NtWaitForSingleObject(EventOf(CriticalSection), FALSE, nullptr);
    if (status != STATUS_SUCCESS) RtlRaiseStatus(status); // something has closed the handle
    Own(CriticalSection, thread);
    return STATUS_SUCCESS;
}

BOOLEAN NTAPI RtlTryEnterCriticalSection(PRTL_CRITICAL_SECTION CriticalSection) {
    const HANDLE thread = CurrentThread();
    if (TryTake(CriticalSection)) {
        Own(CriticalSection, thread);
        return TRUE;
    }
    if (CriticalSection->OwningThread != thread) return FALSE;
    InterlockedIncrement(&CriticalSection->LockCount);
    CriticalSection->RecursionCount++;
    return TRUE;
}

NTSTATUS NTAPI RtlLeaveCriticalSection(PRTL_CRITICAL_SECTION CriticalSection) {
    if (CriticalSection->OwningThread != CurrentThread()) return STATUS_MUTANT_NOT_OWNED;
    if (--CriticalSection->RecursionCount != 0) {
        InterlockedDecrement(&CriticalSection->LockCount);
        return STATUS_SUCCESS;
    }
    CriticalSection->OwningThread = nullptr;
    if (InterlockedDecrement(&CriticalSection->LockCount) > FREE) (void)NtSetEvent(EventOf(CriticalSection), nullptr);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI RtlDeleteCriticalSection(PRTL_CRITICAL_SECTION CriticalSection) {
    if (CriticalSection->LockSemaphore != 0) (void)NtClose(reinterpret_cast<HANDLE>(CriticalSection->LockSemaphore));
    *CriticalSection = {.DebugInfo = nullptr,
                        .LockCount = FREE,
                        .RecursionCount = 0,
                        .OwningThread = nullptr,
                        .LockSemaphore = 0,
                        .SpinCount = 0};
    return STATUS_SUCCESS;
}
}
