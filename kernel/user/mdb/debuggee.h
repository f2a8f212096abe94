// The program that is debugged: its memory, its registers, its breakpoints, its images.
//
// Breakpoints are in its code only while it runs: whoever reads its memory while it stands finds the program's own bytes.
// In the books: "user-mode debugging framework". EXC-04
#pragma once

#include "ntdll.h"

/// A program under the debugger.
/// shared: no
class DEBUGGEE {
public:
    static constexpr ULONG MOST_BREAKPOINTS = 16, MOST_IMAGES = 32;

    /// An image of the program.
    struct IMAGE {
        ULONG Base; ///< 0: the entry is free
        ULONG Size;
        CHAR Name[32];
    };

    /// Starts a program; it stands before its first event. @returns as RtlCreateUserProcess
    NTSTATUS Start(PUNICODE_STRING path, PUNICODE_STRING commandLine);
    /// Lets it go on until it stands again, or has ended. @param handled whether an exception that stopped it is settled.
    /// @returns STATUS_SUCCESS; as DbgUiWaitStateChange
    NTSTATUS Go(bool handled);
    /// Executes one instruction.
    NTSTATUS Step();

    [[nodiscard]] bool HasEnded() const { return m_ended; }
    [[nodiscard]] NTSTATUS ExitStatus() const { return m_exitStatus; }
    /// Why it stands: the last event.
    [[nodiscard]] const DBGUI_WAIT_STATE_CHANGE& Event() const { return m_event; }
    /// The breakpoint at which it stands. @returns its number; MOST_BREAKPOINTS: at none
    [[nodiscard]] ULONG BreakpointAt(ULONG address) const;
    [[nodiscard]] ULONG BreakpointAddress(ULONG number) const { return m_breakpoints[number].Address; }

    CONTEXT& Registers() { return m_context; } ///< of the thread that stands; changes go to it with Go and Step
    bool Read(ULONG address, PVOID to, ULONG bytes) const;
    bool Write(ULONG address, const void* from, ULONG bytes) const;
    /// @returns the number; MOST_BREAKPOINTS: there is no room
    ULONG SetBreakpoint(ULONG address);
    void ClearBreakpoint(ULONG number) { m_breakpoints[number] = {}; }
    [[nodiscard]] const IMAGE* Images() const { return m_images; }
    void End(NTSTATUS status);

private:
    /// One breakpoint. Address 0: the entry is free.
    struct BREAKPOINT {
        ULONG Address;
        UCHAR Byte; ///< of the program, while the breakpoint is planted
        bool Planted;
    };
    /// A thread of the program.
    struct THREAD {
        HANDLE Id;
        HANDLE Handle;
    };
    static constexpr ULONG MOST_THREADS = 32;

    NTSTATUS Continue(NTSTATUS answer);
    NTSTATUS NextEvent();
    bool Note();
    void NoteImage(ULONG base);
    void Plant(bool planted);
    [[nodiscard]] HANDLE Thread() const;
    void FetchRegisters();
    void StoreRegisters();

    HANDLE m_process = nullptr;
    THREAD m_threads[MOST_THREADS] = {};
    BREAKPOINT m_breakpoints[MOST_BREAKPOINTS] = {};
    IMAGE m_images[MOST_IMAGES] = {};
    DBGUI_WAIT_STATE_CHANGE m_event = {};
    CONTEXT m_context = {};
    NTSTATUS m_exitStatus = STATUS_PENDING;
    bool m_pending = false; ///< m_event waits for its answer
    bool m_ended = false;
};
