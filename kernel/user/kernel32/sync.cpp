// Events, mutexes, semaphores, waits. Contract: kernel32.h.
//
// An object with a name stands in \BaseNamedObjects; one that is there already is opened instead.
// In the books: "dispatcher objects". DSP-02..05
#include "k32.h"

namespace {

/// Where named objects are.
class BASE_OBJECT {
public:
    explicit BASE_OBJECT(PCSTR name) : m_name(name ? name : "") {}

    /// The attributes to create an object with; nullptr: it has no name.
    NTSTATUS Attributes(POBJECT_ATTRIBUTES* attributes) {
        *attributes = nullptr;
        if (*m_name == 0) return STATUS_SUCCESS;
        NT_TRY(RtlStringCbPrintf(m_path, sizeof(m_path), "\\BaseNamedObjects\\%s", m_name) == STATUS_SUCCESS
                   ? STATUS_SUCCESS
                   : STATUS_NAME_TOO_LONG);
        STRING narrow;
        RtlInitString(&narrow, m_path);
        m_wide = {0, sizeof(m_text), m_text};
        NT_TRY(RtlAnsiStringToUnicodeString(&m_wide, &narrow, FALSE));
        InitializeObjectAttributes(&m_attributes, &m_wide, OBJ_OPENIF, nullptr, nullptr);
        *attributes = &m_attributes;
        return STATUS_SUCCESS;
    }

private:
    static constexpr ULONG LONGEST = 128;
    PCSTR m_name;
    CHAR m_path[LONGEST];
    WCHAR m_text[LONGEST];
    UNICODE_STRING m_wide{};
    OBJECT_ATTRIBUTES m_attributes;
};

/// Makes an object by `create(HANDLE*, POBJECT_ATTRIBUTES)`.
template <typename CREATE> HANDLE Create(PCSTR name, CREATE create) {
    BASE_OBJECT object(name);
    POBJECT_ATTRIBUTES attributes = nullptr;
    HANDLE handle = nullptr;
    NTSTATUS status = object.Attributes(&attributes);
    if (NT_SUCCESS(status)) status = create(&handle, attributes);
    if (!BaseSucceeded(status)) return nullptr;
    SetLastError(status == STATUS_OBJECT_NAME_EXISTS ? ERROR_ALREADY_EXISTS : ERROR_SUCCESS);
    return handle;
}

/// What a wait came to, for its caller.
DWORD WaitResult(NTSTATUS status) { return BaseSucceeded(status) ? static_cast<DWORD>(status) : WAIT_FAILED; }

} // namespace

extern "C" {

HANDLE NTAPI CreateEventA(LPSECURITY_ATTRIBUTES, BOOL ManualReset, BOOL InitialState, PCSTR Name) {
    return Create(Name, [=](HANDLE* handle, POBJECT_ATTRIBUTES attributes) {
        return NtCreateEvent(handle, EVENT_ALL_ACCESS, attributes,
                             ManualReset ? NotificationEvent : SynchronizationEvent, InitialState != 0);
    });
}
HANDLE NTAPI CreateMutexA(LPSECURITY_ATTRIBUTES, BOOL InitialOwner, PCSTR Name) {
    return Create(Name, [=](HANDLE* handle, POBJECT_ATTRIBUTES attributes) {
        return NtCreateMutant(handle, MUTANT_ALL_ACCESS, attributes, InitialOwner != 0);
    });
}
HANDLE NTAPI CreateSemaphoreA(LPSECURITY_ATTRIBUTES, LONG InitialCount, LONG MaximumCount, PCSTR Name) {
    return Create(Name, [=](HANDLE* handle, POBJECT_ATTRIBUTES attributes) {
        return NtCreateSemaphore(handle, SEMAPHORE_ALL_ACCESS, attributes, InitialCount, MaximumCount);
    });
}
/// Simplified: a name in letters that the ANSI code page lacks is another one.
HANDLE NTAPI CreateSemaphoreW(LPSECURITY_ATTRIBUTES SemaphoreAttributes, LONG InitialCount, LONG MaximumCount,
                              PCWSTR Name) {
    STRING narrow{};
    UNICODE_STRING wide;
    NTSTATUS status = Name ? RtlInitUnicodeStringEx(&wide, Name) : STATUS_SUCCESS;
    if (Name && NT_SUCCESS(status)) status = RtlUnicodeStringToAnsiString(&narrow, &wide, TRUE);
    if (!BaseSucceeded(status)) return nullptr;
    const HANDLE semaphore = CreateSemaphoreA(SemaphoreAttributes, InitialCount, MaximumCount, narrow.Buffer);
    if (narrow.Buffer) RtlFreeAnsiString(&narrow);
    return semaphore;
}

BOOL NTAPI SetEvent(HANDLE Event) { return BaseSucceeded(NtSetEvent(Event, nullptr)); }
BOOL NTAPI ResetEvent(HANDLE Event) { return BaseSucceeded(NtClearEvent(Event)); }
BOOL NTAPI ReleaseMutex(HANDLE Mutex) { return BaseSucceeded(NtReleaseMutant(Mutex, nullptr)); }
BOOL NTAPI ReleaseSemaphore(HANDLE Semaphore, LONG ReleaseCount, LONG* PreviousCount) {
    return BaseSucceeded(NtReleaseSemaphore(Semaphore, ReleaseCount, PreviousCount));
}

DWORD NTAPI WaitForSingleObjectEx(HANDLE Handle, DWORD Milliseconds, BOOL Alertable) {
    BASE_TIMEOUT timeout(Milliseconds);
    return WaitResult(NtWaitForSingleObject(Handle, Alertable != 0, timeout.Get()));
}
DWORD NTAPI WaitForSingleObject(HANDLE Handle, DWORD Milliseconds) {
    return WaitForSingleObjectEx(Handle, Milliseconds, FALSE);
}

DWORD NTAPI WaitForMultipleObjectsEx(DWORD Count, const HANDLE* Handles, BOOL All, DWORD Milliseconds, BOOL Alertable) {
    BASE_TIMEOUT timeout(Milliseconds);
    return WaitResult(NtWaitForMultipleObjects(Count, const_cast<HANDLE*>(Handles), All ? WaitAll : WaitAny,
                                               Alertable != 0, timeout.Get()));
}
DWORD NTAPI WaitForMultipleObjects(DWORD Count, const HANDLE* Handles, BOOL All, DWORD Milliseconds) {
    return WaitForMultipleObjectsEx(Count, Handles, All, Milliseconds, FALSE);
}

void NTAPI InitializeCriticalSection(PRTL_CRITICAL_SECTION CriticalSection) {
    (void)RtlInitializeCriticalSection(CriticalSection);
}
BOOL NTAPI InitializeCriticalSectionAndSpinCount(PRTL_CRITICAL_SECTION CriticalSection, DWORD SpinCount) {
    return BaseSucceeded(RtlInitializeCriticalSectionAndSpinCount(CriticalSection, SpinCount));
}
BOOL NTAPI TryEnterCriticalSection(PRTL_CRITICAL_SECTION CriticalSection) {
    return RtlTryEnterCriticalSection(CriticalSection);
}
}
