// The console: lines and characters that are typed, readers that wait for them, Ctrl+C, modes, hostile callers.
// SYS-05, IOM-03, DSP-11, TRP-06
#include "io/console.h"
#include "ex.h"
#include "io.h"
#include "io/consolectl.h"
#include "ob/sync.h"
#include "ps.h"
#include "rtl/string.h"
#include "usermode.h"

#include "guest_main.h"

namespace {

constexpr ULONG LINES = ENABLE_PROCESSED_INPUT | ENABLE_LINE_INPUT; // without echo: the tests' output stays readable

NTSTATUS Open(PCWSTR name, ULONG options, HANDLE* handle) {
    UNICODE_STRING text;
    RtlInitUnicodeString(&text, name);
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, &text, OBJ_CASE_INSENSITIVE, nullptr, nullptr);
    IO_STATUS_BLOCK block;
    return ZwOpenFile(handle, FILE_GENERIC_READ | FILE_GENERIC_WRITE, &attributes, &block, 0, options);
}

void Type(PCSTR text) {
    for (; *text; text++)
        IoTypeCharacter(*text);
}

/// The console, open as long as this lives.
struct CONSOLE {
    explicit CONSOLE(ULONG options = FILE_SYNCHRONOUS_IO_NONALERT) {
        GUEST_EQUAL(STATUS_SUCCESS, Open(u"\\Device\\Console", options, &Handle));
        GUEST_EQUAL(STATUS_SUCCESS, SetMode(LINES));
    }
    ~CONSOLE() { Close(); }
    CONSOLE(const CONSOLE&) = delete;
    CONSOLE& operator=(const CONSOLE&) = delete;
    void Close() {
        if (Handle) GUEST_EQUAL(STATUS_SUCCESS, ZwClose(Handle));
        Handle = nullptr;
    }
    NTSTATUS Control(ULONG code, PVOID in, ULONG inBytes, PVOID out, ULONG outBytes) {
        return ZwDeviceIoControlFile(Handle, nullptr, nullptr, nullptr, &Block, code, in, inBytes, out, outBytes);
    }
    NTSTATUS SetMode(ULONG mode) { return Control(IOCTL_CONSOLE_SET_MODE, &mode, sizeof(mode), nullptr, 0); }
    NTSTATUS SetEvent(HANDLE event) {
        return Control(IOCTL_CONSOLE_SET_CONTROL_EVENT, &event, sizeof(event), nullptr, 0);
    }
    NTSTATUS Read(ULONG room = sizeof(Text) - 1) {
        RtlZeroMemory(Text, sizeof(Text));
        return ZwReadFile(Handle, nullptr, nullptr, nullptr, &Block, Text, room, nullptr, nullptr);
    }
    /// Reads, and compares what came.
    void Expect(PCSTR text, ULONG room = sizeof(Text) - 1) {
        GUEST_EQUAL(STATUS_SUCCESS, Read(room));
        GUEST_EQUAL(strlen(text), Block.Information);
        GUEST_EQUAL(0, strcmp(text, Text));
    }
    NTSTATUS Write(PCSTR text, ULONG bytes) {
        return ZwWriteFile(Handle, nullptr, nullptr, nullptr, &Block, const_cast<PSTR>(text), bytes, nullptr, nullptr);
    }
    HANDLE Handle = nullptr;
    IO_STATUS_BLOCK Block = {};
    CHAR Text[300] = {};
};

bool IsSet(HANDLE event) {
    LARGE_INTEGER now = {};
    return ZwWaitForSingleObject(event, FALSE, &now) == STATUS_SUCCESS;
}

HANDLE MakeEvent() {
    HANDLE event = nullptr;
    GUEST_EQUAL(STATUS_SUCCESS, ZwCreateEvent(&event, EVENT_ALL_ACCESS, nullptr, SynchronizationEvent, FALSE));
    return event;
}

void Sleep(LONG milliseconds) {
    LARGE_INTEGER interval = KeRelativeMilliseconds(milliseconds);
    (void)KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

/// A thread that reads one line.
struct READER {
    HANDLE File;
    NTSTATUS Status;
    CHAR Text[16];
    PETHREAD Thread;
};

void NTAPI ReadOne(PVOID context) {
    auto* const reader = static_cast<READER*>(context);
    IO_STATUS_BLOCK block;
    reader->Status = ZwReadFile(reader->File, nullptr, nullptr, nullptr, &block, reader->Text, sizeof(reader->Text) - 1,
                                nullptr, nullptr);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

void Start(READER* reader, HANDLE file) {
    *reader = {.File = file, .Status = STATUS_UNSUCCESSFUL};
    GUEST_EQUAL(STATUS_SUCCESS, PsStartSystemThread(&reader->Thread, "Reader", 10, ReadOne, reader));
    while (reader->Thread->Tcb.State != KTHREAD_STATE::Waiting)
        Sleep(10);
}

void Join(READER* reader) {
    (void)KeWaitForSingleObject(&reader->Thread->Tcb, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
    PsDereferenceThread(reader->Thread);
}

} // namespace

GUEST_TEST(TheConsoleHasNames) {
    static constexpr PCWSTR names[] = {u"\\Device\\Console", u"\\??\\CON", u"\\??\\CONIN$", u"\\DosDevices\\conout$"};
    for (const PCWSTR name : names) {
        HANDLE handle;
        GUEST_EQUAL(STATUS_SUCCESS, Open(name, FILE_SYNCHRONOUS_IO_NONALERT | FILE_NON_DIRECTORY_FILE, &handle));
        IO_STATUS_BLOCK block;
        FILE_FS_DEVICE_INFORMATION device;
        GUEST_EQUAL(STATUS_SUCCESS, ZwQueryVolumeInformationFile(handle, &block, &device, sizeof(device),
                                                                 FS_INFORMATION_CLASS::FileFsDeviceInformation));
        GUEST_EQUAL(FILE_DEVICE_CONSOLE, device.DeviceType);
        GUEST_EQUAL(STATUS_SUCCESS, ZwFlushBuffersFile(handle, &block));
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(handle));
    }
    HANDLE handle;
    GUEST_EQUAL(STATUS_OBJECT_NAME_NOT_FOUND, Open(u"\\Device\\Console\\1", 0, &handle));
    GUEST_EQUAL(STATUS_NOT_A_DIRECTORY, Open(u"\\Device\\Console", FILE_DIRECTORY_FILE, &handle));
}

GUEST_TEST(AReadGetsOneLine) {
    CONSOLE console;
    Type("dirx\b\rsecond\nth");
    console.Expect("dir\r\n");
    console.Expect("sec", 3);
    console.Expect("ond\r\n");
    Type("ird\r");
    console.Expect("third\r\n");
    Type("\xC3\xA9\xE2\x82\xAC\x7F\r"); // UTF-8: a character goes whole
    console.Expect("\xC3\xA9\r\n");
    GUEST_EQUAL(STATUS_SUCCESS, console.Read(0));
    GUEST_EQUAL(0, console.Block.Information);
}

GUEST_TEST(InputEndsWhereItsEndIsTyped) {
    CONSOLE console;
    Type("a\r\x1A");
    console.Expect("a\r\n");
    GUEST_EQUAL(STATUS_END_OF_FILE, console.Read());
    Type("b\x04\r"); // within a line it means nothing
    console.Expect("b\r\n");
    Type("\x04");
    GUEST_EQUAL(STATUS_END_OF_FILE, console.Read());
}

GUEST_TEST(CharactersAreReadWithoutLines) {
    CONSOLE console;
    Type("typed\rbeg"); // a whole line, and the begin of one
    GUEST_EQUAL(STATUS_SUCCESS, console.SetMode(0));
    console.Expect("typed\r\nbeg");
    Type("\x1b[A\x03\t");
    console.Expect("\x1b[", 2);
    console.Expect("A\x03\t"); // not processed: Ctrl+C is a character
    GUEST_EQUAL(STATUS_SUCCESS, console.SetMode(LINES));
    Type("x\r");
    console.Expect("x\r\n");
    ULONG mode;
    GUEST_EQUAL(STATUS_SUCCESS, console.Control(IOCTL_CONSOLE_GET_MODE, nullptr, 0, &mode, sizeof(mode)));
    GUEST_TRUE(mode == LINES && console.Block.Information == sizeof(mode));
}

// What nobody reads is lost some day, and does no harm
GUEST_TEST(TooMuchTypingIsLost) {
    CONSOLE console;
    GUEST_EQUAL(STATUS_SUCCESS, console.SetMode(0));
    for (ULONG i = 0; i < 3000; i++)
        IoTypeCharacter(CHAR('a' + i % 26));
    ULONG bytes = 0;
    while (bytes < 1024) {
        GUEST_EQUAL(STATUS_SUCCESS, console.Read());
        if (!GUEST_TRUE(console.Block.Information != 0)) return;
        bytes += ULONG(console.Block.Information);
    }
    GUEST_EQUAL(1024, bytes);
    Type("!");
    console.Expect("!");
}

// DSP-11: readers wait without polling; each line goes to one of them
GUEST_TEST(SeveralReadersShareWhatIsTyped) {
    CONSOLE console, another;
    READER readers[3];
    Start(&readers[0], console.Handle);
    Start(&readers[1], console.Handle); // one file object: a stream's readers do not hold each other up
    Start(&readers[2], another.Handle);
    Type("a\r");
    GUEST_EQUAL(STATUS_SUCCESS, console.Write("", 0)); // nor do readers hold up who writes
    Type("b\rc\r");
    ULONG seen = 0;
    for (READER& reader : readers) {
        Join(&reader);
        GUEST_EQUAL(STATUS_SUCCESS, reader.Status);
        GUEST_EQUAL(0, strcmp(reader.Text + 1, "\r\n"));
        seen |= 1u << (reader.Text[0] - 'a');
    }
    GUEST_EQUAL(7, seen);
}

// INT-13: an alert ends the wait of a reader that has asked for it; the line is the next reader's
GUEST_TEST(AReaderIsAlerted) {
    CONSOLE console(FILE_SYNCHRONOUS_IO_ALERT);
    READER reader;
    Start(&reader, console.Handle);
    (void)KeAlertThread(&reader.Thread->Tcb, KernelMode);
    Join(&reader);
    GUEST_EQUAL(STATUS_ALERTED, reader.Status);
    Type("on\r");
    console.Expect("on\r\n");
}

GUEST_TEST(ControlCIsAnEvent) {
    CONSOLE console, another;
    const HANDLE event = MakeEvent(), second = MakeEvent();
    Type("old\rhalf\x03");
    GUEST_TRUE(!IsSet(event)); // nobody has asked
    Type("new\r");
    console.Expect("new\r\n"); // what was typed before is given up
    GUEST_EQUAL(STATUS_SUCCESS, console.SetEvent(event));
    GUEST_EQUAL(STATUS_SUCCESS, another.SetEvent(second));
    Type("\x03");
    GUEST_TRUE(IsSet(event) && IsSet(second));
    GUEST_EQUAL(STATUS_SUCCESS, console.SetEvent(nullptr));
    another.Close(); // takes its registration along
    Type("\x03");
    GUEST_TRUE(!IsSet(event) && !IsSet(second));
    READER reader; // waits on over a Ctrl+C
    Start(&reader, console.Handle);
    Type("x\x03y\r");
    Join(&reader);
    GUEST_EQUAL(0, strcmp(reader.Text, "y\r\n"));
    GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH, console.SetEvent(console.Handle));
    GUEST_EQUAL(STATUS_INVALID_HANDLE, console.SetEvent(reinterpret_cast<HANDLE>(ULONG_PTR(0x7770))));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(event));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(second));
}

// What a shell reads as characters and what its programs read as lines are typed at one keyboard.
GUEST_TEST(WhatWasTypedAheadFollowsTheMode) {
    CONSOLE console;
    const HANDLE event = MakeEvent();
    GUEST_EQUAL(STATUS_SUCCESS, console.SetMode(0));
    Type("ab\bc\rd");
    GUEST_EQUAL(STATUS_SUCCESS, console.SetMode(LINES));
    console.Expect("ac\r\n");
    Type("e\r");
    console.Expect("de\r\n");
    GUEST_EQUAL(STATUS_SUCCESS, console.SetEvent(event));
    GUEST_EQUAL(STATUS_SUCCESS, console.SetMode(0));
    Type("x\x03");
    GUEST_TRUE(!IsSet(event)); // a character
    GUEST_EQUAL(STATUS_SUCCESS, console.SetMode(LINES));
    GUEST_TRUE(IsSet(event)); // nobody has read it: it was meant for the program that begins
    Type("half\x12y\r");      // shown again, and edited on
    console.Expect("halfy\r\n");
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(event));
}

GUEST_TEST(AShellAsksWhoHandlesControlC) {
    CONSOLE console;
    const HANDLE event = MakeEvent();
    HANDLE own = reinterpret_cast<HANDLE>(ULONG_PTR(PsGetCurrentProcess()->UniqueProcessId)), nobody = nullptr;
    const auto handles = [&](HANDLE process) {
        ULONG answer = 7;
        GUEST_EQUAL(STATUS_SUCCESS,
                    console.Control(IOCTL_CONSOLE_HANDLES_CONTROL, &process, sizeof(process), &answer, sizeof(answer)));
        return answer;
    };
    GUEST_EQUAL(0, handles(own));
    GUEST_EQUAL(STATUS_SUCCESS, console.SetEvent(event));
    GUEST_EQUAL(1, handles(own));
    GUEST_EQUAL(0, handles(nobody));
    GUEST_EQUAL(STATUS_BUFFER_TOO_SMALL, console.Control(IOCTL_CONSOLE_HANDLES_CONTROL, &own, sizeof(own), nullptr, 0));
    GUEST_EQUAL(STATUS_SUCCESS, console.Control(IOCTL_CONSOLE_GENERATE_CONTROL, nullptr, 0, nullptr, 0));
    GUEST_TRUE(IsSet(event));
    GUEST_EQUAL(STATUS_SUCCESS, console.SetEvent(nullptr));
    GUEST_EQUAL(0, handles(own));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(event));
}

GUEST_TEST(TextIsWritten) {
    CONSOLE console;
    static constexpr CHAR text[] = "one\r\ntwo\n\0three\n";
    GUEST_EQUAL(STATUS_SUCCESS, console.Write(text, sizeof(text) - 1));
    GUEST_EQUAL(sizeof(text) - 1, console.Block.Information);
    static CHAR much[700];
    memset(much, 'x', sizeof(much));
    for (ULONG i = 63; i < sizeof(much); i += 64)
        much[i] = '\n';
    GUEST_EQUAL(STATUS_SUCCESS, console.Write(much, sizeof(much)));
    GUEST_EQUAL(sizeof(much), console.Block.Information);
    CONSOLE_SIZE size;
    GUEST_EQUAL(STATUS_SUCCESS, console.Control(IOCTL_CONSOLE_GET_SIZE, nullptr, 0, &size, sizeof(size)));
    GUEST_TRUE(size.Columns == 80 && size.Rows == 25);
}

GUEST_TEST(HostileRequestsGetAStatus) {
    CONSOLE console;
    ULONG mode = LINES;
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, console.SetMode(0x80));
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, console.SetMode(ENABLE_ECHO_INPUT));
    GUEST_EQUAL(STATUS_INVALID_DEVICE_REQUEST, console.Control(0x12345678, &mode, 4, &mode, 4));
    GUEST_EQUAL(STATUS_BUFFER_TOO_SMALL, console.Control(IOCTL_CONSOLE_SET_MODE, &mode, 3, nullptr, 0));
    GUEST_EQUAL(STATUS_BUFFER_TOO_SMALL, console.Control(IOCTL_CONSOLE_GET_MODE, nullptr, 0, &mode, 0));
    static IO_STATUS_BLOCK block;
    // Kernel addresses in user mode's name: the status block first, as it is probed first
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, AsUserMode([&] {
                    return NtWriteFile(console.Handle, nullptr, nullptr, nullptr, &block, &mode, 4, nullptr, nullptr);
                }));
    GUEST_EQUAL(STATUS_ACCESS_VIOLATION, AsUserMode([&] {
                    return NtDeviceIoControlFile(console.Handle, nullptr, nullptr, nullptr, &block,
                                                 IOCTL_CONSOLE_SET_MODE, &mode, 4, nullptr, 0);
                }));
    PVOID object;
    GUEST_EQUAL(STATUS_SUCCESS,
                ObReferenceObjectByHandle(console.Handle, 0, IoFileObjectType, KernelMode, &object, nullptr));
    MM_BACKING* backing;
    GUEST_EQUAL(STATUS_INVALID_FILE_FOR_SECTION, IoGetFileBacking(object, &backing));
    (void)ObfDereferenceObject(object);
}
