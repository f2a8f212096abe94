// The parts of the kernel that the dispatcher calls and that end differently on the host: bugcheck, assertion, raised
// status, event ring.
#include "deadlock.h"
#include "debugoutput.h"
#include "kd.h"
#include "ke/ki/lockrecords.h"
#include "machine.h"
#include "rtl/exception.h"

#include <cstdio>

extern "C" {
KPRCB* KiProcessorBlock[MAXIMUM_PROCESSORS];
CHAR KeNumberProcessors;
KAFFINITY KeActiveProcessors;
}

void NTAPI KeBugCheckEx(ULONG BugCheckCode, ULONG_PTR Parameter1, ULONG_PTR Parameter2, ULONG_PTR Parameter3,
                        ULONG_PTR Parameter4) {
    if (host::Machine* const machine = host::Machine::Current())
        machine->Stop({BugCheckCode, {Parameter1, Parameter2, Parameter3, Parameter4}, {}});
    throw host::BrokenAssertion{"bugcheck"};
}

void NTAPI KeBugCheck(ULONG BugCheckCode) { KeBugCheckEx(BugCheckCode, 0, 0, 0, 0); }

void NTAPI RtlAssert(PCSTR Expression, PCSTR File, ULONG Line, PCSTR) {
    char text[512];
    std::snprintf(text, sizeof(text), "%s:%u: %s", File, Line, Expression);
    if (host::Machine* const machine = host::Machine::Current()) machine->Stop({MICA_ASSERTION_FAILED, {}, text});
    throw host::BrokenAssertion{text};
}

std::string host::DebugOutput;

extern "C" ULONG CDECL DbgPrint(PCSTR Format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, Format);
    std::vsnprintf(text, sizeof(text), Format, arguments);
    va_end(arguments);
    host::DebugOutput += text;
    return 0;
}

void NTAPI RtlRaiseStatus(NTSTATUS Status) { throw host::RaisedStatus{Status}; }

void NTAPI EtwTraceEvent(ETW_EVENT Event, ULONG_PTR Argument0, ULONG_PTR Argument1, ULONG_PTR Argument2,
                         ULONG_PTR Argument3) {
    host::Machine* const machine = host::Machine::Current();
    if (machine) machine->Record({Event, KeGetCurrentProcessorNumber(), {Argument0, Argument1, Argument2, Argument3}});
}

namespace host {
std::vector<KLOCK_WAIT> Deadlock;
}

extern "C" void NTAPI KdPrintDeadlock(const KLOCK_WAIT* Waits, ULONG Count) {
    host::Deadlock.assign(Waits, Waits + Count);
}

void KiCaptureStack(ULONG_PTR (&Stack)[LOCK_STACK_FRAMES]) { Stack[0] = 0; } // a fiber's frames say nothing
