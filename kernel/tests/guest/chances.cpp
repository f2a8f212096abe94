// The order in which a kernel-mode exception is offered: debugger, handlers of the frames, debugger again, bugcheck.
//
// A routine of the test stands in for the debugger. Letters: d the debugger's first chance, D its second, f a frame's
// filter, h its handler. EXC-02
#include "i386/trap.h"

#include "guest_main.h"

namespace {

constexpr NTSTATUS TEST_STATUS = static_cast<NTSTATUS>(0xE0001234);

char Log[16];
ULONG Length;
NTSTATUS CodeSeen;
BOOLEAN HandleFirst;  ///< what the debugger says at the first chance
BOOLEAN HandleSecond; ///< and at the second
ULONG SkipBytes;      ///< how far it moves Eip when it handles
PKDEBUG_ROUTINE OldRoutine;

void Note(char letter) {
    if (Length < sizeof(Log) - 1) Log[Length++] = letter;
}

bool Logged(const char* expected) {
    ULONG i = 0;
    for (; expected[i]; i++)
        if (Log[i] != expected[i]) return false;
    return i == Length;
}

BOOLEAN NTAPI Debugger(KTRAP_FRAME*, EXCEPTION_RECORD* record, CONTEXT* context, BOOLEAN secondChance) {
    Note(secondChance ? 'D' : 'd');
    CodeSeen = record->ExceptionCode;
    const BOOLEAN handles = secondChance ? HandleSecond : HandleFirst;
    if (handles) context->Eip += SkipBytes;
    return handles;
}

void StartDebugging(BOOLEAN handleFirst, BOOLEAN handleSecond, ULONG skipBytes) {
    Length = 0;
    for (char& letter : Log)
        letter = 0;
    HandleFirst = handleFirst;
    HandleSecond = handleSecond;
    SkipBytes = skipBytes;
    OldRoutine = KiDebugRoutine;
    KiDebugRoutine = Debugger;
}

int Filter(int answer) {
    Note('f');
    return answer;
}

constexpr ULONG INVALID_LENGTH = 2; ///< bytes of ud2

__attribute__((noinline)) void InvalidInstruction() { __asm__ __volatile__("ud2"); }

/// An exception by hardware, or by software, inside a frame whose filter gives `answer`.
void Provoke(bool hardware, int answer) {
    __try {
        if (hardware) {
            InvalidInstruction();
        } else {
            EXCEPTION_RECORD record{}; // one that may be continued
            record.ExceptionCode = TEST_STATUS;
            RtlRaiseException(&record);
        }
        Note('b'); // behind it
    } __except (Filter(answer)) {
        Note('h');
    }
}

NTSTATUS CodeOf(bool hardware) { return hardware ? STATUS_ILLEGAL_INSTRUCTION : TEST_STATUS; }

} // namespace

// EXC-02, EXC-03
GUEST_TEST(DebuggerIsAskedBeforeTheFrames) {
    for (int hardware = 0; hardware < 2; hardware++) {
        StartDebugging(FALSE, FALSE, 0);
        Provoke(hardware != 0, EXCEPTION_EXECUTE_HANDLER);
        KiDebugRoutine = OldRoutine;
        GUEST_TRUE(Logged("dfh")); // handled: no second chance
        GUEST_EQUAL(CodeOf(hardware != 0), CodeSeen);
    }
}

// EXC-02
GUEST_TEST(DebuggerMayHandleItAtTheFirstChance) {
    StartDebugging(TRUE, FALSE, INVALID_LENGTH);
    Provoke(true, EXCEPTION_EXECUTE_HANDLER);
    KiDebugRoutine = OldRoutine;
    GUEST_TRUE(Logged("db")); // no frame was asked
    StartDebugging(TRUE, FALSE, 0);
    Provoke(false, EXCEPTION_EXECUTE_HANDLER);
    KiDebugRoutine = OldRoutine;
    GUEST_TRUE(Logged("db"));
}

// EXC-02
GUEST_TEST(SecondChanceComesWhenNoFrameHandlesIt) {
    for (int hardware = 0; hardware < 2; hardware++) {
        StartDebugging(FALSE, TRUE, hardware ? INVALID_LENGTH : 0);
        Provoke(hardware != 0, EXCEPTION_CONTINUE_SEARCH);
        KiDebugRoutine = OldRoutine;
        GUEST_TRUE(Logged("dfDb")); // the debugger let it go on
    }
}

// EXC-02
GUEST_TEST(FrameThatGoesOnLeavesNoSecondChance) {
    StartDebugging(FALSE, FALSE, 0);
    Provoke(false, EXCEPTION_CONTINUE_EXECUTION);
    KiDebugRoutine = OldRoutine;
    GUEST_TRUE(Logged("dfb"));
}

// EXC-02
GUEST_TEST(OrderIsTheSameAtDispatchLevel) {
    StartDebugging(FALSE, FALSE, 0);
    {
        nt::DispatchLevelGuard guard;
        Provoke(true, EXCEPTION_EXECUTE_HANDLER);
        GUEST_EQUAL(DISPATCH_LEVEL, KeGetCurrentIrql());
    }
    KiDebugRoutine = OldRoutine;
    GUEST_TRUE(Logged("dfh"));
}

// EXC-02, TRP-09: the end of the line. The second chance is the last that is asked; before it a wrong order would stop
// the machine with another code.
static BOOLEAN NTAPI LastWord(KTRAP_FRAME* frame, EXCEPTION_RECORD* record, CONTEXT* context, BOOLEAN secondChance) {
    (void)Debugger(frame, record, context, secondChance);
    if (secondChance && !Logged("dfD")) KeBugCheck(MANUALLY_INITIATED_CRASH);
    return FALSE;
}

GUEST_TEST_BUGCHECK(UnhandledByAllIsABugcheck, KMODE_EXCEPTION_NOT_HANDLED) {
    StartDebugging(FALSE, FALSE, 0);
    KiDebugRoutine = LastWord;
    Provoke(false, EXCEPTION_CONTINUE_SEARCH);
}

// EXC-02, TRP-09
GUEST_TEST_BUGCHECK(UnhandledFaultIsABugcheckAfterTheSecondChance, KERNEL_MODE_EXCEPTION_NOT_HANDLED) {
    StartDebugging(FALSE, FALSE, 0);
    KiDebugRoutine = LastWord;
    Provoke(true, EXCEPTION_CONTINUE_SEARCH);
}
