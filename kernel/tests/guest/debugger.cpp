// mdb, a debugger in user mode, with scripts: breakpoints by name, registers, memory, steps, exceptions.
// machine: file=ntdll.dll file=mdb.exe file=hello.exe file=crash.exe
// EXC-04, EXC-05, TOL-06, TOL-07
#include "ob/sync.h"
#include "ps.h"
#include "ps/services.h"

#include "guest_main.h"

namespace {

/// Runs mdb with a command line. @returns the exit status, which is that of its program
NTSTATUS Run(PCWSTR commandLine) {
    UNICODE_STRING name, line;
    HANDLE handle = nullptr;
    RtlInitUnicodeString(&name, u"mdb.exe");
    RtlInitUnicodeString(&line, commandLine);
    GUEST_EQUAL(STATUS_SUCCESS, PsCreateInitialUserProcess(&name, &line, &handle));
    nt::ObjectRef<EPROCESS> process;
    GUEST_EQUAL(STATUS_SUCCESS, process.Open(handle, 0, PsProcessType, KernelMode));
    GUEST_EQUAL(STATUS_SUCCESS, ZwWaitForSingleObject(handle, FALSE, nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, ZwClose(handle));
    return process->ExitStatus;
}

} // namespace

GUEST_TEST(AProgramRunsUnderADebugger) {
    GUEST_EQUAL(static_cast<NTSTATUS>(KeNumberProcessors), Run(u"mdb -c \"g\" hello"));
    GUEST_EQUAL(STATUS_OBJECT_NAME_NOT_FOUND, Run(u"mdb -c \"g\" nothing"));
    GUEST_EQUAL(STATUS_CONTROL_C_EXIT, Run(u"mdb -c \"lm; k; r; q\" hello"));
}

// TOL-07: a breakpoint by the name of an export; its argument is changed
GUEST_TEST(ABreakpointByNameStopsAProgram) {
    GUEST_EQUAL(0x77, Run(u"mdb -c \"bp ntdll!RtlExitUserProcess; g; e esp+4 77; d esp; k; g\" hello"));
    GUEST_EQUAL(0x78, Run(u"mdb -c \"bp ntdll!RtlExitUserProcess; g; bc 0; e esp+4 78; g\" hello"));
}

// A step executes one instruction: that which puts the service's number into eax.
GUEST_TEST(AStepExecutesOneInstruction) {
    constexpr ULONG mostServices = 0x200;
    const NTSTATUS stepped = Run(u"mdb -c \"bp ntdll!NtTerminateProcess; g; g; r eax 12345; t; e esp+8 eax; g\" hello");
    GUEST_TRUE(ULONG(stepped) < mostServices);
    GUEST_EQUAL(0x12345, Run(u"mdb -c \"bp ntdll!NtTerminateProcess; g; g; r eax 12345; e esp+8 eax; t; g\" hello"));
}

GUEST_TEST(ADebuggerSeesExceptions) {
    GUEST_EQUAL(STATUS_ILLEGAL_INSTRUCTION, Run(u"mdb -c \"g; g; g\" crash opcode"));
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, Run(u"mdb -c \"g; r eip eip+2; gh\" crash opcode")); // past ud2: it returns
    GUEST_EQUAL(STATUS_INVALID_PARAMETER, Run(u"mdb -c \"g; t; g\" crash breakpoint"));
}
