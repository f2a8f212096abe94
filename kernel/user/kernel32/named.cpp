// Events, mutexes, semaphores, with names and without. Contract: kernel32.h.
//
// An object with a name stands in \BaseNamedObjects; one that is there already is opened instead. The forms with one-byte characters
// make wide names and go on as the others.
// In the books: "dispatcher objects". DSP-02..05
#include "k32.h"

namespace {

/// Where named objects are.
class BASE_OBJECT {
public:
    explicit BASE_OBJECT(PCWSTR name) : m_name(name) {}

    /// The attributes of an object with this name; nullptr: it has none. @param attributes OBJ_*
    NTSTATUS Attributes(ULONG flags, POBJECT_ATTRIBUTES* attributes) {
        *attributes = nullptr;
        if (!m_name || *m_name == 0) return STATUS_SUCCESS;
        m_path = {0, sizeof(m_text), m_text};
        if (!NT_SUCCESS(RtlAppendUnicodeToString(&m_path, u"\\BaseNamedObjects\\")) ||
            !NT_SUCCESS(RtlAppendUnicodeToString(&m_path, m_name)))
            return STATUS_NAME_TOO_LONG;
        InitializeObjectAttributes(&m_attributes, &m_path, flags, nullptr, nullptr);
        *attributes = &m_attributes;
        return STATUS_SUCCESS;
    }

private:
    static constexpr ULONG LONGEST = 280; ///< characters: 260 for a name
    PCWSTR m_name;
    WCHAR m_text[LONGEST];
    UNICODE_STRING m_path{};
    OBJECT_ATTRIBUTES m_attributes;
};

/// Makes an object by `create(HANDLE*, POBJECT_ATTRIBUTES)`.
template <typename CREATE> HANDLE Create(PCWSTR name, CREATE create) {
    BASE_OBJECT object(name);
    POBJECT_ATTRIBUTES attributes = nullptr;
    HANDLE handle = nullptr;
    NTSTATUS status = object.Attributes(OBJ_OPENIF, &attributes);
    if (NT_SUCCESS(status)) status = create(&handle, attributes);
    if (!BaseSucceeded(status)) return nullptr;
    SetLastError(status == STATUS_OBJECT_NAME_EXISTS ? ERROR_ALREADY_EXISTS : ERROR_SUCCESS);
    return handle;
}

/// Opens an object that is there, by `open(HANDLE*, ACCESS_MASK, POBJECT_ATTRIBUTES)`.
template <typename OPEN> HANDLE Open(OPEN open, DWORD access, BOOL inherit, PCWSTR name) {
    BASE_OBJECT object(name);
    POBJECT_ATTRIBUTES attributes = nullptr;
    HANDLE handle = nullptr;
    NTSTATUS status = object.Attributes(inherit ? OBJ_INHERIT : 0, &attributes);
    if (NT_SUCCESS(status)) status = attributes ? open(&handle, access, attributes) : STATUS_INVALID_PARAMETER;
    return BaseSucceeded(status) ? handle : nullptr;
}

/// Goes on with the wide name. @param with(PCWSTR)
template <typename WITH> HANDLE Widen(PCSTR name, WITH with) {
    BASE_WIDE wide(name);
    return BaseSucceeded(wide.Status()) ? with(wide.Get() ? wide.Get()->Buffer : nullptr) : nullptr;
}

} // namespace

extern "C" {

HANDLE NTAPI CreateEventW(LPSECURITY_ATTRIBUTES, BOOL ManualReset, BOOL InitialState, PCWSTR Name) {
    return Create(Name, [=](HANDLE* handle, POBJECT_ATTRIBUTES attributes) {
        return NtCreateEvent(handle, EVENT_ALL_ACCESS, attributes,
                             ManualReset ? NotificationEvent : SynchronizationEvent, InitialState != 0);
    });
}
HANDLE NTAPI CreateMutexW(LPSECURITY_ATTRIBUTES, BOOL InitialOwner, PCWSTR Name) {
    return Create(Name, [=](HANDLE* handle, POBJECT_ATTRIBUTES attributes) {
        return NtCreateMutant(handle, MUTANT_ALL_ACCESS, attributes, InitialOwner != 0);
    });
}
HANDLE NTAPI CreateSemaphoreW(LPSECURITY_ATTRIBUTES, LONG InitialCount, LONG MaximumCount, PCWSTR Name) {
    return Create(Name, [=](HANDLE* handle, POBJECT_ATTRIBUTES attributes) {
        return NtCreateSemaphore(handle, SEMAPHORE_ALL_ACCESS, attributes, InitialCount, MaximumCount);
    });
}
HANDLE NTAPI CreateEventA(LPSECURITY_ATTRIBUTES Attributes, BOOL ManualReset, BOOL InitialState, PCSTR Name) {
    return Widen(Name, [=](PCWSTR name) { return CreateEventW(Attributes, ManualReset, InitialState, name); });
}
HANDLE NTAPI CreateMutexA(LPSECURITY_ATTRIBUTES Attributes, BOOL InitialOwner, PCSTR Name) {
    return Widen(Name, [=](PCWSTR name) { return CreateMutexW(Attributes, InitialOwner, name); });
}
HANDLE NTAPI CreateSemaphoreA(LPSECURITY_ATTRIBUTES Attributes, LONG InitialCount, LONG MaximumCount, PCSTR Name) {
    return Widen(Name, [=](PCWSTR name) { return CreateSemaphoreW(Attributes, InitialCount, MaximumCount, name); });
}

HANDLE NTAPI OpenEventW(DWORD DesiredAccess, BOOL InheritHandle, PCWSTR Name) {
    return Open(NtOpenEvent, DesiredAccess, InheritHandle, Name);
}
HANDLE NTAPI OpenMutexW(DWORD DesiredAccess, BOOL InheritHandle, PCWSTR Name) {
    return Open(NtOpenMutant, DesiredAccess, InheritHandle, Name);
}
HANDLE NTAPI OpenSemaphoreW(DWORD DesiredAccess, BOOL InheritHandle, PCWSTR Name) {
    return Open(NtOpenSemaphore, DesiredAccess, InheritHandle, Name);
}
HANDLE NTAPI OpenEventA(DWORD DesiredAccess, BOOL InheritHandle, PCSTR Name) {
    return Widen(Name, [=](PCWSTR name) { return OpenEventW(DesiredAccess, InheritHandle, name); });
}
HANDLE NTAPI OpenMutexA(DWORD DesiredAccess, BOOL InheritHandle, PCSTR Name) {
    return Widen(Name, [=](PCWSTR name) { return OpenMutexW(DesiredAccess, InheritHandle, name); });
}
HANDLE NTAPI OpenSemaphoreA(DWORD DesiredAccess, BOOL InheritHandle, PCSTR Name) {
    return Widen(Name, [=](PCWSTR name) { return OpenSemaphoreW(DesiredAccess, InheritHandle, name); });
}
}
