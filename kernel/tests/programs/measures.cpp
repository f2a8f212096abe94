// What a program's calls cost (`make bench`): `measures WHAT COUNT` does one operation COUNT times. The driver that starts it is
// kernel/tests/guest/bench/programs.cpp; it counts the instructions of the machine.
#include "check.h"
#include "numbers.h"
#include "user/start.h"

namespace {

/// What is measured; Return and Pong are the second process.
enum class MEASURE : ULONG { PingPong, Process, Thread, Event, Duplicate, Raise, Fault, Return, Pong };

/// The image has the size that a small program has: 40 KB.
constexpr ULONG IMAGE_BYTES = 36 * 1024;
const volatile UCHAR Padding[IMAGE_BYTES] = {1};

constexpr PCWSTR PING = u"\\BaseNamedObjects\\MeasurePing", PONG = u"\\BaseNamedObjects\\MeasurePong";

HANDLE Event(PCWSTR text) {
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    HANDLE event;
    RtlInitUnicodeString(&name, text);
    InitializeObjectAttributes(&attributes, &name, OBJ_OPENIF, nullptr, nullptr);
    CHECK(NT_SUCCESS(NtCreateEvent(&event, EVENT_ALL_ACCESS, &attributes, EVENT_TYPE::SynchronizationEvent, FALSE)));
    return event;
}

/// Starts this program once more. @param digit MEASURE. @returns its process
HANDLE Start(WCHAR digit, ULONG count) {
    WCHAR text[] = u"measures 0 0000000";
    constexpr ULONG kindAt = 9, lastDigit = 17;
    text[kindAt] = digit;
    WriteNumber(&text[lastDigit], count);
    RTL_USER_PROCESS_INFORMATION child{};
    UNICODE_STRING image, line;
    RtlInitUnicodeString(&image, u"\\Boot\\measures.exe");
    RtlInitUnicodeString(&line, text);
    CHECK(NT_SUCCESS(nt::CreateProgram(&image, &line, &child, {.Inherits = FALSE})));
    CHECK(NT_SUCCESS(NtResumeThread(child.Thread, nullptr)));
    CHECK(NT_SUCCESS(NtClose(child.Thread)));
    return child.Process;
}

void Finish(HANDLE process) {
    CHECK(NtWaitForSingleObject(process, FALSE, nullptr) == STATUS_SUCCESS);
    CHECK(NtClose(process) == STATUS_SUCCESS);
}

void PlayPong(ULONG count) {
    const HANDLE ping = Event(PING), pong = Event(PONG);
    for (ULONG i = 0; i < count; i++)
        CHECK(NtSignalAndWaitForSingleObject(pong, ping, FALSE, nullptr) == STATUS_SUCCESS);
    CHECK(NtSetEvent(pong, nullptr) == STATUS_SUCCESS);
}

void PlayPing(ULONG count) {
    const HANDLE ping = Event(PING), pong = Event(PONG);
    const HANDLE other = Start(u'0' + WCHAR(MEASURE::Pong), count);
    CHECK(NtWaitForSingleObject(pong, FALSE, nullptr) == STATUS_SUCCESS);
    for (ULONG i = 0; i < count; i++)
        CHECK(NtSignalAndWaitForSingleObject(ping, pong, FALSE, nullptr) == STATUS_SUCCESS);
    Finish(other);
}

NTSTATUS NTAPI Nothing(PVOID) { return STATUS_SUCCESS; }

void OneThread() {
    HANDLE thread;
    CHECK(RtlCreateUserThread(NtCurrentProcess(), nullptr, FALSE, 0, 0, 0, Nothing, nullptr, &thread, nullptr) ==
          STATUS_SUCCESS);
    Finish(thread);
}

void OneEvent() {
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    HANDLE event;
    RtlInitUnicodeString(&name, PING);
    InitializeObjectAttributes(&attributes, &name, 0, nullptr, nullptr);
    CHECK(NtOpenEvent(&event, EVENT_ALL_ACCESS, &attributes) == STATUS_SUCCESS);
    CHECK(NtClose(event) == STATUS_SUCCESS);
}

void OneDuplicate(HANDLE event) {
    HANDLE other;
    CHECK(NtDuplicateObject(NtCurrentProcess(), event, NtCurrentProcess(), &other, 0, 0, DUPLICATE_SAME_ACCESS) ==
          STATUS_SUCCESS);
    CHECK(NtClose(other) == STATUS_SUCCESS);
}

__attribute__((noinline)) void Raise() { RtlRaiseStatus(STATUS_RETRY); }
__attribute__((noinline)) void Write(volatile ULONG* address) { *address = 1; }

void OneException(bool fault) {
    bool handled = false;
    __try {
        if (fault)
            Write(reinterpret_cast<ULONG*>(0x14));
        else
            Raise();
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        handled = true;
    }
    CHECK(handled);
}

void Measure(MEASURE what, ULONG count) {
    if (what == MEASURE::PingPong) return PlayPing(count);
    if (what == MEASURE::Pong) return PlayPong(count);
    const HANDLE event = Event(PING);
    for (ULONG i = 0; i < count; i++) {
        switch (what) {
        case MEASURE::Process: Finish(Start(u'0' + WCHAR(MEASURE::Return), 0)); break;
        case MEASURE::Thread: OneThread(); break;
        case MEASURE::Event: OneEvent(); break;
        case MEASURE::Duplicate: OneDuplicate(event); break;
        case MEASURE::Raise: OneException(false); break;
        default: OneException(true); break;
        }
    }
}

} // namespace

extern "C" NTSTATUS NTAPI NtProcessStartup(PEB* peb) {
    PCWSTR text = peb->ProcessParameters->CommandLine.Buffer;
    const auto what = MEASURE(NextNumber(&text));
    if (what != MEASURE::Return) Measure(what, NextNumber(&text));
    return Padding[0] == 1 ? PROGRAM_PASSED : STATUS_UNSUCCESSFUL;
}
