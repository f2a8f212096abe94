// Keyed events: a thread that waits and a thread that releases meet at a key, a number that both know.
//
// The first of the two that comes waits for the other. It puts a record on its own kernel stack into the list of the key's bucket; the
// second takes the record out and signals it. So a meeting needs no memory, and one object serves all locks of a process.
// Invariants: a record is in its bucket's list until a partner has met it or it gives up. Two threads meet only in one process. The
// stack of a thread that waits stays in memory: the partner writes to it.
// Locks: the bucket's, rank Object. IRQL: PASSIVE_LEVEL. In the books: "keyed events", "critical sections". DSP-22
#include "ke/swap.h"
#include "ob/sync/obsync.h"

POBJECT_TYPE ExKeyedEventObjectType;

namespace {

constexpr KPRIORITY KeyedIncrement = 1; ///< boost of a thread that meets its partner

/// Threads whose keys have one hash.
struct KEYED_BUCKET {
    KSPIN_LOCK Lock;
    LIST_ENTRY Waits GUARDED_BY(Lock); ///< the first that came stands first
};

/// The body of the object.
struct KEYED_EVENT {
    static constexpr ULONG BUCKETS = 16; // a power of two
    KEYED_BUCKET Buckets[BUCKETS];
};

/// A thread that has come first. shared: the bucket's Lock
struct KEYED_WAIT {
    LIST_ENTRY Link;
    PVOID Key;
    PKPROCESS Process;
    bool Releases; ///< it came to release
    bool Met;      ///< its partner has come
    KEVENT Event;  ///< signaled then
};

KEYED_EVENT* OutOfMemoryEvent; ///< of callers without a handle; referenced for ever

KEYED_BUCKET& BucketOf(KEYED_EVENT* event, const void* key) {
    const auto number = reinterpret_cast<ULONG_PTR>(key);
    return event->Buckets[(number >> 2 ^ number >> 8) & (KEYED_EVENT::BUCKETS - 1)];
}

/// The first thread that waits for one such as this.
KEYED_WAIT* FindPartner(KEYED_BUCKET& bucket, const KEYED_WAIT& own) REQUIRES_(bucket.Lock) {
    for (PLIST_ENTRY link = bucket.Waits.Flink; link != &bucket.Waits; link = link->Flink) {
        auto* const other = CONTAINING_RECORD(link, KEYED_WAIT, Link);
        if (other->Key == own.Key && other->Process == own.Process && other->Releases != own.Releases) return other;
    }
    return nullptr;
}

/// Meets a partner that waits, or puts the record into the list. @returns whether there was one
bool MeetOrEnlist(KEYED_BUCKET& bucket, KEYED_WAIT& own) {
    const nt::SpinLockGuard guard(bucket.Lock);
    KEYED_WAIT* const partner = FindPartner(bucket, own);
    if (!partner) {
        InsertTailList(&bucket.Waits, &own.Link);
        return false;
    }
    RemoveEntryList(&partner->Link);
    partner->Met = true;
    (void)KeSetEvent(&partner->Event, KeyedIncrement, FALSE); // under the lock: the partner may not give up in between
    return true;
}

/// The wait has ended without the partner. @returns whether it has come at the last moment
bool MetOrGivenUp(KEYED_BUCKET& bucket, KEYED_WAIT& own) {
    const nt::SpinLockGuard guard(bucket.Lock);
    if (!own.Met) RemoveEntryList(&own.Link);
    return own.Met;
}

NTSTATUS Meet(KEYED_EVENT* event, PVOID key, bool releases, KPROCESSOR_MODE mode, BOOLEAN alertable,
              LARGE_INTEGER* timeout) {
    KEYED_BUCKET& bucket = BucketOf(event, key);
    KEYED_WAIT own = {.Link = {},
                      .Key = key,
                      .Process = KeGetCurrentThread()->ApcState.Process,
                      .Releases = releases,
                      .Met = false,
                      .Event = {}};
    KeInitializeEvent(&own.Event, SynchronizationEvent, FALSE);
    const BOOLEAN mayLeave = KeSetKernelStackSwapEnable(FALSE);
    NTSTATUS status = STATUS_SUCCESS;
    if (!MeetOrEnlist(bucket, own)) {
        status = KeWaitForSingleObject(&own.Event, KWAIT_REASON::WrKeyedEvent, mode, alertable, timeout);
        if (status != STATUS_SUCCESS && MetOrGivenUp(bucket, own)) status = STATUS_SUCCESS;
    }
    (void)KeSetKernelStackSwapEnable(mayLeave);
    return status;
}

NTSTATUS MeetByHandle(HANDLE handle, ACCESS_MASK access, PVOID key, bool releases, BOOLEAN alertable,
                      LARGE_INTEGER* callersTimeout) {
    const KPROCESSOR_MODE mode = ExGetPreviousMode();
    LARGE_INTEGER time;
    nt::ObjectRef<KEYED_EVENT> event;
    if ((reinterpret_cast<ULONG_PTR>(key) & 1) != 0) return STATUS_INVALID_PARAMETER_1;
    NT_TRY(nt::CaptureOptional(mode, &time, callersTimeout));
    if (handle) NT_TRY(event.Open(handle, access, ExKeyedEventObjectType, mode));
    return Meet(handle ? event.Get() : OutOfMemoryEvent, key, releases, mode, alertable,
                callersTimeout ? &time : nullptr);
}

void Initialize(KEYED_EVENT* event) {
    for (KEYED_BUCKET& bucket : event->Buckets) {
        KeInitializeSpinLock(&bucket.Lock, KLOCK_RANK::Object);
        nt::AssumeHeld(bucket.Lock); // nobody else knows it yet
        InitializeListHead(&bucket.Waits);
    }
}

NTSTATUS MakeType() {
    constexpr OBJECT_TYPE_INITIALIZER info = {
        .Length = sizeof(OBJECT_TYPE_INITIALIZER),
        .InvalidAttributes = OBJ_OPENLINK,
        .GenericMapping = {STANDARD_RIGHTS_READ | KEYEDEVENT_WAIT, STANDARD_RIGHTS_WRITE | KEYEDEVENT_WAKE,
                           STANDARD_RIGHTS_EXECUTE, KEYEDEVENT_ALL_ACCESS},
        .ValidAccessMask = KEYEDEVENT_ALL_ACCESS,
        .PoolType = NonPagedPool,
        .DefaultNonPagedPoolCharge = ULONG(offsetof(OBJECT_HEADER, Body) + sizeof(KEYED_EVENT)),
    };
    return ObpCreateType(u"KeyedEvent", info, &ExKeyedEventObjectType);
}

} // namespace

NTSTATUS ObpInitializeKeyedEvents() {
    UNICODE_STRING name;
    RtlInitUnicodeString(&name, u"\\KernelObjects\\CritSecOutOfMemoryEvent");
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, &name, OBJ_PERMANENT | OBJ_CASE_INSENSITIVE, nullptr, nullptr);
    PVOID object;
    NT_TRY(MakeType());
    NT_TRY(ObCreateObject(KernelMode, ExKeyedEventObjectType, &attributes, KernelMode, nullptr, sizeof(KEYED_EVENT), 0,
                          0, &object));
    OutOfMemoryEvent = static_cast<KEYED_EVENT*>(object);
    Initialize(OutOfMemoryEvent);
    return ObInsertObject(object, nullptr, 0, 0, nullptr, nullptr);
}

extern "C" {

NTSTATUS NTAPI NtCreateKeyedEvent(HANDLE* KeyedEventHandle, ACCESS_MASK DesiredAccess,
                                  POBJECT_ATTRIBUTES ObjectAttributes, ULONG Flags) {
    if (Flags != 0) return STATUS_INVALID_PARAMETER_4;
    return ObpCreateWaitable<KEYED_EVENT>(KeyedEventHandle, DesiredAccess, ObjectAttributes, ExKeyedEventObjectType,
                                          Initialize);
}

NTSTATUS NTAPI NtOpenKeyedEvent(HANDLE* KeyedEventHandle, ACCESS_MASK DesiredAccess,
                                POBJECT_ATTRIBUTES ObjectAttributes) {
    return ObpOpenWaitable(KeyedEventHandle, DesiredAccess, ObjectAttributes, ExKeyedEventObjectType);
}

NTSTATUS NTAPI NtWaitForKeyedEvent(HANDLE KeyedEventHandle, PVOID Key, BOOLEAN Alertable, LARGE_INTEGER* Timeout) {
    return MeetByHandle(KeyedEventHandle, KEYEDEVENT_WAIT, Key, false, Alertable, Timeout);
}

NTSTATUS NTAPI NtReleaseKeyedEvent(HANDLE KeyedEventHandle, PVOID Key, BOOLEAN Alertable, LARGE_INTEGER* Timeout) {
    return MeetByHandle(KeyedEventHandle, KEYEDEVENT_WAKE, Key, true, Alertable, Timeout);
}
}
