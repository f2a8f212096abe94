// Helpers of the exception tests: a log of the order in which things happened, and faults that the compiler cannot see.
//
// The cases (*.inc) are compiled twice: seh_optimized.cpp (-O2) and seh_unoptimized.cpp (-O0).
#pragma once

#include "guest_test.h"
#include "rtl/useraccess.h"

/// An address in user space where nothing is mapped.
static ULONG* const NowhereInUserSpace = reinterpret_cast<ULONG*>(0x00345678);

/// Letters in the order in which filters, handlers and blocks ran.
struct SEH_LOG {
    CHAR Text[64];
    ULONG Length;
};
static SEH_LOG Log;

static void StartLog() { Log = {}; }

static void Note(CHAR letter) {
    if (Log.Length < sizeof(Log.Text) - 1) Log.Text[Log.Length++] = letter;
}

/// A filter that notes that it was asked.
static int Answer(CHAR letter, int answer) {
    Note(letter);
    return answer;
}

/// One comparison of the whole log; a failure shows at which letter it went another way.
static bool LogIs(PCSTR expected, PCSTR file, ULONG line) {
    ULONG at = 0;
    while (expected[at] && expected[at] == Log.Text[at])
        at++;
    return GuestCheck(expected[at] == Log.Text[at], expected[at], Log.Text[at], expected, file, line);
}
#define EXPECT_LOG(expected) LogIs(expected, __FILE__, __LINE__)
#define EXPECT_CODE(expected, seen) GUEST_EQUAL(ULONG(expected), ULONG(seen))

/// A code of our own, with the customer bit, so that nothing in the kernel means anything by it.
constexpr NTSTATUS TEST_STATUS(ULONG number) { return static_cast<NTSTATUS>(static_cast<LONG>(0xE0000000 + number)); }

/// A software exception that a filter may continue.
__attribute__((noinline)) static void Raise(NTSTATUS code, ULONG_PTR information = 0,
                                            EXCEPTION_RECORD* cause = nullptr) {
    EXCEPTION_RECORD record{};
    record.ExceptionCode = code;
    record.ExceptionRecord = cause;
    record.NumberParameters = 1;
    record.ExceptionInformation[0] = information;
    RtlRaiseException(&record);
}

// Instructions that fault. In assembly, because the compiler must not know that they cannot return normally, and calls
// (not instructions) are what a __try protects.
extern "C" {
ULONG SehReadThrough(const ULONG* address); ///< reads through ECX: a filter may put a good address there
void SehWriteThrough(ULONG* address);
ULONG SehDivideBy(ULONG divisor);
void SehInvalidOpcode(); ///< `ud2`, two bytes
void SehBreakpoint();    ///< `int3`, one byte
void SehOverflow();      ///< `into` with the overflow flag set
void SehFaultWithDirectionFlag(const ULONG* address);
}
