// The object manager starts: its own types, then the first directories of the name space.
//
// Phase 0 runs before there are threads, phase 1 in the first one.
// In the books: "object directories", "type objects". OBJ-03, OBJ-05
#include "ob/callback.h"
#include "ob/obp.h"
#include "ob/sync.h"
#include "rtl/string.h"

POBJECT_TYPE ObpDirectoryObjectType;
POBJECT_DIRECTORY ObpRootDirectoryObject;

namespace {

POBJECT_DIRECTORY TypesDirectory; // set once, in phase 1

constexpr OBJECT_TYPE_INITIALIZER TypeInfo(ULONG bytes, ACCESS_MASK valid, GENERIC_MAPPING mapping) {
    return {.Length = sizeof(OBJECT_TYPE_INITIALIZER),
            .InvalidAttributes = OBJ_OPENLINK,
            .GenericMapping = mapping,
            .ValidAccessMask = valid,
            .PoolType = NonPagedPool,
            .DefaultNonPagedPoolCharge = ULONG(offsetof(OBJECT_HEADER, Body)) + bytes};
}

constexpr ACCESS_MASK TYPE_ALL_ACCESS = STANDARD_RIGHTS_REQUIRED | 1;
constexpr GENERIC_MAPPING TYPE_MAPPING = {STANDARD_RIGHTS_READ, STANDARD_RIGHTS_WRITE, STANDARD_RIGHTS_EXECUTE,
                                          TYPE_ALL_ACCESS};
constexpr GENERIC_MAPPING DIRECTORY_MAPPING = {
    STANDARD_RIGHTS_READ | DIRECTORY_QUERY | DIRECTORY_TRAVERSE,
    STANDARD_RIGHTS_WRITE | DIRECTORY_CREATE_OBJECT | DIRECTORY_CREATE_SUBDIRECTORY,
    STANDARD_RIGHTS_EXECUTE | DIRECTORY_QUERY | DIRECTORY_TRAVERSE, DIRECTORY_ALL_ACCESS};
constexpr GENERIC_MAPPING LINK_MAPPING = {STANDARD_RIGHTS_READ | SYMBOLIC_LINK_QUERY, STANDARD_RIGHTS_WRITE,
                                          STANDARD_RIGHTS_EXECUTE | SYMBOLIC_LINK_QUERY, SYMBOLIC_LINK_ALL_ACCESS};

NTSTATUS MakeTypes() {
    NT_TRY(ObpCreateType(u"Type", TypeInfo(sizeof(OBJECT_TYPE), TYPE_ALL_ACCESS, TYPE_MAPPING), &ObpTypeObjectType));
    OBJECT_TYPE_INITIALIZER directory = TypeInfo(sizeof(OBJECT_DIRECTORY), DIRECTORY_ALL_ACCESS, DIRECTORY_MAPPING);
    directory.CaseInsensitive = TRUE;
    NT_TRY(ObpCreateType(u"Directory", directory, &ObpDirectoryObjectType));
    OBJECT_TYPE_INITIALIZER link = TypeInfo(sizeof(OBJECT_SYMBOLIC_LINK), SYMBOLIC_LINK_ALL_ACCESS, LINK_MAPPING);
    link.CaseInsensitive = TRUE;
    link.InvalidAttributes = 0;
    link.ParseProcedure = ObpParseSymbolicLink;
    link.DeleteProcedure = ObpDeleteSymbolicLink;
    return ObpCreateType(u"SymbolicLink", link, &ObpSymbolicLinkObjectType);
}

/// Makes a permanent directory. @param name nullptr: the root. @param directory receives it; it has its name's reference
NTSTATUS MakeDirectory(PCWSTR name, POBJECT_DIRECTORY* directory) {
    UNICODE_STRING text;
    RtlInitUnicodeString(&text, name);
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, &text, OBJ_PERMANENT | OBJ_CASE_INSENSITIVE, nullptr, nullptr);
    NT_TRY(ObpMakeDirectory(KernelMode, &attributes, directory));
    NT_TRY(ObInsertObject(*directory, nullptr, 0, 0, nullptr, nullptr));
    if (name) (void)ObfDereferenceObject(*directory);
    return STATUS_SUCCESS;
}

bool InsertFirstType(POBJECT_TYPE type, PVOID status) {
    auto* const result = static_cast<NTSTATUS*>(status);
    *result = ObpInsertType(type);
    return !NT_SUCCESS(*result);
}

NTSTATUS MakeNameSpace() {
    NT_TRY(MakeDirectory(nullptr, &ObpRootDirectoryObject));
    NT_TRY(MakeDirectory(u"\\ObjectTypes", &TypesDirectory));
    ObpBeginTypeNames();
    NTSTATUS status = STATUS_SUCCESS;
    (void)ObpEnumerateTypes(InsertFirstType, &status);
    NT_TRY(status);
    static constexpr PCWSTR names[] = {
        u"\\Device", u"\\Driver", u"\\BaseNamedObjects", u"\\KnownDlls", u"\\Callback", u"\\KernelObjects", u"\\??"};
    for (PCWSTR name : names) {
        POBJECT_DIRECTORY directory;
        NT_TRY(MakeDirectory(name, &directory));
    }
    return ObpMakeLink(u"\\DosDevices", u"\\??");
}

} // namespace

NTSTATUS ObpInsertType(POBJECT_TYPE type) {
    OBJECT_HEADER_NAME_INFO* const info = OBJECT_HEADER_TO_NAME_INFO(OBJECT_TO_OBJECT_HEADER(type));
    const ULONG hash = ObpHashName(info->Name);
    const nt::FastMutexGuard guard(TypesDirectory->Lock);
    if (ObpFindEntry(TypesDirectory, info->Name, hash, true)) return STATUS_OBJECT_NAME_COLLISION;
    if (!ObpAddEntry(TypesDirectory, type, hash)) return STATUS_INSUFFICIENT_RESOURCES;
    ObpSetNameDirectory(info, TypesDirectory);
    return STATUS_SUCCESS;
}

extern "C" BOOLEAN NTAPI ObInitSystem(ULONG Phase) {
    if (Phase == 1) return NT_SUCCESS(MakeNameSpace()) && ObInitializeDispatcherTypes() && ObInitializeCallbacks();
    ObpInitializeTypes();
    ObpInitializeDeletion();
    ObpInitializeNames();
    return NT_SUCCESS(MakeTypes());
}
