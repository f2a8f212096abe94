// References: an object lives while it has one.
//
// The last dereference deletes the object. A delete procedure may wait, so it runs at PASSIVE_LEVEL, from a work item if need be.
// In the books: "object retention", "deferred object deletion". OBJ-08
#include "ob/obp.h"

namespace {

OBJECT_HEADER* volatile RemoveList; // shared: changes by interlocked operations
WORK_QUEUE_ITEM RemoveItem;         // shared: who may queue it, ObfDereferenceObject's contract says

[[maybe_unused]] void Delete(POBJECT_HEADER header) {
    NT_ASSERT(header->PointerCount == 0);
    if (header->Type->TypeInfo.DeleteProcedure) header->Type->TypeInfo.DeleteProcedure(&header->Body);
    ObpFreeObject(header);
}

} // namespace

// LAB(1.5) begin
namespace {

// The list's head says whether the work item is under way: nullptr: no; BUSY: it runs and has taken what there was; an address:
// objects wait for it. So the thread that pushes onto an empty head queues the work item, and no other does.

POBJECT_HEADER const BUSY = reinterpret_cast<POBJECT_HEADER>(1);

bool IsObject(const OBJECT_HEADER* header) { return header && header != BUSY; }

void RemoveAll() {
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
// LAB(1.5) else
//| // Room for helpers of your own.
// LAB(1.5) end

namespace {

/// What RemoveItem does, in a worker thread: deletes the objects of RemoveList (Delete), each once, with those that come meanwhile. When
/// it ends RemoveList is nullptr, and the next object has the item queued again. @irql PASSIVE_LEVEL
void NTAPI RemoveObjects(PVOID) {
    // LAB(1.5) begin
    RemoveAll();
    // LAB(1.5) else
    //| LAB_NOT_IMPLEMENTED("1.5");
    // LAB(1.5) end
}

} // namespace

void ObpInitializeDeletion() { ExInitializeWorkItem(&RemoveItem, RemoveObjects, nullptr); }

extern "C" {

/// One reference more, counted by one operation: other processors count, too. @returns how many there are then
LONG FASTCALL ObfReferenceObject(PVOID Object) {
    // LAB(1.5) begin
    const LONG count = InterlockedIncrement(&OBJECT_TO_OBJECT_HEADER(Object)->PointerCount);
    NT_ASSERT(count > 1); // the caller has a reference already
    return count;
    // LAB(1.5) else
    //| LAB_NOT_IMPLEMENTED("1.5");
    // LAB(1.5) end
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

/// One reference less, counted by one operation. @returns how many there are left
///
/// - The last one deletes the object, at PASSIVE_LEVEL here and now (Delete).
/// - At a higher IRQL nothing of the object is deleted yet. Its header is on RemoveList, linked by NextToFree, and RemoveItem deletes it
///   (CriticalWorkQueue). The item is queued once: not again while it waits to run, nor while it runs and will still look at the list.
/// - Other processors may give last references of other objects back at any moment, also while RemoveItem runs. Each object is deleted once.
/// - After the last reference nobody but the deletion reads or writes the object.
LONG FASTCALL ObfDereferenceObject(PVOID Object) {
    // LAB(1.5) begin
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
    // LAB(1.5) else
    //| LAB_NOT_IMPLEMENTED("1.5");
    // LAB(1.5) end
}

/// References an object if it is of a type. Kernel mode may leave the type open (nullptr), user mode may not.
/// @returns STATUS_OBJECT_TYPE_MISMATCH: there is no reference more
NTSTATUS NTAPI ObReferenceObjectByPointer(PVOID Object, ACCESS_MASK, POBJECT_TYPE ObjectType,
                                          KPROCESSOR_MODE AccessMode) {
    // LAB(1.5) begin
    if (OBJECT_TO_OBJECT_HEADER(Object)->Type != ObjectType && (ObjectType || AccessMode != KernelMode))
        return STATUS_OBJECT_TYPE_MISMATCH;
    (void)ObfReferenceObject(Object);
    return STATUS_SUCCESS;
    // LAB(1.5) else
    //| LAB_NOT_IMPLEMENTED("1.5");
    // LAB(1.5) end
}

POBJECT_TYPE NTAPI ObGetObjectType(PVOID Object) { return OBJECT_TO_OBJECT_HEADER(Object)->Type; }
}
