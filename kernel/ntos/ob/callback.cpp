// Callback objects.
//
// A thread that notifies marks a registration as busy before it lets the lock go to call the routine. A registration that is taken back
// meanwhile stays in the list, for the notifying thread's next step, until it is not busy any more.
// In the books: "callback objects". OBJ-12
#include "ob/callback.h"
#include "ob/obp.h"

POBJECT_TYPE ExCallbackObjectType;

namespace {

constexpr ULONG OB_CALLBACK_TAG = EX_TAG("CbRg");

/// A routine that a driver has registered. It holds a reference to its object.
/// shared: the object's Lock
struct CALLBACK_REGISTRATION {
    LIST_ENTRY Link;
    PCALLBACK_OBJECT Object;
    PCALLBACK_FUNCTION Function;
    PVOID Context;
    ULONG Busy;     ///< threads that call it
    BOOLEAN Ending; ///< is not called any more
    KEVENT Idle;    ///< signaled when an ending registration is not busy any more
};

using REGISTRATIONS = nt::List<&CALLBACK_REGISTRATION::Link>;

/// The next registration to call, marked as busy. @param after the one before, whose mark goes; nullptr: from the start
CALLBACK_REGISTRATION* Next(PCALLBACK_OBJECT object, CALLBACK_REGISTRATION* after) REQUIRES_(object->Lock) {
    LIST_ENTRY* at = after ? after->Link.Flink : object->RegisteredCallbacks.Flink;
    while (at != &object->RegisteredCallbacks && REGISTRATIONS::Record(at)->Ending)
        at = at->Flink;
    CALLBACK_REGISTRATION* const next = at == &object->RegisteredCallbacks ? nullptr : REGISTRATIONS::Record(at);
    if (next) next->Busy++;
    if (after && --after->Busy == 0 && after->Ending) (void)KeSetEvent(&after->Idle, 0, FALSE);
    return next;
}

CALLBACK_REGISTRATION* NextLocked(PCALLBACK_OBJECT object, CALLBACK_REGISTRATION* after) {
    const nt::SpinLockGuard guard(object->Lock);
    return Next(object, after);
}

/// Adds a registration, unless the object has one and allows one only.
bool Add(PCALLBACK_OBJECT object, CALLBACK_REGISTRATION* registration) {
    const nt::SpinLockGuard guard(object->Lock);
    if (!object->AllowMultipleCallbacks && !IsListEmpty(&object->RegisteredCallbacks)) return false;
    InsertTailList(&object->RegisteredCallbacks, &registration->Link);
    return true;
}

/// A new object, with the name that the attributes say.
NTSTATUS Make(PCALLBACK_OBJECT* made, POBJECT_ATTRIBUTES attributes, BOOLEAN allowMultiple) {
    PVOID object;
    NT_TRY(ObCreateObject(KernelMode, ExCallbackObjectType, attributes, KernelMode, nullptr, sizeof(CALLBACK_OBJECT), 0,
                          0, &object));
    auto* const callback = static_cast<PCALLBACK_OBJECT>(object);
    KeInitializeSpinLock(&callback->Lock, KLOCK_RANK::Object);
    nt::AssumeHeld(callback->Lock); // nobody else knows it yet
    InitializeListHead(&callback->RegisteredCallbacks);
    callback->AllowMultipleCallbacks = allowMultiple;
    const bool permanent = attributes && (attributes->Attributes & OBJ_PERMANENT) != 0;
    PVOID target;
    const NTSTATUS status = ObInsertObject(object, nullptr, 0, 1, &target, nullptr);
    NT_TRY(status);
    if (target == object) {
        (void)ObDereferenceObject(object); // the caller has the other reference
        if (!permanent) ObMakeTemporaryObject(object);
    }
    *made = static_cast<PCALLBACK_OBJECT>(target);
    return STATUS_SUCCESS;
}

} // namespace

extern "C" {

BOOLEAN NTAPI ObInitializeCallbacks() {
    constexpr ACCESS_MASK all = STANDARD_RIGHTS_ALL | 1;
    const OBJECT_TYPE_INITIALIZER info = {
        .Length = sizeof(OBJECT_TYPE_INITIALIZER),
        .CaseInsensitive = TRUE,
        .InvalidAttributes = OBJ_OPENLINK,
        .GenericMapping = {STANDARD_RIGHTS_READ, STANDARD_RIGHTS_WRITE, STANDARD_RIGHTS_EXECUTE, all},
        .ValidAccessMask = all,
        .PoolType = NonPagedPool,
        .DefaultNonPagedPoolCharge = ULONG(offsetof(OBJECT_HEADER, Body) + sizeof(CALLBACK_OBJECT)),
    };
    return NT_SUCCESS(ObpCreateType(u"Callback", info, &ExCallbackObjectType));
}

NTSTATUS NTAPI ExCreateCallback(PCALLBACK_OBJECT* CallbackObject, POBJECT_ATTRIBUTES ObjectAttributes, BOOLEAN Create,
                                BOOLEAN AllowMultipleCallbacks) {
    *CallbackObject = nullptr;
    const bool named = ObjectAttributes && ObjectAttributes->ObjectName && ObjectAttributes->ObjectName->Length != 0;
    for (;;) {
        PVOID object = nullptr;
        NTSTATUS status = STATUS_OBJECT_NAME_NOT_FOUND;
        if (named)
            status = ObReferenceObjectByName(ObjectAttributes->ObjectName, ObjectAttributes->Attributes, nullptr, 0,
                                             ExCallbackObjectType, KernelMode, nullptr, &object);
        if (NT_SUCCESS(status)) {
            *CallbackObject = static_cast<PCALLBACK_OBJECT>(object);
            return status;
        }
        if (status != STATUS_OBJECT_NAME_NOT_FOUND || !Create) return status;
        status = Make(CallbackObject, ObjectAttributes, AllowMultipleCallbacks);
        if (status != STATUS_OBJECT_NAME_COLLISION) return status; // else another driver was faster
    }
}

PVOID NTAPI ExRegisterCallback(PCALLBACK_OBJECT CallbackObject, PCALLBACK_FUNCTION CallbackFunction,
                               PVOID CallbackContext) {
    auto* const registration = static_cast<CALLBACK_REGISTRATION*>(
        ExAllocatePoolWithTag(NonPagedPool, sizeof(CALLBACK_REGISTRATION), OB_CALLBACK_TAG));
    if (!registration) return nullptr;
    registration->Object = CallbackObject;
    registration->Function = CallbackFunction;
    registration->Context = CallbackContext;
    registration->Busy = 0;
    registration->Ending = FALSE;
    KeInitializeEvent(&registration->Idle, NotificationEvent, FALSE);
    (void)ObReferenceObject(CallbackObject);
    if (Add(CallbackObject, registration)) return registration;
    (void)ObDereferenceObject(CallbackObject);
    ExFreePoolWithTag(registration, OB_CALLBACK_TAG);
    return nullptr;
}

void NTAPI ExUnregisterCallback(PVOID CallbackRegistration) {
    auto* const registration = static_cast<CALLBACK_REGISTRATION*>(CallbackRegistration);
    PCALLBACK_OBJECT const object = registration->Object;
    bool busy;
    {
        const nt::SpinLockGuard guard(object->Lock);
        registration->Ending = TRUE;
        busy = registration->Busy != 0;
    }
    if (busy) (void)KeWaitForSingleObject(&registration->Idle, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    {
        const nt::SpinLockGuard guard(object->Lock);
        RemoveEntryList(&registration->Link);
    }
    ExFreePoolWithTag(registration, OB_CALLBACK_TAG);
    (void)ObDereferenceObject(object);
}

void NTAPI ExNotifyCallback(PVOID CallbackObject, PVOID Argument1, PVOID Argument2) {
    auto* const object = static_cast<PCALLBACK_OBJECT>(CallbackObject);
    for (CALLBACK_REGISTRATION* each = NextLocked(object, nullptr); each; each = NextLocked(object, each))
        each->Function(each->Context, Argument1, Argument2);
}
}
