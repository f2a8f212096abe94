// A type of objects for 1.5, whose procedures the host watches, and where the host finds fields.
//
// Invariant: the procedures do what the host's variables say, and nothing else; the host stops at their first instructions.
// IRQL: as object.h says of each. In the books: "object methods". OBJ-02, OBJ-06, OBJ-08
#include "ob.h"
#include "ps/process.h"
#include "rtl/string.h"

// objectbench.py knows these places.
static_assert(offsetof(HANDLE_TABLE, TableCode) == 0 && offsetof(HANDLE_TABLE, HandleTableLock) == 16);
static_assert(offsetof(HANDLE_TABLE, FreeList) == 24 && offsetof(HANDLE_TABLE, NextHandleNeedingPool) == 32);
static_assert(offsetof(HANDLE_TABLE, HandleCount) == 36);
static_assert(offsetof(OBJECT_DIRECTORY_ENTRY, Object) == 4 && offsetof(OBJECT_DIRECTORY_ENTRY, HashValue) == 8);

extern "C" {

NTEXPORT ULONG LabKeepOpen = 0; ///< OkayToCloseProcedure says no
NTEXPORT POBJECT_TYPE LabType = nullptr;
NTEXPORT POBJECT_TYPE LabOtherType = nullptr;
NTEXPORT ULONG LabObjectTable = 0; ///< offset in a process
NTEXPORT ULONG LabTypeObjects = 0; ///< offset of TotalNumberOfObjects in a type
NTEXPORT HANDLE LabHandle = nullptr;

/// An object is deleted. The host has a breakpoint here.
NTEXPORT __attribute__((noinline, optnone)) void NTAPI Lab1Delete(PVOID Object) {
    __asm__ __volatile__("" ::"r"(Object) : "memory");
}

/// A handle was closed. The host has a breakpoint here.
NTEXPORT __attribute__((noinline, optnone)) void NTAPI Lab1Close(EPROCESS*, PVOID Object, ACCESS_MASK, ULONG, ULONG) {
    __asm__ __volatile__("" ::"r"(Object) : "memory");
}

/// May a handle be closed? The host has a breakpoint here.
NTEXPORT __attribute__((noinline, optnone)) BOOLEAN NTAPI Lab1OkayToClose(EPROCESS*, PVOID, HANDLE) {
    return LabKeepOpen == 0;
}

/// Makes the types of this test's objects. @irql PASSIVE_LEVEL
NTEXPORT NTSTATUS NTAPI Lab1MakeTypes() {
    UNICODE_STRING name;
    OBJECT_TYPE_INITIALIZER info = {
        .Length = sizeof(OBJECT_TYPE_INITIALIZER),
        .GenericMapping = {READ_CONTROL | 1, READ_CONTROL | 2, READ_CONTROL | 4, STANDARD_RIGHTS_REQUIRED | 7},
        .ValidAccessMask = STANDARD_RIGHTS_ALL | 0xFF,
        .MaintainHandleCount = TRUE,
        .PoolType = NonPagedPool,
        .CloseProcedure = Lab1Close,
        .DeleteProcedure = Lab1Delete,
        .OkayToCloseProcedure = Lab1OkayToClose,
    };
    LabObjectTable = offsetof(EPROCESS, Objects) + offsetof(OB_PROCESS, ObjectTable);
    LabTypeObjects = offsetof(OBJECT_TYPE, TotalNumberOfObjects);
    RtlInitUnicodeString(&name, u"Lab");
    NT_TRY(ObCreateObjectType(&name, &info, nullptr, &LabType));
    RtlInitUnicodeString(&name, u"LabOther");
    return ObCreateObjectType(&name, &info, nullptr, &LabOtherType);
}
}
