// Handle counts: how many handles an object has, and, if its type wants to know, how many each process has.
//
// The type is told of each handle that comes (it may refuse) and of each that has gone. A temporary object's name goes with its last handle.
// Locks: the type's Mutex guards the counts of processes and the owner of an exclusive object; procedures are called without it.
// In the books: "object methods", "object retention". OBJ-08
#include "ob/obp.h"
#include "rtl/string.h"

namespace {

constexpr ULONG FIRST_ENTRIES = 4;

OBJECT_HANDLE_COUNT_ENTRY* FindEntry(OBJECT_HEADER_HANDLE_INFO* info, EPROCESS* process) {
    for (ULONG i = 0; i < info->CountEntries; i++) {
        if (info->Entries[i].Process == process) return &info->Entries[i];
    }
    return nullptr;
}

/// Twice as many entries.
bool Grow(OBJECT_HEADER_HANDLE_INFO* info) {
    const ULONG count = info->CountEntries != 0 ? info->CountEntries * 2 : FIRST_ENTRIES;
    auto* const entries = static_cast<OBJECT_HANDLE_COUNT_ENTRY*>(
        ExAllocatePoolWithTag(NonPagedPool, count * sizeof(OBJECT_HANDLE_COUNT_ENTRY), OB_COUNT_TAG));
    if (!entries) return false;
    RtlZeroMemory(entries, count * sizeof(OBJECT_HANDLE_COUNT_ENTRY));
    if (info->Entries) {
        RtlCopyMemory(entries, info->Entries, info->CountEntries * sizeof(OBJECT_HANDLE_COUNT_ENTRY));
        ExFreePoolWithTag(info->Entries, OB_COUNT_TAG);
    }
    info->Entries = entries;
    info->CountEntries = count;
    return true;
}

/// One handle more of a process. @returns how many it has; 0: no memory. The type's Mutex is held.
ULONG CountOne(OBJECT_HEADER_HANDLE_INFO* info, EPROCESS* process) {
    OBJECT_HANDLE_COUNT_ENTRY* entry = FindEntry(info, process);
    if (!entry) entry = FindEntry(info, nullptr);
    if (!entry) {
        if (!Grow(info)) return 0;
        entry = FindEntry(info, nullptr);
    }
    entry->Process = process;
    return ++entry->HandleCount;
}

/// One handle less. @returns how many the process had.
ULONG UncountOne(OBJECT_HEADER_HANDLE_INFO* info, EPROCESS* process) {
    OBJECT_HANDLE_COUNT_ENTRY* const entry = FindEntry(info, process);
    NT_ASSERT(entry && entry->HandleCount != 0);
    const ULONG before = entry->HandleCount--;
    if (entry->HandleCount == 0) entry->Process = nullptr;
    return before;
}

/// Whether the process may have a handle; counts it. @param count receives the process's handles, if they are counted.
NTSTATUS Admit(EPROCESS* process, POBJECT_HEADER header, ULONG attributes, ULONG* count) {
    *count = 0;
    const bool exclusive = (header->Flags & OB_FLAG_EXCLUSIVE) != 0;
    OBJECT_HEADER_HANDLE_INFO* const info = OBJECT_HEADER_TO_HANDLE_INFO(header);
    if (!exclusive && !info) return STATUS_SUCCESS;
    const nt::FastMutexGuard guard(header->Type->Mutex);
    if (exclusive) {
        if ((attributes & OBJ_INHERIT) != 0) return STATUS_INVALID_PARAMETER; // a child could not have it
        EPROCESS*& owner = OBJECT_HEADER_TO_QUOTA_INFO(header)->ExclusiveProcess;
        if (header->HandleCount != 0 && owner != process) return STATUS_ACCESS_DENIED;
        owner = process;
    }
    if (!info) return STATUS_SUCCESS;
    *count = CountOne(info, process);
    return *count != 0 ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

ULONG Dismiss(EPROCESS* process, POBJECT_HEADER header) {
    OBJECT_HEADER_HANDLE_INFO* const info = OBJECT_HEADER_TO_HANDLE_INFO(header);
    if (!info) return 0;
    const nt::FastMutexGuard guard(header->Type->Mutex);
    return UncountOne(info, process);
}

} // namespace

NTSTATUS ObpIncrementHandleCount(OB_OPEN_REASON reason, EPROCESS* process, POBJECT_HEADER header, ACCESS_MASK granted,
                                 ULONG attributes) {
    POBJECT_TYPE const type = header->Type;
    ULONG count;
    if (reason == ObCreateHandle) NT_TRY(ObpChargeQuota(process, header));
    NT_TRY(Admit(process, header, attributes, &count));
    InterlockedIncrement(&header->HandleCount);
    const LONG handles = InterlockedIncrement(&type->TotalNumberOfHandles);
    if (handles > type->HighWaterNumberOfHandles) type->HighWaterNumberOfHandles = handles; // a hint
    if (!type->TypeInfo.OpenProcedure) return STATUS_SUCCESS;
    const NTSTATUS status = type->TypeInfo.OpenProcedure(reason, process, &header->Body, granted, count);
    if (NT_SUCCESS(status)) return STATUS_SUCCESS;
    (void)Dismiss(process, header);
    InterlockedDecrement(&type->TotalNumberOfHandles);
    if (InterlockedDecrement(&header->HandleCount) == 0) ObpDeleteNameCheck(&header->Body);
    return status;
}

void ObpDecrementHandleCount(EPROCESS* process, POBJECT_HEADER header, ACCESS_MASK granted) {
    POBJECT_TYPE const type = header->Type;
    const ULONG mine = Dismiss(process, header);
    InterlockedDecrement(&type->TotalNumberOfHandles);
    const LONG left = InterlockedDecrement(&header->HandleCount);
    if (type->TypeInfo.CloseProcedure)
        type->TypeInfo.CloseProcedure(process, &header->Body, granted, mine, ULONG(left) + 1);
    if (left == 0) ObpDeleteNameCheck(&header->Body);
}
