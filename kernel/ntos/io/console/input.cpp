// What is typed: characters become lines, lines wait for readers.
//
// In line mode a line is edited until its end, and then becomes readable as a whole; a read gets one line at most. Without it each
// character is readable at once. Readers wait for an event that is signaled while there is something to read; the first that comes gets
// it, the others wait on.
// Locks: InputLock for all of it. IRQL: <= DISPATCH_LEVEL, but waiting. In the books: "console windows". SYS-05
#include "io/console/console.h"
#include "kd.h"
#include "ke/spinlock.h"
#include "rtl/lineedit.h"

namespace {

constexpr ULONG QUEUE_SIZE = 1024;     ///< a power of two
constexpr USHORT END_OF_INPUT = 0x100; ///< in the queue: no byte
constexpr CHAR CTRL_C = 0x03, CTRL_D = 0x04, CTRL_Z = 0x1A;
constexpr KPRIORITY ConsoleIncrement = 2; ///< boost of a reader: somebody looks at the screen

constinit KSPIN_LOCK InputLock = {};

/// All that was typed and not read.
struct INPUT {
    nt::LineEditor Editor;
    CHAR Echo[nt::LineEditor::ECHO_SIZE];
    USHORT Queue[QUEUE_SIZE];
    ULONG Head, Tail; ///< bytes ever read and typed; the queue has those between
    ULONG Mode;
};
INPUT Input GUARDED_BY(InputLock);
KEVENT Readable;   ///< signaled while the queue is not empty; changes under InputLock
KEVENT MonitorKey; ///< that key was typed

void Put(USHORT byte) REQUIRES_(InputLock) {
    if (Input.Tail - Input.Head == QUEUE_SIZE) return; // more than anybody reads: lost, as in a keyboard's buffer
    Input.Queue[Input.Tail++ % QUEUE_SIZE] = byte;
    (void)KeSetEvent(&Readable, ConsoleIncrement, FALSE);
}

void PutLine() REQUIRES_(InputLock) {
    for (PCSTR text = Input.Editor.Line(); *text; text++)
        Put(UCHAR(*text));
    Put('\r');
    Put('\n');
}

void Show(PCSTR text) REQUIRES_(InputLock) {
    if ((Input.Mode & ENABLE_ECHO_INPUT) != 0) KdPrintText(text);
}

/// Ctrl+C gives up the line and what was typed before it. The readers wait on.
void Abandon() REQUIRES_(InputLock) {
    if ((Input.Mode & ENABLE_LINE_INPUT) != 0) Show("^C\n");
    Input.Editor.Begin();
    Input.Head = Input.Tail;
    KeClearEvent(&Readable);
}

void Edit(CHAR character) REQUIRES_(InputLock) {
    if (Input.Editor.Length() == 0 && (character == CTRL_Z || character == CTRL_D)) {
        Show("^Z\n");
        Put(END_OF_INPUT);
        return;
    }
    if (character == CONSOLE_REPRINT_KEY) {
        Show("\n");
        Show(Input.Editor.Line());
        return;
    }
    const nt::LineEditor::Result result = Input.Editor.Feed(character, Input.Echo);
    Show(Input.Echo);
    if (result == nt::LineEditor::Result::More) return;
    if (result == nt::LineEditor::Result::Line) PutLine();
    Input.Editor.Begin();
}

/// Takes what one read gets. @returns how many bytes
ULONG Take(UCHAR* text, ULONG room, bool* endOfFile) {
    const nt::SpinLockGuard guard(InputLock);
    const bool lines = (Input.Mode & ENABLE_LINE_INPUT) != 0;
    ULONG bytes = 0;
    *endOfFile = false;
    while (bytes < room && Input.Head != Input.Tail && !*endOfFile) {
        const USHORT byte = Input.Queue[Input.Head % QUEUE_SIZE];
        if (byte == END_OF_INPUT && bytes != 0) break; // the next read gets it
        Input.Head++;
        *endOfFile = byte == END_OF_INPUT;
        if (!*endOfFile) text[bytes++] = UCHAR(byte);
        if (lines && byte == '\n') break;
    }
    if (Input.Head == Input.Tail) KeClearEvent(&Readable);
    return bytes;
}

} // namespace

void IopInitializeConsoleInput() {
    KeInitializeSpinLock(&InputLock, KLOCK_RANK::Io);
    KeInitializeEvent(&Readable, NotificationEvent, FALSE);
    KeInitializeEvent(&MonitorKey, SynchronizationEvent, FALSE);
    const nt::SpinLockGuard guard(InputLock);
    Input.Mode = ENABLE_PROCESSED_INPUT | ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT;
}

NTSTATUS IopReadConsole(FILE_OBJECT* file, KPROCESSOR_MODE mode, UCHAR* text, ULONG room, ULONG* bytes,
                        bool* endOfFile) {
    IopEnableConsoleInput();
    for (;;) {
        *bytes = Take(text, room, endOfFile);
        if (*bytes != 0 || *endOfFile) return STATUS_SUCCESS;
        const NTSTATUS waited = IoWaitForFile(file, &Readable, mode);
        if (waited != STATUS_SUCCESS) return waited;
    }
}

ULONG IopConsoleMode() {
    const nt::SpinLockGuard guard(InputLock);
    return Input.Mode;
}

namespace {

/// Ctrl+C was typed while it was a character, and nobody has read it.
bool HasControlC() REQUIRES_(InputLock) {
    for (ULONG at = Input.Head; at != Input.Tail; at++)
        if (Input.Queue[at % QUEUE_SIZE] == CTRL_C) return true;
    return false;
}

/// What was typed ahead as characters is edited as lines now.
void TypeAgain() REQUIRES_(InputLock) {
    for (ULONG left = Input.Tail - Input.Head; left != 0; left--) {
        const USHORT byte = Input.Queue[Input.Head++ % QUEUE_SIZE];
        byte == END_OF_INPUT ? Put(byte) : Edit(CHAR(byte));
    }
    if (Input.Head == Input.Tail) KeClearEvent(&Readable);
}

} // namespace

/// A line that was begun is readable as it is when line mode ends. A Ctrl+C that waits becomes an event with ENABLE_PROCESSED_INPUT.
NTSTATUS IopSetConsoleMode(ULONG mode) {
    bool control = false;
    const bool echoAlone = (mode & ENABLE_ECHO_INPUT) != 0 && (mode & ENABLE_LINE_INPUT) == 0;
    if ((mode & ~CONSOLE_MODE_FLAGS) != 0 || echoAlone) return STATUS_INVALID_PARAMETER;
    {
        const nt::SpinLockGuard guard(InputLock);
        if ((mode & ENABLE_LINE_INPUT) == 0) {
            for (PCSTR text = Input.Editor.Line(); *text; text++)
                Put(UCHAR(*text));
            Input.Editor.Begin();
        }
        const bool toLines = (mode & ENABLE_LINE_INPUT) != 0 && (Input.Mode & ENABLE_LINE_INPUT) == 0;
        Input.Mode = mode;
        control = (mode & ENABLE_PROCESSED_INPUT) != 0 && HasControlC();
        if (control) Abandon();
        if (toLines) TypeAgain();
    }
    if (control) IopSignalControlEvents();
    return STATUS_SUCCESS;
}

extern "C" {

void NTAPI IoTypeCharacter(CHAR Character) {
    if (Character == CONSOLE_MONITOR_KEY) {
        (void)KeSetEvent(&MonitorKey, ConsoleIncrement, FALSE);
        return;
    }
    bool control;
    {
        const nt::SpinLockGuard guard(InputLock);
        control = Character == CTRL_C && (Input.Mode & ENABLE_PROCESSED_INPUT) != 0;
        if (control)
            Abandon();
        else if ((Input.Mode & ENABLE_LINE_INPUT) != 0)
            Edit(Character);
        else
            Put(UCHAR(Character));
    }
    if (control) IopSignalControlEvents();
}

BOOLEAN NTAPI IoWaitForMonitorKey(PVOID Other) {
    IopEnableConsoleInput();
    PVOID objects[] = {&MonitorKey, Other};
    return KeWaitForMultipleObjects(2, objects, WAIT_TYPE::WaitAny, KWAIT_REASON::UserRequest, KernelMode, FALSE,
                                    nullptr, nullptr) == STATUS_WAIT_0;
}
}
