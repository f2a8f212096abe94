// A new object gets its name and its first handle.
//
// In the books: "object creation", "object names". OBJ-04, OBJ-05, OBJ-06
#include "ob/obp.h"

namespace {

/// Gives the object the name that its creator said. @param found receives what has the name, referenced: the object itself, or with
/// OBJ_OPENIF an older one
NTSTATUS GiveName(PVOID object, OBJECT_CREATE_INFORMATION* info, PACCESS_STATE state, PVOID* found) {
    POBJECT_TYPE const type = ObGetObjectType(object);
    OBP_LOOKUP lookup = {.RootDirectory = info->RootDirectory,
                         .Name = info->Name,
                         .Attributes = info->Attributes,
                         .Type = type,
                         .Mode = info->ProbeMode,
                         .AccessState = state,
                         .ParseContext = info->ParseContext,
                         .Insert = object};
    NT_TRY(ObpLookupObjectName(lookup));
    *found = lookup.Found;
    if (lookup.Inserted) return STATUS_SUCCESS;
    NTSTATUS status = STATUS_OBJECT_NAME_EXISTS;
    if ((info->Attributes & OBJ_OPENIF) == 0)
        status = STATUS_OBJECT_NAME_COLLISION;
    else if (ObGetObjectType(lookup.Found) != type)
        status = STATUS_OBJECT_TYPE_MISMATCH;
    if (NT_SUCCESS(status)) return status;
    (void)ObfDereferenceObject(lookup.Found);
    *found = nullptr;
    return status;
}

/// Undoes an insertion: a permanent object would keep its name.
void TakeNameBack(PVOID object) { ObMakeTemporaryObject(object); }

} // namespace

extern "C" NTSTATUS NTAPI ObInsertObject(PVOID Object, PACCESS_STATE AccessState, ACCESS_MASK DesiredAccess,
                                         ULONG ObjectPointerBias, PVOID* NewObject, HANDLE* Handle) {
    POBJECT_HEADER const header = OBJECT_TO_OBJECT_HEADER(Object);
    OBJECT_CREATE_INFORMATION* const info = (header->Flags & OB_FLAG_CREATE_INFO) ? header->ObjectCreateInfo : nullptr;
    const ULONG attributes = info ? info->Attributes : 0;
    const KPROCESSOR_MODE mode = info ? info->ProbeMode : KernelMode;

    PVOID target = nullptr; // what the handle leads to; referenced
    NTSTATUS named = STATUS_SUCCESS;
    if (info && info->Name.Length != 0) {
        named = GiveName(Object, info, AccessState, &target);
    } else {
        (void)ObfReferenceObject(Object);
        target = Object;
    }
    ObpFreeCreateInfo(header);
    NTSTATUS status = named;
    if (NT_SUCCESS(status)) {
        ACCESS_MASK granted;
        status = ObpGrantAccess(header->Type, AccessState, DesiredAccess, mode, &granted);
        if (NT_SUCCESS(status) && Handle) {
            const OB_OPEN_REASON reason = target == Object ? ObCreateHandle : ObOpenHandle;
            status = ObpCreateHandle(reason, target, granted, attributes, mode, Handle);
        } else if (NT_SUCCESS(status) && target == Object) {
            status = ObpChargeQuota(ObpCurrentProcess(), header);
        }
        if (!NT_SUCCESS(status) && target == Object) TakeNameBack(Object);
    }
    if (NT_SUCCESS(status)) {
        for (ULONG i = 0; i < ObjectPointerBias; i++)
            (void)ObfReferenceObject(target);
        if (ObjectPointerBias != 0 && NewObject) *NewObject = target;
        status = named;
    }
    // The look-up's reference goes; that of the creation too, unless the caller keeps it.
    const bool callerKeeps = NT_SUCCESS(status) && !Handle && target == Object;
    if (target) (void)ObfDereferenceObject(target);
    if (!callerKeeps) (void)ObfDereferenceObject(Object);
    return status;
}
