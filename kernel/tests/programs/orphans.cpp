// A program that holds something until it is killed: `orphans m` a mutant of the driver's, twice; `orphans r` waits for a line of the console.
#include "check.h"

namespace {

void OwnMutant() {
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    HANDLE mutant, event;
    RtlInitUnicodeString(&name, u"\\BaseNamedObjects\\OrphanMutant");
    InitializeObjectAttributes(&attributes, &name, 0, nullptr, nullptr);
    CHECK(NtOpenMutant(&mutant, MUTANT_ALL_ACCESS, &attributes) == STATUS_SUCCESS);
    CHECK(NtWaitForSingleObject(mutant, FALSE, nullptr) == STATUS_SUCCESS);
    CHECK(NtWaitForSingleObject(mutant, FALSE, nullptr) == STATUS_SUCCESS);
    CHECK(NtCreateEvent(&event, EVENT_ALL_ACCESS, nullptr, EVENT_TYPE::NotificationEvent, FALSE) == STATUS_SUCCESS);
    (void)NtWaitForSingleObject(event, FALSE, nullptr);
}

void ReadConsole() {
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK io;
    HANDLE file;
    CHAR text[16];
    RtlInitUnicodeString(&name, u"\\Device\\Console");
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, nullptr, nullptr);
    CHECK(NtOpenFile(&file, FILE_READ_DATA | SYNCHRONIZE, &attributes, &io, FILE_SHARE_READ | FILE_SHARE_WRITE,
                     FILE_SYNCHRONOUS_IO_NONALERT) == STATUS_SUCCESS);
    (void)NtReadFile(file, nullptr, nullptr, nullptr, &io, text, sizeof(text), nullptr, nullptr);
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB* peb) {
    constexpr ULONG letterAt = 8;
    if (peb->ProcessParameters->CommandLine.Buffer[letterAt] == u'm')
        OwnMutant();
    else
        ReadConsole();
    return STATUS_UNSUCCESSFUL; // it was to be killed
}
