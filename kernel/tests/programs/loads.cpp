// What the loader does: imports by name, by ordinal and through a forwarder, the order of DllMains, DLLs at run time.
// imports: first second
#include "check.h"

extern "C" {
NTIMPORT ULONG NTAPI FirstAdd(ULONG value);
NTIMPORT ULONG NTAPI FirstHidden();
NTIMPORT ULONG NTAPI FirstForward();
NTIMPORT void NTAPI SecondNote(CHAR letter);
NTIMPORT PCSTR NTAPI SecondNotes();
NTIMPORT extern const ULONG SecondData;
}

namespace {

UNICODE_STRING Text(PCWSTR text) {
    UNICODE_STRING string;
    RtlInitUnicodeString(&string, text);
    return string;
}

NTSTATUS Load(PCWSTR name, PVOID* handle) {
    const UNICODE_STRING text = Text(name);
    return LdrLoadDll(nullptr, nullptr, &text, handle);
}
NTSTATUS Handle(PCWSTR name, PVOID* handle) {
    const UNICODE_STRING text = Text(name);
    return LdrGetDllHandle(nullptr, nullptr, &text, handle);
}
NTSTATUS Find(PVOID dll, PCSTR name, PVOID* address) {
    STRING text;
    RtlInitString(&text, name);
    return LdrGetProcedureAddress(dll, &text, 0, address);
}

void CheckImports() {
    CHECK(FirstAdd(100) == 122);
    CHECK(FirstHidden() == 11);
    CHECK(SecondData == 2222);
    CHECK(strcmp(SecondNotes(), "BA") == 0); // what it imports from began first
}

void CheckLookUps() {
    PVOID first = nullptr, second = nullptr, other = nullptr, address = nullptr;
    CHECK(Handle(u"FIRST", &first) == STATUS_SUCCESS);
    CHECK(Handle(u"second.dll", &second) == STATUS_SUCCESS && first != second);
    CHECK(Handle(u"third.dll", &other) == STATUS_DLL_NOT_FOUND);
    CHECK(Find(first, "FirstForward", &address) == STATUS_SUCCESS);
    CHECK(reinterpret_cast<ULONG(NTAPI*)()>(address)() == 22);
    CHECK(LdrGetProcedureAddress(first, nullptr, 7, &address) == STATUS_SUCCESS);
    CHECK(reinterpret_cast<ULONG(NTAPI*)()>(address)() == 11);
    CHECK(Find(first, "FirstHidden", &address) == STATUS_ENTRYPOINT_NOT_FOUND);
    CHECK(LdrGetProcedureAddress(first, nullptr, 99, &address) == STATUS_ORDINAL_NOT_FOUND);
    CHECK(Find(reinterpret_cast<PVOID>(0x12340000), "x", &address) == STATUS_DLL_NOT_FOUND);
}

void CheckRunTime() {
    PVOID third = nullptr, again = nullptr, address = nullptr;
    CHECK(Load(u"nowhere.dll", &third) == STATUS_DLL_NOT_FOUND);
    CHECK(Load(u"\\Boot\\Third", &third) == STATUS_SUCCESS);
    CHECK(strcmp(SecondNotes(), "BAC") == 0);
    CHECK(Find(third, "ThirdSelf", &address) == STATUS_SUCCESS);
    PVOID variable = nullptr;
    CHECK(Find(third, "ThirdPointer", &variable) == STATUS_SUCCESS);
    CHECK(reinterpret_cast<PVOID(NTAPI*)()>(address)() == variable); // it was relocated
    CHECK(Load(u"third.dll", &again) == STATUS_SUCCESS && again == third);
    CHECK(LdrUnloadDll(third) == STATUS_SUCCESS);
    CHECK(Handle(u"third.dll", &again) == STATUS_SUCCESS); // it was loaded twice
    CHECK(strcmp(SecondNotes(), "BAC") == 0);
    CHECK(LdrUnloadDll(third) == STATUS_SUCCESS);
    CHECK(Handle(u"third.dll", &again) == STATUS_DLL_NOT_FOUND);
    CHECK(strcmp(SecondNotes(), "BACc") == 0);
    CHECK(LdrUnloadDll(third) == STATUS_DLL_NOT_FOUND);
    CHECK(Handle(u"second.dll", &again) == STATUS_SUCCESS); // the program imports from it: it stays
}

void CheckRefusal() {
    PVOID third = nullptr;
    SecondNote('!');
    CHECK(Load(u"third.dll", &third) == STATUS_DLL_INIT_FAILED);
    CHECK(Handle(u"third.dll", &third) == STATUS_DLL_NOT_FOUND);
    CHECK(strcmp(SecondNotes(), "BACc!C") == 0); // no end is told to what did not begin
    CHECK(RtlValidateHeap(NtCurrentPeb()->ProcessHeap, 0, nullptr));
}

/// The lists that debuggers read.
void CheckLists() {
    const PEB_LDR_DATA* const lists = NtCurrentPeb()->Ldr;
    ULONG count = 0;
    for (const LIST_ENTRY* link = lists->InLoadOrderModuleList.Flink; link != &lists->InLoadOrderModuleList;
         link = link->Flink)
        count++;
    CHECK(lists->Initialized && count == 4);
    const auto* const program =
        CONTAINING_RECORD(lists->InLoadOrderModuleList.Flink, LDR_DATA_TABLE_ENTRY, InLoadOrderLinks);
    CHECK(program->DllBase == NtCurrentPeb()->ImageBaseAddress);
    const auto* const system =
        CONTAINING_RECORD(program->InLoadOrderLinks.Flink, LDR_DATA_TABLE_ENTRY, InLoadOrderLinks);
    const UNICODE_STRING name = Text(u"ntdll.dll");
    CHECK(RtlEqualUnicodeString(&system->BaseDllName, &name, FALSE));
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB*) {
    CheckImports();
    CheckLookUps();
    CheckRunTime();
    CheckRefusal();
    CheckLists();
    return PROGRAM_PASSED;
}
