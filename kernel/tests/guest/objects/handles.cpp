// Handles: what they lead to, what the type is told of them, inheritance, duplicates, who pays; many threads at one handle.
#include "thing.h"
#include "together.h"
#include "usermode.h"
#include "ps.h"

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

// OBJ-06, OBJ-08, ARC-11
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
