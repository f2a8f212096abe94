// The run-time library as the compiler uses it on the real machine, and the debugger's face to tools and people.
#include "etw.h"
#include "guest_main.h"
#include "ldr.h"
#include "mm/layout.h"
#include "rtl/crt.h"

namespace {

// Volatile, so that the compiler cannot compute the results itself.
volatile LONGLONG SignedNumbers[] = {0,         1,        -1, 7, -7, 0x7FFFFFFF, 0x123456789ABCDEF, -0x123456789ABCDEF,
                                     INT64_MAX, INT64_MIN};

UCHAR Bytes[64];

void FillBytes() {
    for (ULONG i = 0; i < sizeof(Bytes); i++)
        Bytes[i] = static_cast<UCHAR>(i);
}

volatile ULONG Constructed; // volatile: or the compiler runs the constructor itself
struct CONSTRUCTED {
    CONSTRUCTED() { Constructed = Constructed + 1; }
};
CONSTRUCTED StaticObject; // NOLINT: the constructor table is what is tested

/// Looks a field up by name, as a tool does.
const KD_FIELD* FindField(PCSTR name) {
    for (const KD_FIELD* field = KdDebuggerDataBlock.Fields; field->Name; field++) {
        if (strcmp(field->Name, name) == 0) return field;
    }
    return nullptr;
}

CHAR Output[8192];

/// Runs a monitor command. @returns whether its output contains `text`.
bool Prints(PCSTR command, PCSTR text) {
    const ULONG length = KdExecuteCommand(command, Output, sizeof(Output));
    const SIZE_T wanted = strlen(text);
    for (ULONG at = 0; at + wanted <= length; at++) {
        if (strncmp(Output + at, text, wanted) == 0) return true;
    }
    return false;
}

} // namespace

// EXE-01: quotient * divisor + remainder is the dividend, and the remainder is smaller and has the dividend's sign.
GUEST_TEST(CompilerDividesSixtyFourBitNumbers) {
    for (const LONGLONG a : SignedNumbers) {
        for (const LONGLONG b : SignedNumbers) {
            if (b == 0) continue;
            const auto ua = static_cast<ULONGLONG>(a);
            const auto ub = static_cast<ULONGLONG>(b);
            GUEST_TRUE(ua / ub * ub + ua % ub == ua && ua % ub < ub);
            if (a == INT64_MIN && b == -1) continue;
            const LONGLONG remainder = a % b;
            GUEST_TRUE(a / b * b + remainder == a);
            GUEST_TRUE(remainder == 0 || (remainder < 0) == (a < 0));
        }
    }
    GUEST_TRUE(SignedNumbers[6] / 1000 == 81985529216486LL);
    GUEST_TRUE(SignedNumbers[7] % 1000 == -895);
}

// EXE-01
GUEST_TEST(MemoryRoutinesMoveEveryLength) {
    for (ULONG length = 0; length < 24; length++) {
        FillBytes();
        GUEST_TRUE(memmove(Bytes + 11, Bytes + 8, length) == Bytes + 11); // overlaps upwards
        for (ULONG i = 0; i < length; i++)
            GUEST_EQUAL(8 + i, Bytes[11 + i]);
        GUEST_EQUAL(11 + length, Bytes[11 + length]);
        FillBytes();
        GUEST_TRUE(memmove(Bytes + 8, Bytes + 11, length) == Bytes + 8); // downwards
        for (ULONG i = 0; i < length; i++)
            GUEST_EQUAL(11 + i, Bytes[8 + i]);
        GUEST_EQUAL(8 + length, Bytes[8 + length]);
        FillBytes();
        // NOLINTNEXTLINE(bugprone-suspicious-memset-usage): only the low byte of the value counts
        GUEST_TRUE(memset(Bytes + 5, 0x1EE, length) == Bytes + 5);
        GUEST_EQUAL(4, Bytes[4]);
        for (ULONG i = 0; i < length; i++)
            GUEST_EQUAL(0xEE, Bytes[5 + i]);
        GUEST_EQUAL(5 + length, Bytes[5 + length]);
    }
}

// EXE-01
GUEST_TEST(StringsCompareAsUnsignedCharacters) {
    GUEST_TRUE(strcmp("abc", "abc") == 0 && strcmp("abc", "abd") < 0 && strcmp("abc", "ab") > 0);
    GUEST_TRUE(strcmp("\x80", "\x7f") > 0 && memcmp("\x80", "\x7f", 1) > 0);
    GUEST_TRUE(strncmp("abX", "abY", 2) == 0 && strncmp("a", "b", 0) == 0);
    GUEST_EQUAL(5, strlen("mica!"));
}

// EXE-01
GUEST_TEST(StaticConstructorsRunWhenAsked) {
    Constructed = 0;
    CrtRunConstructors();
    GUEST_EQUAL(1, Constructed);
}

// TOL-06, TOL-07
GUEST_TEST(DataBlockDescribesTheKernel) {
    GUEST_EQUAL(KD_OWNER_TAG, KdDebuggerDataBlock.OwnerTag);
    GUEST_EQUAL(sizeof(KDDEBUGGER_DATA), KdDebuggerDataBlock.Size);
    GUEST_TRUE(KdDebuggerDataBlock.PsLoadedModuleList == &PsLoadedModuleList);
    GUEST_TRUE(KdDebuggerDataBlock.EtwRing == &EtwRing);
    GUEST_TRUE(KdDebuggerDataBlock.MmNonPagedPoolStart == &MmNonPagedPoolStart);
    GUEST_TRUE(KdDebuggerDataBlock.MmSystemPteEnd == &MmSystemPteEnd);
    const KD_FIELD* const state = FindField("KTHREAD.State");
    GUEST_TRUE(state && state->Offset == offsetof(KTHREAD, State) && state->Size == 1);
    const KD_FIELD* const size = FindField("sizeof KTHREAD");
    GUEST_TRUE(size && size->Offset == 0 && size->Size == sizeof(KTHREAD));
    const KD_FIELD* const value = FindField("enum KTHREAD_STATE.Waiting");
    GUEST_TRUE(value && value->Offset == ULONG(KTHREAD_STATE::Waiting));
    GUEST_TRUE(FindField("KTHREAD.Nothing") == nullptr);
}

// EXE-03
GUEST_TEST(EventsAreRecordedInOrder) {
    const ULONG first = EtwRing[0].Next;
    EtwTraceEvent(ETW_EVENT::Mark, 1, 2, 3, 4);
    EtwTraceEvent(ETW_EVENT::Mark, 5, 6, 7, 8);
    ULONG expected = 1;
    ULONGLONG time = 0;
    for (ULONG i = first; i != EtwRing[0].Next; i++) { // an interrupt's events may lie between them
        const ETW_RECORD& record = EtwRing[0].Records[i % EtwRing[0].Size];
        GUEST_TRUE(record.Time >= time);
        time = record.Time;
        if (record.Event != ETW_EVENT::Mark) continue;
        GUEST_EQUAL(expected, record.Argument[0]);
        GUEST_EQUAL(PASSIVE_LEVEL, KIRQL{record.Irql});
        expected += 4;
    }
    GUEST_EQUAL(9, expected);
}

// TOL-06
GUEST_TEST(MonitorCommandsLookAtTheRunningKernel) {
    GUEST_TRUE(Prints("help", "threads"));
    GUEST_TRUE(Prints("threads", "Idle"));
    GUEST_TRUE(Prints("threads", "Phase1"));
    GUEST_TRUE(Prints("ready", "processor 0: current Phase1"));
    GUEST_TRUE(Prints("irql", "processor 0: IRQL 0"));
    GUEST_TRUE(Prints("waits", "waiting"));
    GUEST_TRUE(Prints("timers", "timers"));
    GUEST_TRUE(Prints("modules", "ntoskrnl.exe"));
    GUEST_TRUE(Prints("uptime", "up 0 days 00:00:"));
    GUEST_TRUE(Prints("nonsense", "help"));
    EtwTraceEvent(ETW_EVENT::Mark, 0xABCD1234, 0, 0, 0);
    GUEST_TRUE(Prints("ring 64", "abcd1234"));
    GUEST_EQUAL(PASSIVE_LEVEL, KeGetCurrentIrql());
}

// TOL-06, TRP-09: the trace leads from the monitor through this driver to where the thread began.
GUEST_TEST(StackCommandCrossesImages) {
    GUEST_TRUE(Prints("stack", "  #0 ntoskrnl.exe+0x"));
    GUEST_TRUE(Prints("stack", " rtl.sys+0x"));
}

// TOL-06: the timer on this stack is in the table while it runs.
GUEST_TEST(TimersCommandShowsATimer) {
    KTIMER timer;
    KeInitializeTimerEx(&timer, SynchronizationTimer);
    LARGE_INTEGER due = KeRelativeMilliseconds(600'000);
    (void)KeSetTimerEx(&timer, due, 250, nullptr);
    GUEST_TRUE(Prints("timers", "every 250 ms"));
    GUEST_TRUE(KeCancelTimer(&timer));
    GUEST_TRUE(!Prints("timers", "every 250 ms"));
}

// TRP-09: a contract that is broken on purpose.
GUEST_TEST_BUGCHECK(AssertionStopsTheSystem, MICA_ASSERTION_FAILED) { RtlAssert("pigs fly", __FILE__, __LINE__); }

// TRP-09, TOL-06
GUEST_TEST_BUGCHECK(BugcheckCommandStopsTheSystem, MANUALLY_INITIATED_CRASH) {
    (void)KdExecuteCommand("bugcheck", Output, sizeof(Output));
}

namespace {

/// Calls a helper that shifts edx:eax by cl.
#define SHIFTED(helper, value, count)                                             \
    [](ULONGLONG number, ULONG by) {                                              \
        __asm__ __volatile__("call " helper : "+A"(number) : "c"(by) : "memory"); \
        return number;                                                            \
    }(value, count)

struct DIVIDED {
    ULONGLONG Quotient;
    ULONGLONG Remainder;
};

/// Calls a helper that leaves the quotient in edx:eax and the remainder in ebx:ecx.
#define DIVIDED_BY(helper, dividend, divisor)                                                         \
    [](ULONGLONG up, ULONGLONG down) {                                                                \
        ULONGLONG quotient;                                                                           \
        ULONG low, high;                                                                              \
        __asm__ __volatile__("pushl 4(%4)\n\tpushl (%4)\n\tpushl 4(%3)\n\tpushl (%3)\n\tcall " helper \
                             : "=A"(quotient), "=c"(low), "=b"(high)                                  \
                             : "S"(&up), "D"(&down)                                                   \
                             : "memory");                                                             \
        return DIVIDED{quotient, ULONGLONG(high) << 32 | low};                                        \
    }(dividend, divisor)

} // namespace

// EXE-01
GUEST_TEST(HelpersShiftByAnyCount) {
    constexpr ULONGLONG numbers[] = {0x8123'4567'89AB'CDEF, 0x0000'0001'8000'0000, 1};
    for (const ULONGLONG number : numbers) {
        for (ULONG by = 0; by < 64; by++) {
            GUEST_EQUAL(number << by, SHIFTED("__allshl", number, by));
            GUEST_EQUAL(number >> by, SHIFTED("__aullshr", number, by));
            GUEST_EQUAL(ULONGLONG(LONGLONG(number) >> by), SHIFTED("__allshr", number, by));
        }
        GUEST_EQUAL(0ull, SHIFTED("__allshl", number, 64));
        GUEST_EQUAL(0ull, SHIFTED("__aullshr", number, 200));
        GUEST_EQUAL(LONGLONG(number) < 0 ? ~0ull : 0, SHIFTED("__allshr", number, 64));
    }
}

// EXE-01
GUEST_TEST(HelpersDivideWithRemainder) {
    constexpr LONGLONG numbers[] = {
        1, -1, 7, -7, 10'000'000, 0x1'0000'0001, -0x7FFF'FFFF'FFFF'FFFF, 0x7FFF'FFFF'0000'0003};
    for (const LONGLONG up : numbers) {
        for (const LONGLONG down : numbers) {
            const DIVIDED is = DIVIDED_BY("__alldvrm", ULONGLONG(up), ULONGLONG(down));
            GUEST_EQUAL(up / down, LONGLONG(is.Quotient));
            GUEST_EQUAL(up % down, LONGLONG(is.Remainder));
            const DIVIDED plain = DIVIDED_BY("__aulldvrm", ULONGLONG(up), ULONGLONG(down));
            GUEST_EQUAL(ULONGLONG(up) / ULONGLONG(down), plain.Quotient);
            GUEST_EQUAL(ULONGLONG(up) % ULONGLONG(down), plain.Remainder);
        }
    }
}

// EXE-01
GUEST_TEST(ProbeMakesRoomOnTheStack) {
    constexpr ULONG rooms[] = {0, 4, 40, 4096, 5000};
    for (const ULONG bytes : rooms) {
        ULONG before, after, kept = 0x1234'5678, room = bytes;
        __asm__ __volatile__("movl %%esp, %%esi\n\tcall __alloca_probe\n\tmovl %%esp, %%edi\n\tmovl %%esi, %%esp"
                             : "=S"(before), "=D"(after), "+c"(kept), "+a"(room)
                             :
                             : "memory");
        GUEST_EQUAL(before - after, bytes);
        GUEST_EQUAL(0x1234'5678u, kept);
    }
}
