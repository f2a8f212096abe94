// Handles that a child process inherits: those that are inheritable, with their values and rights, if the parent says so. OBJ-07, PRC-05
#include "check.h"
#include "numbers.h"
#include "user/start.h"

namespace {

constexpr NTSTATUS REFUSED = static_cast<NTSTATUS>(0x2E);

/// Starts this program once more, with two handles' values in its command line, and waits for its end. @returns its exit status
NTSTATUS RunChild(BOOLEAN inherits, HANDLE first, HANDLE second) {
    WCHAR text[] = u"heirs 000 000"; // a handle of this program is below 1000
    WriteNumber(&text[8], ULONG(reinterpret_cast<ULONG_PTR>(first)));
    WriteNumber(&text[12], ULONG(reinterpret_cast<ULONG_PTR>(second)));
    RTL_USER_PROCESS_INFORMATION child{};
    UNICODE_STRING image, line;
    RtlInitUnicodeString(&image, u"\\Boot\\heirs.exe");
    RtlInitUnicodeString(&line, text);
    CHECK(NT_SUCCESS(nt::CreateProgram(&image, &line, &child, {.Inherits = inherits})));
    CHECK(NT_SUCCESS(NtResumeThread(child.Thread, nullptr)));
    CHECK(NtWaitForSingleObject(child.Process, FALSE, nullptr) == STATUS_SUCCESS);
    PROCESS_BASIC_INFORMATION basic;
    CHECK(NT_SUCCESS(NtQueryInformationProcess(child.Process, PROCESSINFOCLASS::ProcessBasicInformation, &basic,
                                               sizeof(basic), nullptr)));
    CHECK(NtClose(child.Thread) == STATUS_SUCCESS && NtClose(child.Process) == STATUS_SUCCESS);
    return static_cast<NTSTATUS>(basic.ExitStatus);
}

HANDLE NextHandle(PCWSTR* text) { return reinterpret_cast<HANDLE>(ULONG_PTR(NextNumber(text))); }

/// What the child checks: the first handle was inherited, with the right to set but not to wait; the second was not.
NTSTATUS Child(PCWSTR line) {
    LARGE_INTEGER now{};
    const HANDLE first = NextHandle(&line), second = NextHandle(&line);
    const NTSTATUS status = NtSetEvent(first, nullptr);
    if (status == STATUS_INVALID_HANDLE) return REFUSED;
    CHECK(status == STATUS_SUCCESS);
    CHECK(NtWaitForSingleObject(first, FALSE, &now) == STATUS_ACCESS_DENIED);
    CHECK(NtSetEvent(second, nullptr) == STATUS_INVALID_HANDLE);
    return PROGRAM_PASSED;
}

HANDLE MakeEvent(ULONG attributes, ACCESS_MASK access) {
    OBJECT_ATTRIBUTES object;
    HANDLE event;
    InitializeObjectAttributes(&object, nullptr, attributes, nullptr, nullptr);
    CHECK(NT_SUCCESS(NtCreateEvent(&event, access, &object, EVENT_TYPE::SynchronizationEvent, FALSE)));
    return event;
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB* peb) {
    PCWSTR const line = peb->ProcessParameters->CommandLine.Buffer;
    if (line[5] == u' ') return Child(line);
    LARGE_INTEGER now{};
    const HANDLE event = MakeEvent(0, EVENT_ALL_ACCESS);
    HANDLE heir;
    CHECK(NtDuplicateObject(NtCurrentProcess(), event, NtCurrentProcess(), &heir, EVENT_MODIFY_STATE, OBJ_INHERIT, 0) ==
          STATUS_SUCCESS);
    CHECK(RunChild(TRUE, heir, event) == PROGRAM_PASSED);
    CHECK(NtWaitForSingleObject(event, FALSE, &now) == STATUS_SUCCESS); // the child has set it
    CHECK(RunChild(FALSE, heir, event) == REFUSED);
    CHECK(NtWaitForSingleObject(event, FALSE, &now) == STATUS_TIMEOUT);
    OBJECT_HANDLE_FLAG_INFORMATION flags{}; // no longer
    CHECK(NtSetInformationObject(heir, OBJECT_INFORMATION_CLASS::ObjectHandleFlagInformation, &flags, sizeof(flags)) ==
          STATUS_SUCCESS);
    CHECK(RunChild(TRUE, heir, event) == REFUSED);
    return PROGRAM_PASSED;
}
