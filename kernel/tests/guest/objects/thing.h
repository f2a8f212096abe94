// What the tests of the object manager share: objects of a type of their own, which counts what it is told, and names.
#pragma once

#include "ex.h"
#include "guest_test.h"
#include "ob.h"
#include "rtl/string.h"

/// The body of this test's own objects.
struct THING {
    ULONG Number;
};

inline POBJECT_TYPE ThingType;
inline volatile LONG Deleted, Opened, Closed, LastClosed;
inline volatile LONG DeletedIrql;
inline volatile LONG* const Counts[] = {&Deleted, &Opened, &Closed, &LastClosed};
inline bool Refuse, KeepOpen;
inline WCHAR Parsed[64];

inline void NTAPI DeleteThing(PVOID) {
    DeletedIrql = LONG(KeGetCurrentIrql());
    InterlockedIncrement(&Deleted);
}
inline NTSTATUS NTAPI OpenThing(OB_OPEN_REASON, EPROCESS*, PVOID, ACCESS_MASK, ULONG) {
    InterlockedIncrement(&Opened);
    return Refuse ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}
inline void NTAPI CloseThing(EPROCESS*, PVOID, ACCESS_MASK, ULONG processCount, ULONG) {
    InterlockedIncrement(&Closed);
    if (processCount == 1) InterlockedIncrement(&LastClosed);
}
inline NTSTATUS NTAPI ParseThing(PVOID object, POBJECT_TYPE, PACCESS_STATE, KPROCESSOR_MODE, ULONG, PUNICODE_STRING,
                                 PUNICODE_STRING rest, PVOID, PSECURITY_QUALITY_OF_SERVICE, PVOID* found) {
    if (rest->Length >= sizeof(Parsed)) return STATUS_OBJECT_NAME_INVALID;
    RtlZeroMemory(Parsed, sizeof(Parsed));
    RtlCopyMemory(Parsed, rest->Buffer, rest->Length);
    if (rest->Length == 2 * sizeof(WCHAR)) return STATUS_OBJECT_NAME_NOT_FOUND; // "\x"
    (void)ObReferenceObject(object);
    *found = object;
    return STATUS_SUCCESS;
}
inline BOOLEAN NTAPI MayClose(EPROCESS*, PVOID, HANDLE) { return !KeepOpen; }

inline UNICODE_STRING Text(PCWSTR text) {
    UNICODE_STRING string;
    RtlInitUnicodeString(&string, text);
    return string;
}

/// Attributes with a name that lives as long.
struct NAMED {
    explicit NAMED(PCWSTR name, ULONG attributes = 0, HANDLE root = nullptr) : Name(Text(name)) {
        InitializeObjectAttributes(&Attributes, name ? &Name : nullptr, attributes, root, nullptr);
    }
    operator POBJECT_ATTRIBUTES() { return &Attributes; }
    UNICODE_STRING Name;
    OBJECT_ATTRIBUTES Attributes;
};

inline void MakeType() {
    if (ThingType) return;
    UNICODE_STRING name = Text(u"Thing");
    OBJECT_TYPE_INITIALIZER info = {
        .Length = sizeof(OBJECT_TYPE_INITIALIZER),
        .InvalidAttributes = OBJ_OPENLINK,
        .GenericMapping = {READ_CONTROL | 1, READ_CONTROL | 2, READ_CONTROL | 4, STANDARD_RIGHTS_REQUIRED | 7},
        .ValidAccessMask = STANDARD_RIGHTS_ALL | 7,
        .MaintainHandleCount = TRUE,
        .MaintainTypeList = TRUE,
        .PoolType = NonPagedPool,
        .DefaultNonPagedPoolCharge = 100,
        .OpenProcedure = OpenThing,
        .CloseProcedure = CloseThing,
        .DeleteProcedure = DeleteThing,
        .ParseProcedure = ParseThing,
        .OkayToCloseProcedure = MayClose,
    };
    GUEST_EQUAL(STATUS_SUCCESS, ObCreateObjectType(&name, &info, nullptr, &ThingType));
}

inline PVOID NewThing(POBJECT_ATTRIBUTES attributes = nullptr) {
    MakeType();
    PVOID thing = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS,
                ObCreateObject(KernelMode, ThingType, attributes, KernelMode, nullptr, sizeof(THING), 0, 0, &thing));
    return thing;
}

inline NTSTATUS Insert(PVOID thing, HANDLE* handle, ACCESS_MASK access = 7) {
    return ObInsertObject(thing, nullptr, access, 0, nullptr, handle);
}

inline POBJECT_HEADER Header(PVOID object) { return OBJECT_TO_OBJECT_HEADER(object); }

/// Blocks of the object manager's tags that are allocated.
inline LONG Blocks() {
    LONG blocks = 0;
    const ULONG tags1[] = {EX_TAG("ObNm"), EX_TAG("ObDi"), EX_TAG("ObCi"), EX_TAG("ObHc"), EX_TAG("ObQu"),
                           EX_TAG("Obtb"), EX_TAG("Thin"), EX_TAG("Dire"), EX_TAG("Symb"), EX_TAG("Qblk")};
    for (ULONG tag : tags1) {
        POOL_TRACKER_TABLE row;
        ExQueryPoolTag(tag, &row);
        blocks += row.NonPagedAllocs - row.NonPagedFrees + row.PagedAllocs - row.PagedFrees;
    }
    return blocks;
}

/// Nothing of the object manager's is left behind while this lives.
struct NO_LEAK {
    NO_LEAK() {
        MakeType();
        Before = Blocks();
        for (volatile LONG* count : Counts)
            *count = 0;
        Refuse = KeepOpen = false;
    }
    ~NO_LEAK() {
        GUEST_EQUAL(Before, Blocks());
        GUEST_EQUAL(0, ThingType->TotalNumberOfObjects);
        GUEST_EQUAL(0, ThingType->TotalNumberOfHandles);
        GUEST_TRUE(IsListEmpty(&ThingType->TypeList));
    }
    LONG Before;
};

inline HANDLE MakeDirectory(PCWSTR name, HANDLE root = nullptr, ULONG attributes = 0) {
    HANDLE handle = nullptr;
    NAMED named(name, attributes, root);
    GUEST_EQUAL(STATUS_SUCCESS, ZwCreateDirectoryObject(&handle, DIRECTORY_ALL_ACCESS, named));
    return handle;
}

inline HANDLE MakeLink(PCWSTR name, PCWSTR target) {
    HANDLE handle = nullptr;
    NAMED named(name);
    UNICODE_STRING to = Text(target);
    GUEST_EQUAL(STATUS_SUCCESS, ZwCreateSymbolicLinkObject(&handle, SYMBOLIC_LINK_ALL_ACCESS, named, &to));
    return handle;
}

inline NTSTATUS Find(PCWSTR name, POBJECT_TYPE type, ULONG attributes = 0) {
    UNICODE_STRING text = Text(name);
    PVOID object = nullptr;
    const NTSTATUS status = ObReferenceObjectByName(&text, attributes, nullptr, 0, type, KernelMode, nullptr, &object);
    if (NT_SUCCESS(status)) (void)ObDereferenceObject(object);
    return status;
}

inline HANDLE HandleOf(ULONG_PTR value) { return reinterpret_cast<HANDLE>(value); }
