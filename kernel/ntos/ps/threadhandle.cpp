// Handles of system threads: what PsCreateSystemThread gives to a driver, until the object manager has handle tables.
//
// A handle is a number that names a referenced thread; nothing else has handles yet, and only threads are counted objects.
// Invariant: a thread that has a handle holds a reference for it; a handle's number is never used again.
// Locks: HandleLock guards the list. IRQL: PASSIVE_LEVEL; references at <= DISPATCH_LEVEL.
// In the books: "system threads", "object handles and the process handle table". SYS-02
#include "nt/atomic.h"
#include "ps/psp.h"

namespace {

constexpr KPRIORITY DRIVER_THREAD_PRIORITY = 8;
constexpr ULONG KERNEL_HANDLE = 0x8000'0000; ///< every kernel handle has this bit
constexpr ULONG HANDLE_STEP = 4;             ///< the two low bits are the caller's
constexpr ULONG PS_HANDLE_TAG = EX_TAG("Hndl");

struct THREAD_HANDLE {
    LIST_ENTRY Links;
    ULONG Number;
    PETHREAD Thread;
};

constinit KSPIN_LOCK HandleLock = {};
LIST_ENTRY HandleListHead GUARDED_BY(HandleLock) = {&HandleListHead, &HandleListHead};
ULONG LastNumber GUARDED_BY(HandleLock) = KERNEL_HANDLE;

ULONG NumberOf(HANDLE handle) { return ULONG(reinterpret_cast<ULONG_PTR>(handle)) & ~(HANDLE_STEP - 1); }

THREAD_HANDLE* Find(ULONG number) REQUIRES_(HandleLock) {
    for (THREAD_HANDLE* each : nt::List<&THREAD_HANDLE::Links>(HandleListHead)) {
        if (each->Number == number) return each;
    }
    return nullptr;
}

} // namespace

void PspInitializeThreadHandles() { KeInitializeSpinLock(&HandleLock, KLOCK_RANK::Object); }

NTSTATUS NTAPI PsCreateSystemThread(HANDLE* ThreadHandle, ULONG, PVOID, HANDLE ProcessHandle, PCLIENT_ID ClientId,
                                    PKSTART_ROUTINE StartRoutine, PVOID StartContext) {
    if (ProcessHandle) return STATUS_INVALID_HANDLE;
    auto* const handle =
        static_cast<THREAD_HANDLE*>(ExAllocatePoolWithTag(NonPagedPool, sizeof(THREAD_HANDLE), PS_HANDLE_TAG));
    if (!handle) return STATUS_INSUFFICIENT_RESOURCES;
    const NTSTATUS status =
        PsStartSystemThread(&handle->Thread, "System", DRIVER_THREAD_PRIORITY, StartRoutine, StartContext);
    if (!NT_SUCCESS(status)) {
        ExFreePoolWithTag(handle, PS_HANDLE_TAG);
        return status;
    }
    if (ClientId) {
        ClientId->UniqueProcess = reinterpret_cast<HANDLE>(ULONG_PTR(SYSTEM_PROCESS_ID));
        ClientId->UniqueThread = reinterpret_cast<HANDLE>(ULONG_PTR(handle->Thread->UniqueThreadId));
    }
    nt::SpinLockGuard guard(HandleLock);
    handle->Number = LastNumber += HANDLE_STEP;
    InsertTailList(&HandleListHead, &handle->Links);
    *ThreadHandle = reinterpret_cast<HANDLE>(ULONG_PTR(handle->Number));
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI ObReferenceObjectByHandle(HANDLE Handle, ULONG, PVOID ObjectType, KPROCESSOR_MODE, PVOID* Object,
                                         PVOID HandleInformation) {
    NT_ASSERT(!HandleInformation);
    *Object = nullptr;
    nt::SpinLockGuard guard(HandleLock);
    const THREAD_HANDLE* const handle = Find(NumberOf(Handle));
    if (!handle) return STATUS_INVALID_HANDLE;
    if (ObjectType) return STATUS_OBJECT_TYPE_MISMATCH;
    PsReferenceThread(handle->Thread);
    *Object = handle->Thread;
    return STATUS_SUCCESS;
}

LONG FASTCALL ObfReferenceObject(PVOID Object) {
    return InterlockedIncrement(&static_cast<PETHREAD>(Object)->PointerCount);
}

LONG FASTCALL ObfDereferenceObject(PVOID Object) {
    auto* const thread = static_cast<PETHREAD>(Object);
    const LONG left = InterlockedDecrement(&thread->PointerCount);
    if (left == 0) ExFreePoolWithTag(thread, PS_THREAD_TAG);
    return left;
}

NTSTATUS NTAPI ZwClose(HANDLE Handle) {
    THREAD_HANDLE* handle = nullptr;
    {
        nt::SpinLockGuard guard(HandleLock);
        handle = Find(NumberOf(Handle));
        if (!handle) return STATUS_INVALID_HANDLE;
        RemoveEntryList(&handle->Links);
    }
    PsDereferenceThread(handle->Thread);
    ExFreePoolWithTag(handle, PS_HANDLE_TAG);
    return STATUS_SUCCESS;
}
