// References: an object lives while it has one.
//
// The last dereference deletes the object. A delete procedure may wait, so it runs at PASSIVE_LEVEL: a dereference at a higher IRQL
// pushes the object onto a list, and a work item takes all of them. The list's head says whether the work item is under way:
// nullptr: no; BUSY: it runs and has taken what there was; an address: objects wait for it. So the thread that pushes onto an empty
// head queues the work item, and no other does.
// In the books: "object retention", "deferred object deletion". OBJ-08
#include "ob/obp.h"

namespace {

POBJECT_HEADER const BUSY = reinterpret_cast<POBJECT_HEADER>(1);
OBJECT_HEADER* volatile RemoveList; // shared: changes by interlocked operations
WORK_QUEUE_ITEM RemoveItem;         // shared: queued by the thread that finds RemoveList empty

void Delete(POBJECT_HEADER header) {
    NT_ASSERT(header->PointerCount == 0);
    if (header->Type->TypeInfo.DeleteProcedure) header->Type->TypeInfo.DeleteProcedure(&header->Body);
    ObpFreeObject(header);
}

bool IsObject(const OBJECT_HEADER* header) { return header && header != BUSY; }

void NTAPI RemoveObjects(PVOID) {
    do {
        OBJECT_HEADER* header = InterlockedExchangePointer<OBJECT_HEADER>(&RemoveList, BUSY);
        while (IsObject(header)) {
            OBJECT_HEADER* const next = header->NextToFree;
            header->NextToFree = nullptr;
            Delete(header);
            header = next;
        }
    } while (InterlockedCompareExchangePointer<OBJECT_HEADER>(&RemoveList, nullptr, BUSY) != BUSY);
}

void DeleteLater(POBJECT_HEADER header) {
    OBJECT_HEADER* seen = RemoveList;
    for (;;) {
        header->NextToFree = seen;
        OBJECT_HEADER* const found = InterlockedCompareExchangePointer<OBJECT_HEADER>(&RemoveList, header, seen);
        if (found == seen) break;
        seen = found;
    }
    if (!seen) ExQueueWorkItem(&RemoveItem, CriticalWorkQueue);
}

} // namespace

void ObpInitializeDeletion() { ExInitializeWorkItem(&RemoveItem, RemoveObjects, nullptr); }

extern "C" {

LONG FASTCALL ObfReferenceObject(PVOID Object) {
    const LONG count = InterlockedIncrement(&OBJECT_TO_OBJECT_HEADER(Object)->PointerCount);
    NT_ASSERT(count > 1); // the caller has a reference already
    return count;
}

BOOLEAN NTAPI ObReferenceObjectSafe(PVOID Object) {
    volatile LONG* const count = &OBJECT_TO_OBJECT_HEADER(Object)->PointerCount;
    for (LONG seen = *count; seen != 0;) {
        const LONG found = InterlockedCompareExchange(count, seen + 1, seen);
        if (found == seen) return TRUE;
        seen = found;
    }
    return FALSE;
}

LONG FASTCALL ObfDereferenceObject(PVOID Object) {
    POBJECT_HEADER const header = OBJECT_TO_OBJECT_HEADER(Object);
    const LONG left = InterlockedDecrement(&header->PointerCount);
    NT_ASSERT(left >= 0);
    if (left != 0) return left;
    NT_ASSERT(header->HandleCount == 0);
    if (KeGetCurrentIrql() == PASSIVE_LEVEL)
        Delete(header);
    else
        DeleteLater(header);
    return 0;
}

NTSTATUS NTAPI ObReferenceObjectByPointer(PVOID Object, ACCESS_MASK, POBJECT_TYPE ObjectType,
                                          KPROCESSOR_MODE AccessMode) {
    if (OBJECT_TO_OBJECT_HEADER(Object)->Type != ObjectType && (ObjectType || AccessMode != KernelMode))
        return STATUS_OBJECT_TYPE_MISMATCH;
    (void)ObfReferenceObject(Object);
    return STATUS_SUCCESS;
}

POBJECT_TYPE NTAPI ObGetObjectType(PVOID Object) { return OBJECT_TO_OBJECT_HEADER(Object)->Type; }
}
