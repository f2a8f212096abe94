// Names: types, directories, links, parse procedures; when a name goes; many threads at one name.
#include "thing.h"
#include "together.h"

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

// OBJ-04, OBJ-05: an object whose name cannot be given is deleted once
GUEST_TEST(AnObjectThatGetsNoNameIsGivenBackOnce) {
    const NO_LEAK leak;
    const PCWSTR paths[] = {u"\\nosuch\\Thing", u"\\Device\\", u"\\BaseNamedObjects\\\\Thing", u"Thing"};
    for (PCWSTR path : paths) {
        NAMED name(path);
        HANDLE handle;
        PVOID const thing = NewThing(name);
        (void)ObfReferenceObject(thing);
        GUEST_TRUE(!NT_SUCCESS(Insert(thing, &handle)));
        GUEST_EQUAL(0, ObDereferenceObject(thing)); // the creator's reference has gone, and no other one
    }
}
