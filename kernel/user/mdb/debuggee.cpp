// The program that is debugged. Contract: debuggee.h. EXC-04
#include "debuggee.h"

#include "symbols.h"
#include "user/start.h"

namespace {

constexpr UCHAR INT3 = 0xCC;
constexpr ULONG TRAP_FLAG = 0x100; ///< of EFlags

PVOID At(ULONG address) { return reinterpret_cast<PVOID>(ULONG_PTR(address)); }
ULONG NumberOf(const volatile void* pointer) { return ULONG(reinterpret_cast<ULONG_PTR>(pointer)); }

bool IsStop(DBG_STATE state) {
    return state == DBG_STATE::DbgExceptionStateChange || state == DBG_STATE::DbgBreakpointStateChange ||
           state == DBG_STATE::DbgSingleStepStateChange;
}

} // namespace

NTSTATUS DEBUGGEE::Start(PUNICODE_STRING path, PUNICODE_STRING commandLine) {
    RTL_USER_PROCESS_INFORMATION made;
    NT_TRY(DbgUiConnectToDbg());
    NT_TRY(nt::CreateProgram(path, commandLine, &made, {.DebugPort = DbgUiGetThreadDebugObject()}));
    m_process = made.Process;
    (void)NtResumeThread(made.Thread, nullptr);
    return NtClose(made.Thread); // the first event brings another handle
}

void DEBUGGEE::End(NTSTATUS status) {
    (void)NtTerminateProcess(m_process, status);
    while (!m_ended && NT_SUCCESS(NextEvent()))
        (void)Note();
}

// ---- memory

bool DEBUGGEE::Read(ULONG address, PVOID to, ULONG bytes) const {
    return NT_SUCCESS(NtReadVirtualMemory(m_process, At(address), to, bytes, nullptr));
}

bool DEBUGGEE::Write(ULONG address, const void* from, ULONG bytes) const {
    PVOID base = At(address);
    SIZE_T size = bytes;
    ULONG old;
    if (!NT_SUCCESS(NtProtectVirtualMemory(m_process, &base, &size, PAGE_EXECUTE_READWRITE, &old))) return false;
    const NTSTATUS written = NtWriteVirtualMemory(m_process, At(address), from, bytes, nullptr);
    (void)NtProtectVirtualMemory(m_process, &base, &size, old, &old);
    (void)NtFlushInstructionCache(m_process, At(address), bytes);
    return NT_SUCCESS(written);
}

// ---- breakpoints

ULONG DEBUGGEE::BreakpointAt(ULONG address) const {
    ULONG number = 0;
    while (number < MOST_BREAKPOINTS && (address == 0 || m_breakpoints[number].Address != address))
        number++;
    return number;
}

ULONG DEBUGGEE::SetBreakpoint(ULONG address) {
    const ULONG same = BreakpointAt(address);
    if (same < MOST_BREAKPOINTS) return same;
    for (ULONG i = 0; i < MOST_BREAKPOINTS; i++) {
        if (m_breakpoints[i].Address != 0) continue;
        m_breakpoints[i] = {.Address = address, .Byte = 0, .Planted = false};
        return i;
    }
    return MOST_BREAKPOINTS;
}

void DEBUGGEE::Plant(bool planted) {
    for (BREAKPOINT& each : m_breakpoints) {
        if (each.Address == 0 || each.Planted == planted) continue;
        if (planted && !Read(each.Address, &each.Byte, 1)) continue; // there is no code yet
        if (Write(each.Address, planted ? &INT3 : &each.Byte, 1)) each.Planted = planted;
    }
}

// ---- the thread that stands

HANDLE DEBUGGEE::Thread() const {
    for (const THREAD& each : m_threads)
        if (each.Handle && each.Id == m_event.AppClientId.UniqueThread) return each.Handle;
    return nullptr;
}

void DEBUGGEE::FetchRegisters() {
    m_context = {};
    m_context.ContextFlags = CONTEXT_FULL;
    (void)NtGetContextThread(Thread(), &m_context);
}

void DEBUGGEE::StoreRegisters() {
    m_context.ContextFlags = CONTEXT_FULL;
    (void)NtSetContextThread(Thread(), &m_context);
}

// ---- events

NTSTATUS DEBUGGEE::Continue(NTSTATUS answer) {
    m_pending = false;
    return DbgUiContinue(&m_event.AppClientId, answer);
}

/// Answers what waits, and takes the next event.
NTSTATUS DEBUGGEE::NextEvent() {
    if (m_pending) NT_TRY(Continue(DBG_CONTINUE));
    NT_TRY(DbgUiWaitStateChange(&m_event, nullptr));
    m_pending = true;
    return STATUS_SUCCESS;
}

void DEBUGGEE::NoteImage(ULONG base) {
    for (IMAGE& each : m_images) {
        if (each.Base != 0) continue;
        each.Base = base;
        nt::SYMBOLS(*this, base).Describe(&each.Size, each.Name, sizeof(each.Name));
        return;
    }
}

/// Notes what an event tells of. @returns whether the program stands now, or has ended
bool DEBUGGEE::Note() {
    const auto& info = m_event.StateInfo;
    const auto noteThread = [&](HANDLE handle) {
        for (THREAD& each : m_threads) {
            if (each.Handle) continue;
            each = {.Id = m_event.AppClientId.UniqueThread, .Handle = handle};
            return;
        }
        (void)NtClose(handle);
    };
    switch (m_event.NewState) {
    case DBG_STATE::DbgCreateProcessStateChange:
        (void)NtClose(info.CreateProcessInfo.HandleToProcess); // Start has one
        noteThread(info.CreateProcessInfo.HandleToThread);
        NoteImage(NumberOf(info.CreateProcessInfo.NewProcess.BaseOfImage));
        return false;
    case DBG_STATE::DbgCreateThreadStateChange: noteThread(info.CreateThread.HandleToThread); return false;
    case DBG_STATE::DbgExitThreadStateChange:
        for (THREAD& each : m_threads) {
            if (!each.Handle || each.Id != m_event.AppClientId.UniqueThread) continue;
            (void)NtClose(each.Handle);
            each = {};
        }
        return false;
    case DBG_STATE::DbgExitProcessStateChange:
        m_ended = true;
        m_exitStatus = info.ExitProcess.ExitStatus;
        (void)Continue(DBG_CONTINUE);
        return true;
    case DBG_STATE::DbgLoadDllStateChange: NoteImage(NumberOf(info.LoadDll.BaseOfDll)); return false;
    case DBG_STATE::DbgUnloadDllStateChange:
        for (IMAGE& each : m_images)
            if (each.Base == NumberOf(info.UnloadDll.BaseAddress)) each = {};
        return false;
    default: break;
    }
    Plant(false);
    FetchRegisters();
    // At a breakpoint of the debugger's the program stands before the instruction that is there.
    if (m_event.NewState == DBG_STATE::DbgBreakpointStateChange && BreakpointAt(m_context.Eip - 1) < MOST_BREAKPOINTS)
        m_context.Eip--;
    return true;
}

NTSTATUS DEBUGGEE::Step() {
    m_context.EFlags |= TRAP_FLAG;
    StoreRegisters();
    NT_TRY(Continue(DBG_CONTINUE));
    do
        NT_TRY(NextEvent());
    while (!Note());
    return STATUS_SUCCESS;
}

NTSTATUS DEBUGGEE::Go(bool handled) {
    if (m_pending && IsStop(m_event.NewState)) {
        const bool exception = m_event.NewState == DBG_STATE::DbgExceptionStateChange;
        if (!exception && BreakpointAt(m_context.Eip) < MOST_BREAKPOINTS) { // past the one that is here
            NT_TRY(Step());
            if (m_ended || m_event.NewState != DBG_STATE::DbgSingleStepStateChange) return STATUS_SUCCESS;
        }
        StoreRegisters();
        Plant(true);
        NT_TRY(Continue(exception && !handled ? DBG_EXCEPTION_NOT_HANDLED : DBG_CONTINUE));
    }
    do
        NT_TRY(NextEvent());
    while (!Note());
    return STATUS_SUCCESS;
}
