// Questions about objects and directories, and pointers of user mode.
#include "thing.h"
#include "usermode.h"

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
