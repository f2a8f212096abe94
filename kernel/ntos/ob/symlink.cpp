// Symbolic links: an object whose parse procedure replaces the name.
//
// In the books: "symbolic links". OBJ-05
#include "ob/obp.h"
#include "rtl/string.h"

POBJECT_TYPE ObpSymbolicLinkObjectType;

NTSTATUS NTAPI ObpParseSymbolicLink(PVOID ParseObject, POBJECT_TYPE ObjectType, PACCESS_STATE, KPROCESSOR_MODE,
                                    ULONG Attributes, PUNICODE_STRING CompleteName, PUNICODE_STRING RemainingName,
                                    PVOID, PSECURITY_QUALITY_OF_SERVICE, PVOID* Object) {
    const bool linkItself = ObjectType == ObpSymbolicLinkObjectType || (Attributes & OBJ_OPENLINK) != 0;
    if (RemainingName->Length == 0 && linkItself) {
        (void)ObfReferenceObject(ParseObject);
        *Object = ParseObject;
        return STATUS_SUCCESS;
    }
    const UNICODE_STRING& target = static_cast<POBJECT_SYMBOLIC_LINK>(ParseObject)->LinkTarget;
    const ULONG length = ULONG(target.Length) + RemainingName->Length;
    if (length > MAXIMUM_USHORT) return STATUS_NAME_TOO_LONG;
    auto* const text = static_cast<PWSTR>(ExAllocatePoolWithTag(NonPagedPool, length, OB_NAME_TAG));
    if (!text) return STATUS_INSUFFICIENT_RESOURCES;
    RtlCopyMemory(text, target.Buffer, target.Length);
    RtlCopyMemory(text + target.Length / sizeof(WCHAR), RemainingName->Buffer, RemainingName->Length);
    *CompleteName = {USHORT(length), USHORT(length), text};
    return STATUS_REPARSE;
}

void NTAPI ObpDeleteSymbolicLink(PVOID Object) {
    const UNICODE_STRING& target = static_cast<POBJECT_SYMBOLIC_LINK>(Object)->LinkTarget;
    if (target.Buffer) ExFreePoolWithTag(target.Buffer, OB_NAME_TAG);
}

NTSTATUS ObpMakeSymbolicLink(KPROCESSOR_MODE mode, POBJECT_ATTRIBUTES attributes, const UNICODE_STRING& target,
                             POBJECT_SYMBOLIC_LINK* link) {
    PVOID object;
    const NTSTATUS status = ObCreateObject(mode, ObpSymbolicLinkObjectType, attributes, mode, nullptr,
                                           sizeof(OBJECT_SYMBOLIC_LINK), 0, 0, &object);
    if (!NT_SUCCESS(status)) {
        ExFreePoolWithTag(target.Buffer, OB_NAME_TAG);
        return status;
    }
    *link = static_cast<POBJECT_SYMBOLIC_LINK>(object);
    (*link)->LinkTarget = target;
    KeQuerySystemTime(&(*link)->CreationTime);
    return STATUS_SUCCESS;
}

NTSTATUS ObpMakeLink(PCWSTR name, PCWSTR target) {
    UNICODE_STRING text, to;
    RtlInitUnicodeString(&text, name);
    RtlInitUnicodeString(&to, target);
    auto* const copy = static_cast<PWSTR>(ExAllocatePoolWithTag(NonPagedPool, to.Length, OB_NAME_TAG));
    if (!copy) return STATUS_INSUFFICIENT_RESOURCES;
    RtlCopyMemory(copy, to.Buffer, to.Length);
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, &text, OBJ_PERMANENT | OBJ_CASE_INSENSITIVE, nullptr, nullptr);
    POBJECT_SYMBOLIC_LINK link;
    NT_TRY(ObpMakeSymbolicLink(KernelMode, &attributes, {to.Length, to.Length, copy}, &link));
    NT_TRY(ObInsertObject(link, nullptr, 0, 0, nullptr, nullptr));
    (void)ObfDereferenceObject(link);
    return STATUS_SUCCESS;
}
