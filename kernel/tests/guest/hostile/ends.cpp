// What a program that is killed held, and others want: a mutant, the console.
#include "leftovers.h"
#include "program.h"

namespace {

constexpr ULONG TICKS = 100;

/// Starts orphans.exe and waits until its thread waits. @param command `orphans m` or `orphans r`
NTSTATUS StartOrphan(PCWSTR command, HANDLE* handle) {
    UNICODE_STRING name, line;
    RtlInitUnicodeString(&name, u"orphans.exe");
    RtlInitUnicodeString(&line, command);
    return PsCreateInitialUserProcess(&name, &line, handle);
}

void Sleep(LONG milliseconds) {
    LARGE_INTEGER interval = KeRelativeMilliseconds(milliseconds);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

NTSTATUS Wait(HANDLE handle, LONG milliseconds) {
    LARGE_INTEGER limit = KeRelativeMilliseconds(milliseconds);
    return ZwWaitForSingleObject(handle, FALSE, &limit);
}

void KillAndClose(HANDLE process) {
    nt::ObjectRef<EPROCESS> object;
    GUEST_EQUAL(STATUS_SUCCESS, object.Open(process, 0, PsProcessType, KernelMode));
    GUEST_EQUAL(STATUS_PENDING, object->ExitStatus); // it waits, and has not ended of itself
    object.Release();
    GUEST_EQUAL(STATUS_SUCCESS, ZwTerminateProcess(process, STATUS_ABANDONED));
    GUEST_EQUAL(STATUS_SUCCESS, Wait(process, 1000));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(process));
}

} // namespace

// DSP-08, PRC-12: the next owner is told that the last one never released it
GUEST_TEST(AMutantOfAKilledProgramIsAbandoned) {
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    HANDLE mutant = nullptr, process = nullptr;
    RtlInitUnicodeString(&name, u"\\BaseNamedObjects\\OrphanMutant");
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, nullptr, nullptr);
    GUEST_EQUAL(STATUS_SUCCESS, ZwCreateMutant(&mutant, MUTANT_ALL_ACCESS, &attributes, FALSE));
    GUEST_EQUAL(STATUS_SUCCESS, StartOrphan(u"orphans m", &process));
    for (ULONG tick = 0; tick < TICKS && NT_SUCCESS(Wait(mutant, 0)) && NT_SUCCESS(ZwReleaseMutant(mutant, nullptr));
         tick++) {
        Sleep(10);
        if (Wait(mutant, 0) == STATUS_TIMEOUT) break;
        (void)ZwReleaseMutant(mutant, nullptr);
    }
    Sleep(20);
    GUEST_EQUAL(STATUS_TIMEOUT, Wait(mutant, 0)); // the program owns it
    KillAndClose(process);
    GUEST_EQUAL(STATUS_ABANDONED, Wait(mutant, 1000));
    LONG before = 1;
    GUEST_EQUAL(STATUS_SUCCESS, ZwReleaseMutant(mutant, &before));
    GUEST_EQUAL(0, before); // owned once: what the program had counted is gone
    GUEST_EQUAL(STATUS_SUCCESS, Wait(mutant, 0));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(mutant));
}

// PRC-12, IOM-01: the wait for a line ends, and nothing of the reader is left
GUEST_TEST(AReaderOfTheConsoleIsKilled) {
    HANDLE process = nullptr;
    for (ULONG i = 0; i < 3; i++) {
        if (i < 2) Leftovers.Begin(); // the first one's console stays open
        GUEST_EQUAL(STATUS_SUCCESS, StartOrphan(u"orphans r", &process));
        Sleep(60);
        KillAndClose(process);
        (void)Leftovers.End();
    }
    GUEST_EQUAL(LEFTOVER::Nothing, HostileSeen.What);
}
