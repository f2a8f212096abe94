// Services on events. DSP-02, DSP-03, DSP-22
#include "ob/sync/obsync.h"

namespace {
constexpr KPRIORITY EventIncrement = 1; ///< boost of a thread that an event releases
}

extern "C" {

NTSTATUS NTAPI NtCreateEvent(HANDLE* EventHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                             EVENT_TYPE EventType, BOOLEAN InitialState) {
    if (EventType != NotificationEvent && EventType != SynchronizationEvent) return STATUS_INVALID_PARAMETER;
    return ObpCreateWaitable<KEVENT>(EventHandle, DesiredAccess, ObjectAttributes, ExEventObjectType,
                                     [&](PKEVENT event) { KeInitializeEvent(event, EventType, InitialState); });
}

NTSTATUS NTAPI NtOpenEvent(HANDLE* EventHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes) {
    return ObpOpenWaitable(EventHandle, DesiredAccess, ObjectAttributes, ExEventObjectType);
}

NTSTATUS NTAPI NtSetEvent(HANDLE EventHandle, LONG* PreviousState) {
    return ObpChangeWaitable<KEVENT>(EventHandle, EVENT_MODIFY_STATE, ExEventObjectType, PreviousState,
                                     [](PKEVENT event, LONG* before) {
                                         *before = KeSetEvent(event, EventIncrement, FALSE);
                                         return STATUS_SUCCESS;
                                     });
}

NTSTATUS NTAPI NtResetEvent(HANDLE EventHandle, LONG* PreviousState) {
    return ObpChangeWaitable<KEVENT>(EventHandle, EVENT_MODIFY_STATE, ExEventObjectType, PreviousState,
                                     [](PKEVENT event, LONG* before) {
                                         *before = KeResetEvent(event);
                                         return STATUS_SUCCESS;
                                     });
}

NTSTATUS NTAPI NtPulseEvent(HANDLE EventHandle, LONG* PreviousState) {
    return ObpChangeWaitable<KEVENT>(EventHandle, EVENT_MODIFY_STATE, ExEventObjectType, PreviousState,
                                     [](PKEVENT event, LONG* before) {
                                         *before = KePulseEvent(event, EventIncrement, FALSE);
                                         return STATUS_SUCCESS;
                                     });
}

NTSTATUS NTAPI NtClearEvent(HANDLE EventHandle) { return NtResetEvent(EventHandle, nullptr); }

NTSTATUS NTAPI NtQueryEvent(HANDLE EventHandle, EVENT_INFORMATION_CLASS EventInformationClass, PVOID EventInformation,
                            ULONG EventInformationLength, ULONG* ReturnLength) {
    return ObpQueryWaitable<KEVENT, EVENT_BASIC_INFORMATION>(
        EventHandle, EVENT_QUERY_STATE, ExEventObjectType, LONG(EventInformationClass), EventInformation,
        EventInformationLength, ReturnLength, [](PKEVENT event, EVENT_BASIC_INFORMATION* told) {
            told->EventType = EVENT_TYPE(event->Header.Type);
            told->EventState = KeReadStateEvent(event);
        });
}
}
