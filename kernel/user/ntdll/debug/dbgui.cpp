// The debugger's side of debugging, in its thread. Contract: user/debug.h.
//
// In the books: "user-mode debugging framework". EXC-04
#include "ntdllp.h"

namespace {

constexpr ULONG DEBUG_OBJECT_SLOT = 1; ///< of TEB::DbgSsReserved (documented)

/// A process without a debugger would end at the breakpoint: it may have been let go before its new thread gets there.
void BreakIfDebugged() {
    if (NtCurrentPeb()->BeingDebugged) DbgBreakPoint();
}

} // namespace

extern "C" {

HANDLE NTAPI DbgUiGetThreadDebugObject() { return NtCurrentTeb()->DbgSsReserved[DEBUG_OBJECT_SLOT]; }

void NTAPI DbgUiSetThreadDebugObject(HANDLE DebugObject) {
    NtCurrentTeb()->DbgSsReserved[DEBUG_OBJECT_SLOT] = DebugObject;
}

NTSTATUS NTAPI DbgUiConnectToDbg() {
    if (DbgUiGetThreadDebugObject()) return STATUS_SUCCESS;
    HANDLE made;
    NT_TRY(NtCreateDebugObject(&made, DEBUG_ALL_ACCESS, nullptr, DEBUG_KILL_ON_CLOSE));
    DbgUiSetThreadDebugObject(made);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI DbgUiWaitStateChange(DBGUI_WAIT_STATE_CHANGE* StateChange, LARGE_INTEGER* Timeout) {
    return NtWaitForDebugEvent(DbgUiGetThreadDebugObject(), TRUE, Timeout, StateChange);
}

NTSTATUS NTAPI DbgUiContinue(CLIENT_ID* AppClientId, NTSTATUS ContinueStatus) {
    return NtDebugContinue(DbgUiGetThreadDebugObject(), AppClientId, ContinueStatus);
}

NTSTATUS NTAPI DbgUiRemoteBreakin(PVOID) {
    BreakIfDebugged();
    RtlExitUserThread(STATUS_SUCCESS);
}

NTSTATUS NTAPI DbgUiIssueRemoteBreakin(HANDLE Process) {
    HANDLE thread;
    NT_TRY(RtlCreateUserThread(Process, nullptr, FALSE, 0, 0, 0, DbgUiRemoteBreakin, nullptr, &thread, nullptr));
    return NtClose(thread);
}

NTSTATUS NTAPI DbgUiDebugActiveProcess(HANDLE Process) {
    NT_TRY(NtDebugActiveProcess(Process, DbgUiGetThreadDebugObject()));
    const NTSTATUS status = DbgUiIssueRemoteBreakin(Process);
    if (!NT_SUCCESS(status)) (void)DbgUiStopDebugging(Process);
    return status;
}

NTSTATUS NTAPI DbgUiStopDebugging(HANDLE Process) { return NtRemoveProcessDebug(Process, DbgUiGetThreadDebugObject()); }
}
