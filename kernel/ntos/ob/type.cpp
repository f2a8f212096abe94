// Types of objects: made once, never deleted.
//
// The first types come into being before there are threads or names: ObpInsertType puts them into `\ObjectTypes` in phase 1. `Type` is
// the type of types, its own included.
// Locks: TypeLock guards the list of all types; nothing is ever taken off it. In the books: "type objects". OBJ-03
#include "ob/obp.h"
#include "rtl/string.h"

POBJECT_TYPE ObpTypeObjectType;

namespace {

constexpr ULONG OB_TYPE_TAG = EX_TAG("ObjT");
constexpr ULONG MAXIMUM_TYPES = 64;

/// What a wait for an object without a dispatcher header finds: an event that is always signaled.
KEVENT DefaultObject;

constinit KSPIN_LOCK TypeLock = {};
POBJECT_TYPE Types[MAXIMUM_TYPES]; // TypeLock to add; a type that is there stays
volatile LONG TypeCount;           // the same
bool NamesExist;                   // `\ObjectTypes` is there; set once

/// The four characters of a type's name that its objects' blocks have as tag.
ULONG KeyOf(const UNICODE_STRING& name) {
    ULONG key = 0;
    for (ULONG i = 0; i < sizeof(key); i++)
        key |= ULONG(i < name.Length / sizeof(WCHAR) ? UCHAR(name.Buffer[i]) : UCHAR(' ')) << 8 * i;
    return key;
}

bool IsName(const UNICODE_STRING& name) {
    if (name.Length == 0 || name.Length % sizeof(WCHAR) != 0) return false;
    for (ULONG i = 0; i < name.Length / sizeof(WCHAR); i++) {
        if (name.Buffer[i] == OBJ_NAME_PATH_SEPARATOR) return false;
    }
    return true;
}

/// An object of type `Type`, with a name part of its own name.
NTSTATUS Allocate(const UNICODE_STRING& name, POBJECT_TYPE* type) {
    struct alignas(8) NAMED_TYPE {
        OBJECT_HEADER_NAME_INFO Name;
        OBJECT_HEADER Header;
    };
    constexpr SIZE_T bodyAt = offsetof(NAMED_TYPE, Header) + offsetof(OBJECT_HEADER, Body);
    auto* const block = static_cast<NAMED_TYPE*>(
        ExAllocatePoolWithTag(NonPagedPool, bodyAt + sizeof(OBJECT_TYPE) + name.Length, OB_TYPE_TAG));
    if (!block) return STATUS_INSUFFICIENT_RESOURCES;
    RtlZeroMemory(block, bodyAt + sizeof(OBJECT_TYPE));
    auto* const made = reinterpret_cast<POBJECT_TYPE>(&block->Header.Body);
    auto* const text = reinterpret_cast<PWSTR>(made + 1);
    RtlCopyMemory(text, name.Buffer, name.Length);
    made->Name = {name.Length, name.Length, text};
    block->Name.Name = made->Name;
    block->Header.PointerCount = 1; // for the list of types: never given back
    block->Header.NameInfoOffset = offsetof(NAMED_TYPE, Header) - offsetof(NAMED_TYPE, Name);
    block->Header.Flags = OB_FLAG_KERNEL_OBJECT | OB_FLAG_PERMANENT;
    *type = made;
    return STATUS_SUCCESS;
}

/// Adds a type to the list. @returns STATUS_OBJECT_NAME_COLLISION: one has the name; STATUS_INSUFFICIENT_RESOURCES: too many
NTSTATUS Enlist(POBJECT_TYPE type) {
    const nt::SpinLockGuard guard(TypeLock);
    for (LONG i = 0; i < TypeCount; i++) {
        if (RtlEqualUnicodeString(&Types[i]->Name, &type->Name, TRUE)) return STATUS_OBJECT_NAME_COLLISION;
    }
    if (ULONG(TypeCount) == MAXIMUM_TYPES) return STATUS_INSUFFICIENT_RESOURCES;
    Types[TypeCount] = type;
    type->Index = ULONG(TypeCount) + 1;
    WriteRelease(&TypeCount, TypeCount + 1);
    return STATUS_SUCCESS;
}

} // namespace

NTSTATUS ObpCreateType(PCWSTR name, const OBJECT_TYPE_INITIALIZER& info, POBJECT_TYPE* type) {
    UNICODE_STRING text;
    RtlInitUnicodeString(&text, name);
    OBJECT_TYPE_INITIALIZER copy = info;
    return ObCreateObjectType(&text, &copy, nullptr, type);
}

bool ObpEnumerateTypes(OBP_TYPE_ROUTINE* routine, PVOID context) {
    const LONG count = ReadAcquire(&TypeCount);
    for (LONG i = 0; i < count; i++) {
        if (routine(Types[i], context)) return true;
    }
    return false;
}

void ObpInitializeTypes() { KeInitializeEvent(&DefaultObject, NotificationEvent, TRUE); }

void ObpBeginTypeNames() { NamesExist = true; }

extern "C" {

NTSTATUS NTAPI ObCreateObjectType(PUNICODE_STRING TypeName, POBJECT_TYPE_INITIALIZER ObjectTypeInitializer,
                                  PSECURITY_DESCRIPTOR, POBJECT_TYPE* ObjectType) {
    *ObjectType = nullptr;
    if (!IsName(*TypeName)) return STATUS_OBJECT_NAME_INVALID;
    const OBJECT_TYPE_INITIALIZER& info = *ObjectTypeInitializer;
    if (info.Length != sizeof(OBJECT_TYPE_INITIALIZER) || (info.InvalidAttributes & ~OBJ_VALID_ATTRIBUTES) != 0 ||
        (info.MaintainHandleCount && !info.OpenProcedure && !info.CloseProcedure))
        return STATUS_INVALID_PARAMETER;
    POBJECT_TYPE type;
    NT_TRY(Allocate(*TypeName, &type));
    ExInitializeFastMutex(&type->Mutex);
    InitializeListHead(&type->TypeList);
    type->TypeInfo = info;
    type->Key = KeyOf(*TypeName);
    // Nobody can wait for an object whose type has no right to do so.
    const bool hasHeader = !info.UseDefaultObject && (info.ValidAccessMask & SYNCHRONIZE) != 0;
    type->DefaultObject = hasHeader ? nullptr : &DefaultObject;
    OBJECT_TO_OBJECT_HEADER(type)->Type = ObpTypeObjectType ? ObpTypeObjectType : type;
    NTSTATUS status = Enlist(type);
    if (!NT_SUCCESS(status)) {
        ExFreePoolWithTag(OBJECT_HEADER_TO_NAME_INFO(OBJECT_TO_OBJECT_HEADER(type)), OB_TYPE_TAG);
        return status;
    }
    if (!ObpTypeObjectType) ObpTypeObjectType = type;
    InterlockedIncrement(&ObpTypeObjectType->TotalNumberOfObjects);
    *ObjectType = type;
    return NamesExist ? ObpInsertType(type) : STATUS_SUCCESS;
}
}
