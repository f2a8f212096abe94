// The object manager: types, references, names, handles, and what several processors do to them at once.
// size: one object type of its own, which all of these tests share
#include "ob.h"
#include "ex.h"
#include "ps.h"
#include "rtl/string.h"
#include "together.h"
#include "usermode.h"

#include "guest_main.h"

namespace {

/// The body of this test's own objects.
struct THING {
    ULONG Number;
};

POBJECT_TYPE ThingType;
volatile LONG Deleted, Opened, Closed, LastClosed;
volatile LONG DeletedIrql;
volatile LONG* const Counts[] = {&Deleted, &Opened, &Closed, &LastClosed};
bool Refuse, KeepOpen;
WCHAR Parsed[64];

void NTAPI DeleteThing(PVOID) {
    DeletedIrql = LONG(KeGetCurrentIrql());
    InterlockedIncrement(&Deleted);
}
NTSTATUS NTAPI OpenThing(OB_OPEN_REASON, EPROCESS*, PVOID, ACCESS_MASK, ULONG) {
    InterlockedIncrement(&Opened);
    return Refuse ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}
void NTAPI CloseThing(EPROCESS*, PVOID, ACCESS_MASK, ULONG processCount, ULONG) {
    InterlockedIncrement(&Closed);
    if (processCount == 1) InterlockedIncrement(&LastClosed);
}
NTSTATUS NTAPI ParseThing(PVOID object, POBJECT_TYPE, PACCESS_STATE, KPROCESSOR_MODE, ULONG, PUNICODE_STRING,
                          PUNICODE_STRING rest, PVOID, PSECURITY_QUALITY_OF_SERVICE, PVOID* found) {
    if (rest->Length >= sizeof(Parsed)) return STATUS_OBJECT_NAME_INVALID;
    RtlZeroMemory(Parsed, sizeof(Parsed));
    RtlCopyMemory(Parsed, rest->Buffer, rest->Length);
    if (rest->Length == 2 * sizeof(WCHAR)) return STATUS_OBJECT_NAME_NOT_FOUND; // "\x"
    (void)ObReferenceObject(object);
    *found = object;
    return STATUS_SUCCESS;
}
BOOLEAN NTAPI MayClose(EPROCESS*, PVOID, HANDLE) { return !KeepOpen; }

UNICODE_STRING Text(PCWSTR text) {
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

void MakeType() {
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

PVOID NewThing(POBJECT_ATTRIBUTES attributes = nullptr) {
    MakeType();
    PVOID thing = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS,
                ObCreateObject(KernelMode, ThingType, attributes, KernelMode, nullptr, sizeof(THING), 0, 0, &thing));
    return thing;
}

NTSTATUS Insert(PVOID thing, HANDLE* handle, ACCESS_MASK access = 7) {
    return ObInsertObject(thing, nullptr, access, 0, nullptr, handle);
}

POBJECT_HEADER Header(PVOID object) { return OBJECT_TO_OBJECT_HEADER(object); }

/// Blocks of the object manager's tags that are allocated.
LONG Blocks() {
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

HANDLE MakeDirectory(PCWSTR name, HANDLE root = nullptr, ULONG attributes = 0) {
    HANDLE handle = nullptr;
    NAMED named(name, attributes, root);
    GUEST_EQUAL(STATUS_SUCCESS, ZwCreateDirectoryObject(&handle, DIRECTORY_ALL_ACCESS, named));
    return handle;
}

HANDLE MakeLink(PCWSTR name, PCWSTR target) {
    HANDLE handle = nullptr;
    NAMED named(name);
    UNICODE_STRING to = Text(target);
    GUEST_EQUAL(STATUS_SUCCESS, ZwCreateSymbolicLinkObject(&handle, SYMBOLIC_LINK_ALL_ACCESS, named, &to));
    return handle;
}

NTSTATUS Find(PCWSTR name, POBJECT_TYPE type, ULONG attributes = 0) {
    UNICODE_STRING text = Text(name);
    PVOID object = nullptr;
    const NTSTATUS status = ObReferenceObjectByName(&text, attributes, nullptr, 0, type, KernelMode, nullptr, &object);
    if (NT_SUCCESS(status)) (void)ObDereferenceObject(object);
    return status;
}

HANDLE HandleOf(ULONG_PTR value) { return reinterpret_cast<HANDLE>(value); }

} // namespace

// OBJ-03, OBJ-05
GUEST_TEST(TypesAndTheFirstDirectoriesHaveNames) {
    MakeType();
    const PCWSTR names2[] = {u"\\ObjectTypes\\Type",    u"\\ObjectTypes\\Directory", u"\\ObjectTypes\\SymbolicLink",
                             u"\\ObjectTypes\\Process", u"\\ObjectTypes\\Thread",    u"\\ObjectTypes\\Thing"};
    for (PCWSTR name : names2)
        GUEST_EQUAL(STATUS_SUCCESS, Find(name, ObpTypeObjectType));
    const PCWSTR names3[] = {u"\\",          u"\\Device", u"\\ObjectTypes", u"\\BaseNamedObjects",
                             u"\\KnownDlls", u"\\??",     u"\\DosDevices"};
    for (PCWSTR name : names3)
        GUEST_EQUAL(STATUS_SUCCESS, Find(name, ObpDirectoryObjectType));
    UNICODE_STRING again = Text(u"THING");
    OBJECT_TYPE_INITIALIZER info = ThingType->TypeInfo;
    POBJECT_TYPE second;
    GUEST_EQUAL(STATUS_OBJECT_NAME_COLLISION, ObCreateObjectType(&again, &info, nullptr, &second));
    info.Length--;
    again = Text(u"Other");
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, ObCreateObjectType(&again, &info, nullptr, &second));
    again = Text(u"a\\b");
    GUEST_EQUAL(STATUS_OBJECT_NAME_INVALID, ObCreateObjectType(&again, &info, nullptr, &second));
    PVOID const thing = NewThing();
    GUEST_EQUAL(ThingType, ObGetObjectType(thing));
    GUEST_EQUAL(0, ObDereferenceObject(thing));
}

// OBJ-02, OBJ-04, OBJ-08
GUEST_TEST(TheLastReferenceDeletesAnObjectOnce) {
    const NO_LEAK leak;
    PVOID const thing = NewThing();
    GUEST_EQUAL(1, Header(thing)->PointerCount);
    GUEST_EQUAL(2, ObReferenceObject(thing));
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH, ObReferenceObjectByPointer(thing, 0, PsThreadType, KernelMode));
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH, ObReferenceObjectByPointer(thing, 0, nullptr, UserMode));
    GUEST_EQUAL(STATUS_SUCCESS, ObReferenceObjectByPointer(thing, 0, ThingType, UserMode));
    GUEST_EQUAL(2, ObDereferenceObject(thing));
    GUEST_EQUAL(1, ObDereferenceObject(thing));
    GUEST_EQUAL(0, Deleted);
    GUEST_EQUAL(0, ObDereferenceObject(thing));
    GUEST_EQUAL(1, Deleted);
    NAMED named(u"\\never", OBJ_CASE_INSENSITIVE);
    (void)ObDereferenceObject(NewThing(named)); // created and never inserted
    GUEST_EQUAL(2, Deleted);
}

// OBJ-08
GUEST_TEST(ADereferenceAtDispatchLevelDeletesLaterAtPassiveLevel) {
    const NO_LEAK leak;
    PVOID things[10];
    for (PVOID& thing : things)
        thing = NewThing();
    {
        const nt::DispatchLevelGuard guard;
        for (PVOID thing : things)
            GUEST_EQUAL(0, ObDereferenceObject(thing));
        if (KeNumberProcessors == 1) GUEST_EQUAL(0, Deleted); // a worker of another processor may be done with them
    }
    LARGE_INTEGER moment = {.QuadPart = -100'000};
    for (ULONG i = 0; i < 100 && ThingType->TotalNumberOfObjects != 0; i++)
        (void)KeDelayExecutionThread(KernelMode, FALSE, &moment);
    GUEST_EQUAL(10, Deleted);
    GUEST_EQUAL(LONG(PASSIVE_LEVEL), DeletedIrql);
}

// OBJ-06, OBJ-07
GUEST_TEST(AHandleLeadsToItsObjectUntilItIsClosed) {
    const NO_LEAK leak;
    PVOID const thing = NewThing();
    HANDLE handle;
    GUEST_EQUAL(STATUS_SUCCESS, Insert(thing, &handle, GENERIC_READ));
    GUEST_EQUAL(1, Header(thing)->PointerCount);
    GUEST_EQUAL(1, Header(thing)->HandleCount);
    for (ULONG_PTR low = 0; low < 4; low++) {
        PVOID found;
        OBJECT_HANDLE_INFORMATION information;
        GUEST_EQUAL(STATUS_SUCCESS, ObReferenceObjectByHandle(HandleOf(reinterpret_cast<ULONG_PTR>(handle) + low), 1,
                                                              ThingType, UserMode, &found, &information));
        GUEST_EQUAL(thing, found);
        GUEST_EQUAL(READ_CONTROL | 1, information.GrantedAccess);
        (void)ObDereferenceObject(found);
    }
    PVOID none;
    GUEST_EQUAL(STATUS_ACCESS_DENIED, ObReferenceObjectByHandle(handle, 2, ThingType, UserMode, &none, nullptr));
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH,
                ObReferenceObjectByHandle(handle, 0, PsProcessType, KernelMode, &none, nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, NtClose(handle));
    GUEST_EQUAL(1, Deleted);
    GUEST_EQUAL(1, Closed);
    GUEST_EQUAL(STATUS_INVALID_HANDLE, NtClose(handle)); // closed twice
    GUEST_EQUAL(STATUS_INVALID_HANDLE, ObReferenceObjectByHandle(handle, 0, nullptr, KernelMode, &none, nullptr));
    const ULONG_PTR values4[] = {ULONG_PTR(0),           ULONG_PTR(2),           ULONG_PTR(0x7FFF'FFFC),
                                 ULONG_PTR(0x8000'0000), ULONG_PTR(0xFFFF'FFF0), ULONG_PTR(0xFFFF'FFFC)};
    for (ULONG_PTR value : values4) {
        GUEST_EQUAL(STATUS_INVALID_HANDLE, AsUserMode([&] { return NtClose(HandleOf(value)); }));
        GUEST_EQUAL(STATUS_INVALID_HANDLE, ZwClose(HandleOf(value)));
    }
    PVOID current;
    GUEST_EQUAL(STATUS_SUCCESS,
                ObReferenceObjectByHandle(HandleOf(~ULONG_PTR(0)), 0, PsProcessType, UserMode, &current, nullptr));
    GUEST_EQUAL(PsGetCurrentProcess(), current);
    (void)ObDereferenceObject(current);
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH,
                ObReferenceObjectByHandle(HandleOf(~ULONG_PTR(1)), 0, PsProcessType, UserMode, &current, nullptr));
}

// OBJ-06
GUEST_TEST(KernelHandlesWorkInEveryProcessAndForKernelModeOnly) {
    const NO_LEAK leak;
    NAMED attributes(nullptr, OBJ_KERNEL_HANDLE);
    PVOID const thing = NewThing(attributes);
    HANDLE handle;
    GUEST_EQUAL(STATUS_SUCCESS, Insert(thing, &handle));
    GUEST_TRUE((reinterpret_cast<ULONG_PTR>(handle) & KERNEL_HANDLE_BIT) != 0);
    EPROCESS* process;
    KAPC_STATE saved;
    GUEST_EQUAL(STATUS_SUCCESS, PspCreateProcess("Other", &process));
    KeStackAttachProcess(&process->Pcb, &saved);
    PVOID found;
    GUEST_EQUAL(STATUS_SUCCESS, ObReferenceObjectByHandle(handle, 0, ThingType, KernelMode, &found, nullptr));
    (void)ObDereferenceObject(found);
    GUEST_EQUAL(STATUS_INVALID_HANDLE, ObReferenceObjectByHandle(handle, 0, ThingType, UserMode, &found, nullptr));
    GUEST_EQUAL(STATUS_INVALID_HANDLE, AsUserMode([&] { return NtClose(handle); }));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(handle));
    KeUnstackDetachProcess(&saved);
    PspDeleteProcess(process);
    GUEST_EQUAL(1, Deleted);
}

// OBJ-05, OBJ-08
GUEST_TEST(ATemporaryObjectLosesItsNameWithItsLastHandleAndAPermanentOneKeepsIt) {
    const NO_LEAK leak;
    NAMED name(u"\\BaseNamedObjects\\Thing1");
    HANDLE handle, second, wrong;
    GUEST_EQUAL(STATUS_SUCCESS, Insert(NewThing(name), &handle));
    GUEST_EQUAL(STATUS_SUCCESS, ObOpenObjectByName(name, ThingType, KernelMode, nullptr, 1, nullptr, &second));
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH,
                ObOpenObjectByName(name, PsThreadType, KernelMode, nullptr, 1, nullptr, &wrong));
    NAMED otherCase(u"\\basenamedobjects\\THING1", OBJ_CASE_INSENSITIVE);
    NAMED exactCase(u"\\BaseNamedObjects\\THING1");
    GUEST_EQUAL(STATUS_OBJECT_NAME_NOT_FOUND,
                ObOpenObjectByName(exactCase, ThingType, KernelMode, nullptr, 1, nullptr, &wrong));
    HANDLE third;
    GUEST_EQUAL(STATUS_SUCCESS, ObOpenObjectByName(otherCase, ThingType, KernelMode, nullptr, 1, nullptr, &third));
    GUEST_EQUAL(STATUS_SUCCESS, NtClose(third));
    GUEST_EQUAL(STATUS_SUCCESS, NtClose(handle));
    GUEST_EQUAL(STATUS_SUCCESS, Find(u"\\BaseNamedObjects\\Thing1", ThingType));
    GUEST_EQUAL(STATUS_SUCCESS, NtMakePermanentObject(second));
    GUEST_EQUAL(STATUS_SUCCESS, NtClose(second));
    GUEST_EQUAL(0, Deleted);
    GUEST_EQUAL(STATUS_SUCCESS, ObOpenObjectByName(name, ThingType, KernelMode, nullptr, DELETE, nullptr, &handle));
    GUEST_EQUAL(STATUS_SUCCESS, NtMakeTemporaryObject(handle));
    GUEST_EQUAL(STATUS_SUCCESS, Find(u"\\BaseNamedObjects\\Thing1", ThingType));
    GUEST_EQUAL(STATUS_SUCCESS, NtClose(handle));
    GUEST_EQUAL(1, Deleted);
    GUEST_EQUAL(STATUS_OBJECT_NAME_NOT_FOUND, Find(u"\\BaseNamedObjects\\Thing1", ThingType));
}

// OBJ-05
GUEST_TEST(ACollisionOpensOrFailsAsTheAttributesSay) {
    const NO_LEAK leak;
    NAMED name(u"\\BaseNamedObjects\\Twice"), openIf(u"\\BaseNamedObjects\\Twice", OBJ_OPENIF);
    HANDLE first, second = nullptr;
    PVOID const thing = NewThing(name);
    GUEST_EQUAL(STATUS_SUCCESS, Insert(thing, &first));
    GUEST_EQUAL(STATUS_OBJECT_NAME_COLLISION, Insert(NewThing(name), &second));
    GUEST_EQUAL(1, Deleted); // the one that had no place
    GUEST_EQUAL(STATUS_OBJECT_NAME_EXISTS, Insert(NewThing(openIf), &second));
    GUEST_EQUAL(2, Deleted);
    PVOID found;
    GUEST_EQUAL(STATUS_SUCCESS, ObReferenceObjectByHandle(second, 0, ThingType, KernelMode, &found, nullptr));
    GUEST_EQUAL(thing, found);
    (void)ObDereferenceObject(found);
    HANDLE directory;
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH, ZwCreateDirectoryObject(&directory, DIRECTORY_ALL_ACCESS, openIf));
    GUEST_EQUAL(STATUS_SUCCESS, NtClose(first));
    GUEST_EQUAL(STATUS_SUCCESS, NtClose(second));
}

// OBJ-05
GUEST_TEST(NamesThatAreNoneAreRefused) {
    const NO_LEAK leak;
    HANDLE directory = MakeDirectory(u"\\BaseNamedObjects\\D");
    const struct {
        PCWSTR Name;
        NTSTATUS Status;
    } cases[] = {
        {u"", STATUS_OBJECT_NAME_INVALID},
        {u"x", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {u"\\\\x", STATUS_OBJECT_NAME_INVALID},
        {u"\\BaseNamedObjects\\D\\", STATUS_OBJECT_NAME_INVALID},
        {u"\\BaseNamedObjects\\\\D", STATUS_OBJECT_NAME_INVALID},
        {u"\\BaseNamedObjects\\D\\x", STATUS_OBJECT_NAME_NOT_FOUND},
        {u"\\BaseNamedObjects\\x\\y", STATUS_OBJECT_PATH_NOT_FOUND},
        {u"\\ObjectTypes\\Type\\x", STATUS_OBJECT_TYPE_MISMATCH},
        {u"\\BaseNamedObjects\\D", STATUS_SUCCESS},
    };
    for (const auto& each : cases)
        GUEST_EQUAL(each.Status, Find(each.Name, nullptr));
    HANDLE inner = MakeDirectory(u"E", directory);
    GUEST_EQUAL(STATUS_SUCCESS, Find(u"\\BaseNamedObjects\\D\\E", ObpDirectoryObjectType));
    NAMED absolute(u"\\E", 0, directory);
    HANDLE none;
    GUEST_EQUAL(STATUS_OBJECT_PATH_SYNTAX_BAD, ZwOpenDirectoryObject(&none, 1, absolute));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(directory)); // its name goes, it stays for what is in it
    GUEST_EQUAL(STATUS_OBJECT_PATH_NOT_FOUND, Find(u"\\BaseNamedObjects\\D\\E", nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(inner));
    // The longest name that a counted string has: one component that is not there, then as many as possible.
    constexpr USHORT longest = 0xFFFE;
    auto* const text = static_cast<PWSTR>(ExAllocatePoolWithTag(NonPagedPool, longest, EX_TAG("Long")));
    for (ULONG i = 0; i < longest / sizeof(WCHAR); i++)
        text[i] = i == 0 ? u'\\' : u'a';
    UNICODE_STRING name = {longest, longest, text};
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, &name, 0, nullptr, nullptr);
    HANDLE handle;
    GUEST_EQUAL(STATUS_OBJECT_NAME_NOT_FOUND,
                ObOpenObjectByName(&attributes, ThingType, KernelMode, nullptr, 0, nullptr, &handle));
    GUEST_EQUAL(STATUS_SUCCESS, Insert(NewThing(&attributes), &handle));
    ULONG needed;
    OBJECT_NAME_INFORMATION small;
    PVOID found;
    GUEST_EQUAL(STATUS_SUCCESS, ObReferenceObjectByHandle(handle, 0, nullptr, KernelMode, &found, nullptr));
    GUEST_EQUAL(STATUS_NAME_TOO_LONG, ObQueryNameString(found, &small, sizeof(small), &needed));
    (void)ObDereferenceObject(found);
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(handle));
    for (ULONG i = 0; i < longest / sizeof(WCHAR); i += 2)
        text[i] = u'\\';
    GUEST_EQUAL(STATUS_OBJECT_PATH_NOT_FOUND,
                ObOpenObjectByName(&attributes, nullptr, KernelMode, nullptr, 0, nullptr, &handle));
    ExFreePoolWithTag(text, EX_TAG("Long"));
}

// OBJ-05
GUEST_TEST(SymbolicLinksLeadOnAndCyclesEnd) {
    const NO_LEAK leak;
    HANDLE const directory = MakeDirectory(u"\\BaseNamedObjects\\L");
    HANDLE const link = MakeLink(u"\\??\\Q:", u"\\BaseNamedObjects\\L");
    NAMED name(u"\\DosDevices\\q:\\Thing", OBJ_CASE_INSENSITIVE);
    HANDLE thing;
    GUEST_EQUAL(STATUS_SUCCESS, Insert(NewThing(name), &thing)); // through two links
    GUEST_EQUAL(STATUS_SUCCESS, Find(u"\\BaseNamedObjects\\L\\Thing", ThingType));
    GUEST_EQUAL(STATUS_SUCCESS, Find(u"\\??\\Q:", ObpSymbolicLinkObjectType));
    GUEST_EQUAL(STATUS_SUCCESS, Find(u"\\??\\Q:", ObpDirectoryObjectType));
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH, Find(u"\\??\\Q:\\Thing", ObpSymbolicLinkObjectType));
    WCHAR buffer[32];
    UNICODE_STRING target = {0, sizeof(buffer), buffer};
    ULONG length;
    GUEST_EQUAL(STATUS_SUCCESS, ZwQuerySymbolicLinkObject(link, &target, &length));
    UNICODE_STRING wanted = Text(u"\\BaseNamedObjects\\L");
    GUEST_TRUE(RtlEqualUnicodeString(&target, &wanted, FALSE));
    GUEST_EQUAL(wanted.Length, length);
    target.MaximumLength = 4;
    GUEST_EQUAL(STATUS_BUFFER_TOO_SMALL, ZwQuerySymbolicLinkObject(link, &target, &length));
    HANDLE const a = MakeLink(u"\\BaseNamedObjects\\A", u"\\BaseNamedObjects\\B");
    HANDLE const b = MakeLink(u"\\BaseNamedObjects\\B", u"\\BaseNamedObjects\\A");
    HANDLE const self = MakeLink(u"\\BaseNamedObjects\\S", u"\\BaseNamedObjects\\S\\S");
    HANDLE const nowhere = MakeLink(u"\\BaseNamedObjects\\N", u"relative");
    GUEST_EQUAL(STATUS_REPARSE_POINT_NOT_RESOLVED, Find(u"\\BaseNamedObjects\\A", ThingType));
    GUEST_EQUAL(STATUS_REPARSE_POINT_NOT_RESOLVED, Find(u"\\BaseNamedObjects\\S", ThingType));
    GUEST_EQUAL(STATUS_OBJECT_PATH_SYNTAX_BAD, Find(u"\\BaseNamedObjects\\N", ThingType));
    const HANDLE eachs5[] = {thing, link, directory, a, b, self, nowhere};
    for (HANDLE each : eachs5)
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(each));
}

// OBJ-05
GUEST_TEST(AParseProcedureGetsTheRestOfTheName) {
    const NO_LEAK leak;
    NAMED name(u"\\BaseNamedObjects\\P");
    HANDLE handle;
    GUEST_EQUAL(STATUS_SUCCESS, Insert(NewThing(name), &handle));
    GUEST_EQUAL(STATUS_SUCCESS, Find(u"\\BaseNamedObjects\\P\\dir\\file.txt", ThingType));
    GUEST_TRUE(wcscmp(Parsed, u"\\dir\\file.txt") == 0);
    GUEST_EQUAL(STATUS_OBJECT_NAME_NOT_FOUND, Find(u"\\BaseNamedObjects\\P\\x", ThingType));
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH, Find(u"\\BaseNamedObjects\\P\\file", PsThreadType));
    NAMED relative(u"deep", 0, handle); // the handle of an object with a parse procedure is a root, too
    HANDLE second;
    GUEST_EQUAL(STATUS_SUCCESS, ObOpenObjectByName(relative, ThingType, KernelMode, nullptr, 1, nullptr, &second));
    GUEST_TRUE(wcscmp(Parsed, u"deep") == 0);
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(second));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(handle));
}

// OBJ-06, OBJ-08
GUEST_TEST(TheTypeIsToldOfHandlesAndMayRefuseThem) {
    const NO_LEAK leak;
    HANDLE handle, second;
    PVOID const thing = NewThing();
    GUEST_EQUAL(STATUS_SUCCESS, Insert(thing, &handle));
    GUEST_EQUAL(STATUS_SUCCESS, ObOpenObjectByPointer(thing, 0, nullptr, 1, ThingType, KernelMode, &second));
    GUEST_EQUAL(2, Opened);
    GUEST_EQUAL(2, Header(thing)->HandleCount);
    Refuse = true;
    HANDLE third;
    GUEST_EQUAL(STATUS_ACCESS_DENIED, ObOpenObjectByPointer(thing, 0, nullptr, 1, ThingType, KernelMode, &third));
    GUEST_EQUAL(2, Header(thing)->HandleCount);
    GUEST_EQUAL(2, Header(thing)->PointerCount);
    Refuse = false;
    KeepOpen = true;
    GUEST_EQUAL(STATUS_HANDLE_NOT_CLOSABLE, ZwClose(second));
    KeepOpen = false;
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(second));
    GUEST_EQUAL(0, LastClosed);
    OBJECT_HANDLE_FLAG_INFORMATION flags = {.Inherit = TRUE, .ProtectFromClose = TRUE};
    const auto flagClass = OBJECT_INFORMATION_CLASS::ObjectHandleFlagInformation;
    GUEST_EQUAL(STATUS_SUCCESS, ZwSetInformationObject(handle, flagClass, &flags, sizeof(flags)));
    GUEST_EQUAL(STATUS_HANDLE_NOT_CLOSABLE, ZwClose(handle));
    flags = {};
    GUEST_EQUAL(STATUS_SUCCESS, ZwQueryObject(handle, flagClass, &flags, sizeof(flags), nullptr));
    GUEST_TRUE(flags.Inherit && flags.ProtectFromClose);
    flags = {};
    GUEST_EQUAL(STATUS_SUCCESS, ZwSetInformationObject(handle, flagClass, &flags, sizeof(flags)));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(handle));
    GUEST_EQUAL(1, LastClosed);
    GUEST_EQUAL(1, Deleted);
}

// OBJ-06, OBJ-07, PRC-02
GUEST_TEST(ProcessesInheritAndDuplicateHandlesAndCloseAllOfThemAtTheirEnd) {
    const NO_LEAK leak;
    EPROCESS *parent, *child;
    GUEST_EQUAL(STATUS_SUCCESS, PspCreateProcess("Parent", &parent));
    GUEST_EQUAL(STATUS_SUCCESS, PspCreateProcess("Child", &child));
    HANDLE parentHandle, childHandle;
    GUEST_EQUAL(STATUS_SUCCESS, ObOpenObjectByPointer(parent, 0, nullptr, PROCESS_ALL_ACCESS, PsProcessType, KernelMode,
                                                      &parentHandle));
    GUEST_EQUAL(STATUS_SUCCESS,
                ObOpenObjectByPointer(child, 0, nullptr, PROCESS_ALL_ACCESS, PsProcessType, KernelMode, &childHandle));
    HANDLE const self = HandleOf(~ULONG_PTR(0));
    HANDLE mine, inherited, plain;
    PVOID const thing = NewThing();
    GUEST_EQUAL(STATUS_SUCCESS, Insert(thing, &mine));
    GUEST_EQUAL(STATUS_SUCCESS,
                ZwDuplicateObject(self, mine, parentHandle, &inherited, 0, OBJ_INHERIT, DUPLICATE_SAME_ACCESS));
    GUEST_EQUAL(STATUS_SUCCESS, ZwDuplicateObject(self, mine, parentHandle, &plain, 1, 0, 0));
    GUEST_EQUAL(3, Header(thing)->HandleCount);
    // The child gets a table that was made from the parent's.
    ObKillProcess(child);
    GUEST_EQUAL(STATUS_PROCESS_IS_TERMINATING,
                ZwDuplicateObject(self, mine, childHandle, &plain, 0, 0, DUPLICATE_SAME_ACCESS));
    GUEST_EQUAL(STATUS_SUCCESS, ObInitProcess(parent, child));
    GUEST_EQUAL(4, Header(thing)->HandleCount);
    HANDLE back = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, ZwDuplicateObject(childHandle, inherited, self, &back, 0, 0, DUPLICATE_SAME_ACCESS));
    PVOID found;
    GUEST_EQUAL(STATUS_SUCCESS, ObReferenceObjectByHandle(back, 0, ThingType, KernelMode, &found, nullptr));
    GUEST_EQUAL(thing, found);
    (void)ObDereferenceObject(found);
    GUEST_EQUAL(STATUS_SUCCESS,
                ZwDuplicateObject(childHandle, inherited, nullptr, nullptr, 0, 0, DUPLICATE_CLOSE_SOURCE));
    GUEST_EQUAL(STATUS_INVALID_HANDLE,
                ZwDuplicateObject(childHandle, inherited, self, &found, 0, 0, DUPLICATE_SAME_ACCESS));
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH, ZwDuplicateObject(mine, mine, self, &found, 0, 0, 0));
    GUEST_EQUAL(4, Header(thing)->HandleCount);
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(mine));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(back));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(parentHandle));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(childHandle));
    GUEST_EQUAL(0, Deleted);
    PspDeleteProcess(parent); // the last two handles go with it
    GUEST_EQUAL(1, Deleted);
    PspDeleteProcess(child);
}

// OBJ-09
GUEST_TEST(TheFirstHandlesProcessPaysUntilTheObjectIsGone) {
    const NO_LEAK leak;
    EPROCESS* process;
    KAPC_STATE saved;
    GUEST_EQUAL(STATUS_SUCCESS, PspCreateProcess("Payer", &process));
    EPROCESS_QUOTA_BLOCK& quota = *process->Objects.QuotaBlock;
    KeStackAttachProcess(&process->Pcb, &saved);
    HANDLE handle, second;
    PVOID const thing = NewThing();
    GUEST_EQUAL(STATUS_SUCCESS, Insert(thing, &handle));
    GUEST_EQUAL(100, quota.Usage[0]); // ThingType's DefaultNonPagedPoolCharge
    GUEST_EQUAL(STATUS_SUCCESS, ObOpenObjectByPointer(thing, 0, nullptr, 1, ThingType, KernelMode, &second));
    GUEST_EQUAL(100, quota.Usage[0]);
    quota.Limit[0] = 150;
    HANDLE none;
    GUEST_EQUAL(STATUS_QUOTA_EXCEEDED, Insert(NewThing(), &none));
    GUEST_EQUAL(1, Deleted);
    quota.Limit[0] = EX_DEFAULT_QUOTA;
    (void)ObReferenceObject(thing);
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(handle));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(second));
    GUEST_EQUAL(100, quota.Usage[0]);
    KeUnstackDetachProcess(&saved);
    PspDeleteProcess(process);
    (void)ObDereferenceObject(thing); // outlives the process that pays; the block goes with the charge (tag Qblk)
    GUEST_EQUAL(2, Deleted);
}

// OBJ-02, OBJ-03
GUEST_TEST(NtQueryObjectTellsObjectNameAndType) {
    const NO_LEAK leak;
    NAMED name(u"\\BaseNamedObjects\\Known");
    HANDLE handle;
    PVOID const thing = NewThing(name);
    GUEST_EQUAL(STATUS_SUCCESS, Insert(thing, &handle, 5));
    OBJECT_BASIC_INFORMATION basic;
    ULONG length;
    const auto basicClass = OBJECT_INFORMATION_CLASS::ObjectBasicInformation;
    GUEST_EQUAL(STATUS_SUCCESS, ZwQueryObject(handle, basicClass, &basic, sizeof(basic), &length));
    GUEST_EQUAL(sizeof(basic), length);
    GUEST_EQUAL(5, basic.GrantedAccess);
    GUEST_EQUAL(1, basic.HandleCount);
    GUEST_EQUAL(2, basic.PointerCount); // the handle's and the directory's
    GUEST_EQUAL(100, basic.NonPagedPoolCharge);
    GUEST_EQUAL(STATUS_INFO_LENGTH_MISMATCH, ZwQueryObject(handle, basicClass, &basic, sizeof(basic) - 1, &length));
    UCHAR buffer[200];
    const auto nameClass = OBJECT_INFORMATION_CLASS::ObjectNameInformation;
    GUEST_EQUAL(STATUS_SUCCESS, ZwQueryObject(handle, nameClass, buffer, sizeof(buffer), &length));
    auto* const told = reinterpret_cast<POBJECT_NAME_INFORMATION>(buffer);
    GUEST_TRUE(RtlEqualUnicodeString(&told->Name, &name.Name, FALSE));
    GUEST_EQUAL(sizeof(*told) + name.Name.Length + 2, length);
    GUEST_EQUAL(length, basic.NameInfoSize);
    GUEST_EQUAL(STATUS_INFO_LENGTH_MISMATCH, ZwQueryObject(handle, nameClass, buffer, length - 1, &length));
    const auto typeClass = OBJECT_INFORMATION_CLASS::ObjectTypeInformation;
    GUEST_EQUAL(STATUS_SUCCESS, ZwQueryObject(handle, typeClass, buffer, sizeof(buffer), &length));
    auto* const type = reinterpret_cast<OBJECT_TYPE_INFORMATION*>(buffer);
    UNICODE_STRING thingName = Text(u"Thing");
    GUEST_TRUE(RtlEqualUnicodeString(&type->TypeName, &thingName, FALSE));
    GUEST_EQUAL(1, type->TotalNumberOfObjects);
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(handle));
    // All types: the caller asks for the length, then for the types.
    const auto typesClass = OBJECT_INFORMATION_CLASS::ObjectTypesInformation;
    GUEST_EQUAL(STATUS_INFO_LENGTH_MISMATCH, ZwQueryObject(nullptr, typesClass, buffer, 4, &length));
    auto* const all = static_cast<UCHAR*>(ExAllocatePoolWithTag(NonPagedPool, length, EX_TAG("Long")));
    GUEST_EQUAL(STATUS_SUCCESS, ZwQueryObject(nullptr, typesClass, all, length, &length));
    const UNICODE_STRING first = reinterpret_cast<OBJECT_TYPE_INFORMATION*>(all + sizeof(PVOID))->TypeName;
    UNICODE_STRING typeName = Text(u"Type");
    GUEST_TRUE(RtlEqualUnicodeString(&first, &typeName, FALSE));
    ExFreePoolWithTag(all, EX_TAG("Long"));
    GUEST_EQUAL(STATUS_INVALID_INFO_CLASS,
                ZwQueryObject(HandleOf(~ULONG_PTR(0)), OBJECT_INFORMATION_CLASS(99), buffer, sizeof(buffer), nullptr));
}

// OBJ-05
GUEST_TEST(NtQueryDirectoryObjectTellsEachEntryOnce) {
    const NO_LEAK leak;
    HANDLE const directory = MakeDirectory(u"\\BaseNamedObjects\\Full");
    HANDLE handles[60];
    for (ULONG i = 0; i < 60; i++) {
        WCHAR name[3] = {WCHAR(u'A' + i % 26), WCHAR(u'a' + i / 26), 0};
        handles[i] = MakeDirectory(name, directory);
    }
    ULONG context = 0, length, seen = 0;
    ULONGLONG names = 0;
    UCHAR buffer[300];
    NTSTATUS status;
    do {
        status = ZwQueryDirectoryObject(directory, buffer, sizeof(buffer), FALSE, seen == 0, &context, &length);
        if (!NT_SUCCESS(status) || status == STATUS_NO_MORE_ENTRIES) break;
        for (auto* entry = reinterpret_cast<OBJECT_DIRECTORY_INFORMATION*>(buffer); entry->Name.Length; entry++) {
            names ^= 1ull << ((entry->Name.Buffer[0] - u'A') + 26 * (entry->Name.Buffer[1] - u'a'));
            GUEST_TRUE(wcscmp(entry->TypeName.Buffer, u"Directory") == 0);
            seen++;
        }
    } while (status == STATUS_MORE_ENTRIES);
    GUEST_EQUAL(60, seen);
    GUEST_EQUAL((1ull << 60) - 1, names);
    GUEST_EQUAL(STATUS_NO_MORE_ENTRIES,
                ZwQueryDirectoryObject(directory, buffer, sizeof(buffer), FALSE, FALSE, &context, &length));
    GUEST_EQUAL(STATUS_SUCCESS,
                ZwQueryDirectoryObject(directory, buffer, sizeof(buffer), TRUE, TRUE, &context, &length));
    GUEST_EQUAL(1, context);
    GUEST_EQUAL(STATUS_BUFFER_TOO_SMALL, ZwQueryDirectoryObject(directory, buffer, 20, TRUE, TRUE, &context, &length));
    for (HANDLE handle : handles)
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(handle));
    GUEST_EQUAL(STATUS_NO_MORE_ENTRIES,
                ZwQueryDirectoryObject(directory, buffer, sizeof(buffer), FALSE, TRUE, &context, &length));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(directory));
}

// OBJ-06, TRP-06
GUEST_TEST(PointersOfUserModeAreNotBelieved) {
    const NO_LEAK leak;
    NAMED name(u"\\BaseNamedObjects\\Hostile");
    HANDLE handle = nullptr;
    const ULONG_PTR bads6[] = {ULONG_PTR(0), ULONG_PTR(0x10000), ULONG_PTR(0x7FFE'FFFE), ULONG_PTR(0x8000'0000),
                               ULONG_PTR(0xFFFF'FFFC)};
    for (ULONG_PTR bad : bads6) {
        auto* const pointer = reinterpret_cast<HANDLE*>(bad);
        GUEST_TRUE(!NT_SUCCESS(AsUserMode([&] { return NtCreateDirectoryObject(pointer, 0xF, name); })));
        GUEST_TRUE(!NT_SUCCESS(AsUserMode([&] {
            return NtQueryObject(HandleOf(~ULONG_PTR(0)), OBJECT_INFORMATION_CLASS::ObjectBasicInformation, pointer,
                                 sizeof(OBJECT_BASIC_INFORMATION), nullptr);
        })));
    }
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, AsUserMode([&] { return NtCreateDirectoryObject(&handle, 0xF, name); }));
    NAMED wrong(u"\\BaseNamedObjects\\Hostile");
    wrong.Attributes.Attributes = 0x8000'0000;
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, ZwCreateDirectoryObject(&handle, 0xF, wrong));
    wrong.Attributes.Attributes = 0;
    wrong.Attributes.Length = 20;
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, ZwCreateDirectoryObject(&handle, 0xF, wrong));
    wrong.Attributes.Length = sizeof(OBJECT_ATTRIBUTES);
    wrong.Name.Length = 5;
    GUEST_EQUAL(STATUS_OBJECT_NAME_INVALID, ZwCreateDirectoryObject(&handle, 0xF, wrong));
}

// OBJ-01, OBJ-05, OBJ-07, OBJ-08
GUEST_TEST(ManyThreadsCreateOpenAndCloseTheSameNames) {
    const NO_LEAK leak;
    static volatile LONG wrong;
    wrong = 0;
    GuestTogether(
        [](ULONG index, PVOID) {
            ULONG random = index * 7919 + 1;
            for (ULONG round = 0; round < 300; round++) {
                random = random * 1103515245 + 12345;
                WCHAR text[] = u"\\BaseNamedObjects\\X0";
                text[19] = WCHAR(u'0' + random / 65536 % 3);
                NAMED named(text, OBJ_OPENIF);
                HANDLE handle = nullptr;
                NTSTATUS status;
                if (random / 262144 % 2) {
                    PVOID thing;
                    status =
                        ObCreateObject(KernelMode, ThingType, named, KernelMode, nullptr, sizeof(THING), 0, 0, &thing);
                    if (NT_SUCCESS(status)) status = ObInsertObject(thing, nullptr, 7, 0, nullptr, &handle);
                } else {
                    status = ObOpenObjectByName(named, ThingType, KernelMode, nullptr, 7, nullptr, &handle);
                    if (status == STATUS_OBJECT_NAME_NOT_FOUND) continue;
                }
                if (!NT_SUCCESS(status)) InterlockedIncrement(&wrong);
                PVOID found;
                if (!NT_SUCCESS(ObReferenceObjectByHandle(handle, 1, ThingType, KernelMode, &found, nullptr)))
                    InterlockedIncrement(&wrong);
                else
                    (void)ObDereferenceObject(found);
                (void)NtClose(HandleOf((random / 1024 % 512) * 4 + 0x4000)); // handles that are none
                if (NtClose(handle) != STATUS_SUCCESS) InterlockedIncrement(&wrong);
            }
        },
        nullptr);
    GUEST_EQUAL(0, wrong);
    const PCWSTR names7[] = {u"\\BaseNamedObjects\\X0", u"\\BaseNamedObjects\\X1", u"\\BaseNamedObjects\\X2"};
    for (PCWSTR name : names7)
        GUEST_EQUAL(STATUS_OBJECT_NAME_NOT_FOUND, Find(name, nullptr));
    GUEST_EQUAL(Opened, Closed);
}

// OBJ-07
GUEST_TEST(OneHandleIsClosedByOneOfManyThreads) {
    const NO_LEAK leak;
    static volatile LONG closes;
    static HANDLE handle;
    for (ULONG round = 0; round < 50; round++) {
        closes = 0;
        GUEST_EQUAL(STATUS_SUCCESS, Insert(NewThing(), &handle));
        GuestTogether(
            [](ULONG, PVOID) {
                PVOID found;
                if (NT_SUCCESS(ObReferenceObjectByHandle(handle, 0, ThingType, KernelMode, &found, nullptr)))
                    (void)ObDereferenceObject(found);
                if (NtClose(handle) == STATUS_SUCCESS) InterlockedIncrement(&closes);
            },
            nullptr);
        GUEST_EQUAL(1, closes);
    }
    GUEST_EQUAL(50, Deleted);
}

// OBJ-08, DSP-07, DSP-08, OBJ-12
GUEST_TEST(ThreadsAreObjectsThatTheirHandlesKeep) {
    static volatile LONG ran;
    ran = 0;
    HANDLE handle;
    CLIENT_ID id;
    const LONG before = PsThreadType->TotalNumberOfObjects;
    GUEST_EQUAL(STATUS_SUCCESS,
                PsCreateSystemThread(
                    &handle, THREAD_ALL_ACCESS, nullptr, nullptr, &id, [](PVOID) { ran = 1; }, nullptr));
    PVOID thread;
    GUEST_EQUAL(STATUS_SUCCESS,
                ObReferenceObjectByHandle(handle, SYNCHRONIZE, PsThreadType, UserMode, &thread, nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr));
    GUEST_EQUAL(1, ran);
    GUEST_EQUAL(id.UniqueThread, PsGetThreadId(static_cast<PETHREAD>(thread)));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(handle));
    (void)ObDereferenceObject(thread);
    LARGE_INTEGER moment = {.QuadPart = -100'000};
    for (ULONG i = 0; i < 100 && PsThreadType->TotalNumberOfObjects != before; i++) // the reaper has one still
        (void)KeDelayExecutionThread(KernelMode, FALSE, &moment);
    GUEST_EQUAL(before, PsThreadType->TotalNumberOfObjects);
    HANDLE none;
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH,
                PsCreateSystemThread(
                    &none, 0, nullptr, HandleOf(~ULONG_PTR(1)), nullptr, [](PVOID) {}, nullptr));
}
