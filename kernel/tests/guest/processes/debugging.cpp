// Debug objects: a debugger, which is a thread of the kernel here, follows programs. EXC-04, EXC-05, PRC-04, PRC-12
#include "hal.h"
#include "mm/section.h"
#include "ob/sync.h"
#include "programs.h"
#include "ps/debug.h"

namespace {

constexpr ULONG TRAP_FLAG = 0x100;
constexpr UCHAR INT3 = 0xCC;

/// A debug object, the event that was taken last, and the handles that came with it.
class DEBUGGER {
public:
    explicit DEBUGGER(ULONG flags = 0) {
        GUEST_EQUAL(STATUS_SUCCESS, NtCreateDebugObject(&m_object, DEBUG_ALL_ACCESS, nullptr, flags));
    }
    ~DEBUGGER() {
        Close();
        if (m_process) GUEST_EQUAL(STATUS_SUCCESS, ZwClose(m_process));
        if (m_thread) GUEST_EQUAL(STATUS_SUCCESS, ZwClose(m_thread));
    }
    DEBUGGER(const DEBUGGER&) = delete;
    DEBUGGER& operator=(const DEBUGGER&) = delete;

    HANDLE Object() const { return m_object; }
    HANDLE Process() const { return m_process; }
    HANDLE Thread() const { return m_thread; } ///< the first one
    const DBGUI_WAIT_STATE_CHANGE& Event() const { return m_event; }
    void Close() {
        if (m_object) GUEST_EQUAL(STATUS_SUCCESS, ZwClose(m_object));
        m_object = nullptr;
    }
    NTSTATUS Wait(LONG milliseconds) {
        LARGE_INTEGER timeout = KeRelativeMilliseconds(milliseconds);
        return NtWaitForDebugEvent(m_object, FALSE, &timeout, &m_event);
    }
    /// The next event is this one.
    bool Expect(DBG_STATE state) {
        const LONG seen = Wait(1000) == STATUS_SUCCESS ? LONG(m_event.NewState) : 0;
        if (!GUEST_EQUAL(LONG(state), seen)) return false;
        if (m_event.NewState == DBG_STATE::DbgCreateProcessStateChange) {
            m_process = m_event.StateInfo.CreateProcessInfo.HandleToProcess;
            m_thread = m_event.StateInfo.CreateProcessInfo.HandleToThread;
            GUEST_TRUE(m_process != nullptr && m_thread != nullptr);
        } else if (m_event.NewState == DBG_STATE::DbgCreateThreadStateChange) {
            GUEST_EQUAL(STATUS_SUCCESS, ZwClose(m_event.StateInfo.CreateThread.HandleToThread));
        }
        return true;
    }
    void Continue(NTSTATUS answer = DBG_CONTINUE) {
        GUEST_EQUAL(STATUS_SUCCESS, NtDebugContinue(m_object, &m_event.AppClientId, answer));
    }
    void Pass(DBG_STATE state) {
        if (Expect(state)) Continue();
    }

private:
    HANDLE m_object = nullptr, m_process = nullptr, m_thread = nullptr;
    DBGUI_WAIT_STATE_CHANGE m_event{};
};

/// A process that has a debug port from its first moment, of the image of another program.
class BORN_DEBUGGED {
public:
    BORN_DEBUGGED(const PROGRAM& image, DEBUGGER& debugger, bool named = true,
                  EPROCESS* parent = PsInitialSystemProcess)
        : m_debugger(debugger) {
        HANDLE section = nullptr, from = nullptr;
        GUEST_EQUAL(STATUS_SUCCESS, ObOpenObjectByPointer(image.Get()->SectionObject, 0, nullptr, SECTION_ALL_ACCESS,
                                                          MmSectionObjectType, KernelMode, &section));
        GUEST_EQUAL(STATUS_SUCCESS,
                    ObOpenObjectByPointer(parent, 0, nullptr, PROCESS_ALL_ACCESS, PsProcessType, KernelMode, &from));
        GUEST_EQUAL(STATUS_SUCCESS, NtCreateProcessEx(&m_handle, PROCESS_ALL_ACCESS, nullptr, from, 0, section,
                                                      named ? debugger.Object() : nullptr, nullptr, 0));
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(from));
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(section));
        PVOID process = nullptr;
        GUEST_EQUAL(STATUS_SUCCESS,
                    ObReferenceObjectByHandle(m_handle, 0, PsProcessType, KernelMode, &process, nullptr));
        m_process = static_cast<EPROCESS*>(process);
    }
    ~BORN_DEBUGGED() {
        m_debugger.Close(); // nothing of the process waits for it
        (void)KeWaitForSingleObject(m_process, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        (void)ObDereferenceObject(m_process);
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(m_handle));
    }
    BORN_DEBUGGED(const BORN_DEBUGGED&) = delete;
    BORN_DEBUGGED& operator=(const BORN_DEBUGGED&) = delete;

    HANDLE Handle() const { return m_handle; }
    EPROCESS* Get() const { return m_process; }
    /// Starts a thread at an address; its ebp leads to the data.
    void Start(ULONG_PTR address) {
        PVOID base = nullptr;
        SIZE_T size = 0x10000;
        HANDLE thread = nullptr;
        GUEST_EQUAL(STATUS_SUCCESS,
                    NtAllocateVirtualMemory(m_handle, &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
        UCHAR* const top = static_cast<UCHAR*>(base) + size;
        INITIAL_TEB stack = {nullptr, nullptr, top, base, base};
        CONTEXT context = {};
        context.ContextFlags = CONTEXT_FULL;
        context.Eip = ULONG(NTDLL_BASE + ULONG_PTR(NtdllThreadStart - NtdllFile));
        context.Eax = ULONG(address);
        context.Ebp = ULONG(PROGRAM_DATA);
        context.Esp = ULONG(reinterpret_cast<ULONG_PTR>(top)) - 16;
        GUEST_EQUAL(STATUS_SUCCESS,
                    NtCreateThread(&thread, THREAD_ALL_ACCESS, nullptr, m_handle, nullptr, &context, &stack, FALSE));
        GUEST_EQUAL(STATUS_SUCCESS, ZwClose(thread));
    }

private:
    DEBUGGER& m_debugger;
    HANDLE m_handle = nullptr;
    EPROCESS* m_process = nullptr;
};

ULONG_PTR AddressOf(const UCHAR* code) { return PROGRAM_BASE + ULONG_PTR(code - ProgramFile); }
ULONG_PTR Loop() { return AddressOf(ProgramSpin); } ///< incl (%ebp); pause; jmp

UCHAR ByteAt(HANDLE process, ULONG_PTR address) {
    UCHAR byte = 0;
    GUEST_EQUAL(STATUS_SUCCESS,
                NtReadVirtualMemory(process, reinterpret_cast<const void*>(address), &byte, 1, nullptr));
    return byte;
}

/// Changes a byte of code, as a debugger does.
void Plant(HANDLE process, ULONG_PTR address, UCHAR byte) {
    auto* page = reinterpret_cast<PVOID>(address);
    SIZE_T size = 1;
    ULONG old = 0;
    GUEST_EQUAL(STATUS_SUCCESS, NtProtectVirtualMemory(process, &page, &size, PAGE_EXECUTE_READWRITE, &old));
    GUEST_EQUAL(STATUS_SUCCESS, NtWriteVirtualMemory(process, reinterpret_cast<PVOID>(address), &byte, 1, nullptr));
    GUEST_EQUAL(STATUS_SUCCESS, NtProtectVirtualMemory(process, &page, &size, old, &old));
    GUEST_EQUAL(STATUS_SUCCESS, NtFlushInstructionCache(process, reinterpret_cast<PVOID>(address), 1));
}

CONTEXT RegistersOf(HANDLE thread) {
    CONTEXT context = {};
    context.ContextFlags = CONTEXT_FULL;
    GUEST_EQUAL(STATUS_SUCCESS, NtGetContextThread(thread, &context));
    return context;
}

void ExpectBirth(DEBUGGER& debugger, const BORN_DEBUGGED& program) {
    if (!debugger.Expect(DBG_STATE::DbgCreateProcessStateChange)) return;
    const auto& made = debugger.Event().StateInfo.CreateProcessInfo.NewProcess;
    GUEST_EQUAL(PROGRAM_BASE, reinterpret_cast<ULONG_PTR>(made.BaseOfImage));
    GUEST_TRUE(debugger.Event().AppClientId.UniqueProcess == PsGetProcessId(program.Get()));
    debugger.Continue();
    if (!debugger.Expect(DBG_STATE::DbgLoadDllStateChange)) return;
    GUEST_EQUAL(NTDLL_BASE, reinterpret_cast<ULONG_PTR>(debugger.Event().StateInfo.LoadDll.BaseOfDll));
    debugger.Continue();
}

/// Waits until a program that runs has counted on.
void AwaitCount(PROGRAM& program) {
    const ULONG before = program.Data(0);
    while (program.Data(0) == before) {
        LARGE_INTEGER delay = KeRelativeMilliseconds(1);
        (void)KeDelayExecutionThread(KernelMode, FALSE, &delay);
    }
}

} // namespace

// EXC-04: from the first event to the last one
GUEST_TEST(ADebuggerIsToldOfTheWholeLife) {
    PROGRAMS programs;
    PROGRAM image(programs, u"wait");
    {
        DEBUGGER debugger;
        BORN_DEBUGGED program(image, debugger);
        GUEST_EQUAL(1, ByteAt(program.Handle(), reinterpret_cast<ULONG_PTR>(&program.Get()->Peb->BeingDebugged)));
        GUEST_EQUAL(STATUS_TIMEOUT, debugger.Wait(0));
        program.Start(AddressOf(ProgramReturn));
        ExpectBirth(debugger, program);
        GUEST_TRUE(debugger.Expect(DBG_STATE::DbgExitProcessStateChange));
        GUEST_EQUAL(0x1234, debugger.Event().StateInfo.ExitProcess.ExitStatus);
        GUEST_EQUAL(STATUS_PENDING, program.Get()->ExitStatus); // it waits
        debugger.Continue();
    }
    GUEST_EQUAL(STATUS_SUCCESS, ZwTerminateProcess(image.Handle(), STATUS_SUCCESS));
    GUEST_EQUAL(STATUS_SUCCESS, image.Await());
}

// EXC-04, EXC-05: first chance, second chance, the end
GUEST_TEST(ADebuggerHasTwoChances) {
    PROGRAMS programs;
    PROGRAM image(programs, u"wait");
    {
        DEBUGGER debugger;
        BORN_DEBUGGED program(image, debugger);
        program.Start(0); // which is no code
        ExpectBirth(debugger, program);
        for (ULONG chance = 1; chance != ~0u; chance--) {
            if (!debugger.Expect(DBG_STATE::DbgExceptionStateChange)) break;
            const DBGKM_EXCEPTION& told = debugger.Event().StateInfo.Exception;
            GUEST_EQUAL(STATUS_ACCESS_VIOLATION, told.ExceptionRecord.ExceptionCode);
            GUEST_EQUAL(chance, told.FirstChance);
            debugger.Continue(DBG_EXCEPTION_NOT_HANDLED);
        }
        GUEST_TRUE(debugger.Expect(DBG_STATE::DbgExitProcessStateChange));
        GUEST_EQUAL(STATUS_ACCESS_VIOLATION, debugger.Event().StateInfo.ExitProcess.ExitStatus);
        debugger.Continue();
    }
    {
        DEBUGGER debugger; // it mends what is wrong
        BORN_DEBUGGED program(image, debugger);
        program.Start(0);
        ExpectBirth(debugger, program);
        if (debugger.Expect(DBG_STATE::DbgExceptionStateChange)) {
            CONTEXT context = RegistersOf(debugger.Thread());
            GUEST_EQUAL(0, context.Eip);
            context.Eip = ULONG(AddressOf(ProgramReturn));
            GUEST_EQUAL(STATUS_SUCCESS, NtSetContextThread(debugger.Thread(), &context));
            debugger.Continue();
        }
        GUEST_TRUE(debugger.Expect(DBG_STATE::DbgExitProcessStateChange));
        GUEST_EQUAL(0x1234, debugger.Event().StateInfo.ExitProcess.ExitStatus);
        debugger.Continue();
    }
    GUEST_EQUAL(STATUS_SUCCESS, ZwTerminateProcess(image.Handle(), STATUS_SUCCESS));
    GUEST_EQUAL(STATUS_SUCCESS, image.Await());
}

// EXC-04, PRC-08: attach, breakpoint, single step, detach; the program does not notice
GUEST_TEST(ABreakpointAndAStep) {
    PROGRAMS programs;
    PROGRAM program(programs, u"spin");
    program.AwaitBeginning();
    DEBUGGER debugger;
    GUEST_EQUAL(STATUS_SUCCESS, NtDebugActiveProcess(program.Handle(), debugger.Object()));
    GUEST_EQUAL(STATUS_PORT_ALREADY_SET, NtDebugActiveProcess(program.Handle(), debugger.Object()));
    debugger.Pass(DBG_STATE::DbgCreateProcessStateChange);
    debugger.Pass(DBG_STATE::DbgLoadDllStateChange);
    GUEST_EQUAL(STATUS_TIMEOUT, debugger.Wait(0));
    AwaitCount(program);
    const UCHAR byte = ByteAt(program.Handle(), Loop());
    Plant(program.Handle(), Loop(), INT3);
    if (debugger.Expect(DBG_STATE::DbgBreakpointStateChange)) {
        const EXCEPTION_RECORD& record = debugger.Event().StateInfo.Exception.ExceptionRecord;
        GUEST_EQUAL(Loop(), reinterpret_cast<ULONG_PTR>(record.ExceptionAddress));
        CONTEXT context = RegistersOf(debugger.Thread());
        GUEST_EQUAL(Loop() + 1, context.Eip); // behind it
        const ULONG count = program.Data(0);
        Plant(program.Handle(), Loop(), byte);
        context.Eip = ULONG(Loop());
        context.EFlags |= TRAP_FLAG;
        GUEST_EQUAL(STATUS_SUCCESS, NtSetContextThread(debugger.Thread(), &context));
        debugger.Continue();
        if (debugger.Expect(DBG_STATE::DbgSingleStepStateChange)) {
            GUEST_EQUAL(count + 1, program.Data(0)); // exactly one instruction
            GUEST_TRUE(RegistersOf(debugger.Thread()).Eip > Loop());
            debugger.Continue();
        }
    }
    AwaitCount(program);
    GUEST_EQUAL(STATUS_SUCCESS, NtRemoveProcessDebug(program.Handle(), debugger.Object()));
    GUEST_EQUAL(STATUS_PORT_NOT_SET, NtRemoveProcessDebug(program.Handle(), debugger.Object()));
    GUEST_EQUAL(0, ByteAt(program.Handle(), reinterpret_cast<ULONG_PTR>(&program.Get()->Peb->BeingDebugged)));
    AwaitCount(program);
    GUEST_EQUAL(STATUS_SUCCESS, ZwTerminateProcess(program.Handle(), STATUS_ABANDONED));
    GUEST_EQUAL(STATUS_ABANDONED, program.Await()); // nobody waits for the debugger any more
}

// INT-14, EXC-04: while the debugger looks, no other thread of the process runs
GUEST_TEST(AProcessStandsStillWhileItsDebuggerLooks) {
    PROGRAMS programs;
    PROGRAM program(programs, u"wait");
    {
        DEBUGGER debugger;
        BORN_DEBUGGED spinner(program, debugger);
        spinner.Start(Loop());
        ExpectBirth(debugger, spinner);
        ULONG count[2] = {};
        const auto look = [&](ULONG* to) {
            GUEST_EQUAL(STATUS_SUCCESS,
                        NtReadVirtualMemory(spinner.Handle(), reinterpret_cast<const void*>(PROGRAM_DATA), to,
                                            sizeof(*to), nullptr));
        };
        spinner.Start(AddressOf(ProgramReturn));
        GUEST_TRUE(debugger.Expect(DBG_STATE::DbgCreateThreadStateChange));
        LARGE_INTEGER delay = KeRelativeMilliseconds(20); // a freeze is an APC: another processor needs a moment
        (void)KeDelayExecutionThread(KernelMode, FALSE, &delay);
        look(&count[0]);
        (void)KeDelayExecutionThread(KernelMode, FALSE, &delay);
        look(&count[1]);
        GUEST_EQUAL(count[0], count[1]);
        debugger.Continue();
        GUEST_TRUE(debugger.Expect(DBG_STATE::DbgExitThreadStateChange)); // not the last one
        GUEST_EQUAL(0x1234, debugger.Event().StateInfo.ExitThread.ExitStatus);
        debugger.Continue();
        do {
            (void)KeDelayExecutionThread(KernelMode, FALSE, &delay);
            look(&count[1]);
        } while (count[1] == count[0]); // it runs again
        GUEST_EQUAL(STATUS_SUCCESS, ZwTerminateProcess(spinner.Handle(), STATUS_ABANDONED));
        GUEST_TRUE(debugger.Expect(DBG_STATE::DbgExitProcessStateChange));
        GUEST_EQUAL(STATUS_ABANDONED, debugger.Event().StateInfo.ExitProcess.ExitStatus);
        debugger.Continue();
    }
    GUEST_EQUAL(STATUS_SUCCESS, ZwTerminateProcess(program.Handle(), STATUS_SUCCESS));
    GUEST_EQUAL(STATUS_SUCCESS, program.Await());
}

// EXC-04, PRC-12: the debugger goes, with events that it has not answered
GUEST_TEST(TheLastHandleFreesOrEndsTheProcess) {
    PROGRAMS programs;
    PROGRAM program(programs, u"spin");
    program.AwaitBeginning();
    {
        DEBUGGER debugger(DEBUG_KILL_ON_CLOSE);
        GUEST_EQUAL(STATUS_SUCCESS, NtDebugActiveProcess(program.Handle(), debugger.Object()));
        ULONG none = 0;
        GUEST_EQUAL(STATUS_SUCCESS,
                    NtSetInformationDebugObject(debugger.Object(), DEBUGOBJECTINFOCLASS::DebugObjectFlags, &none,
                                                sizeof(none), nullptr));
        debugger.Close();
    }
    GUEST_TRUE(program.Get()->DebugPort == nullptr);
    AwaitCount(program);
    {
        DEBUGGER debugger; // a thread waits for its answer
        BORN_DEBUGGED other(program, debugger);
        other.Start(AddressOf(ProgramReturn));
        GUEST_TRUE(debugger.Expect(DBG_STATE::DbgCreateProcessStateChange));
        debugger.Close();
    } // which comes when nobody can give it: the program ends by itself
    DEBUGGER debugger(DEBUG_KILL_ON_CLOSE);
    GUEST_EQUAL(STATUS_SUCCESS, NtDebugActiveProcess(program.Handle(), debugger.Object()));
    BORN_DEBUGGED child(program, debugger, false, program.Get()); // the port comes from the parent
    GUEST_TRUE(child.Get()->DebugPort == program.Get()->DebugPort);
    child.Start(Loop());
    debugger.Close();
    GUEST_EQUAL(STATUS_DEBUGGER_INACTIVE, program.Await());
}

// EXC-04, TRP-06: what is refused
GUEST_TEST(WrongCallsOfADebuggerAreRefused) {
    PROGRAMS programs;
    PROGRAM program(programs, u"wait");
    program.AwaitBeginning();
    {
        DEBUGGER debugger;
        HANDLE handle = nullptr;
        CLIENT_ID nobody = {};
        ULONG flags = 2;
        DBGUI_WAIT_STATE_CHANGE told;
        GUEST_EQUAL(STATUS_INVALID_PARAMETER, NtCreateDebugObject(&handle, DEBUG_ALL_ACCESS, nullptr, 2));
        GUEST_EQUAL(STATUS_ACCESS_DENIED, NtDebugActiveProcess(NtCurrentProcess(), debugger.Object()));
        GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH, NtDebugActiveProcess(debugger.Object(), debugger.Object()));
        GUEST_EQUAL(STATUS_OBJECT_TYPE_MISMATCH, NtDebugActiveProcess(program.Handle(), program.Handle()));
        GUEST_EQUAL(STATUS_PORT_NOT_SET, NtRemoveProcessDebug(program.Handle(), debugger.Object()));
        GUEST_EQUAL(STATUS_INVALID_PARAMETER, NtDebugContinue(debugger.Object(), &nobody, DBG_CONTINUE));
        GUEST_EQUAL(STATUS_INVALID_PARAMETER, NtDebugContinue(debugger.Object(), &nobody, STATUS_SUCCESS));
        GUEST_EQUAL(STATUS_INVALID_HANDLE, NtWaitForDebugEvent(nullptr, FALSE, nullptr, &told));
        GUEST_EQUAL(STATUS_INVALID_PARAMETER,
                    NtSetInformationDebugObject(debugger.Object(), DEBUGOBJECTINFOCLASS::DebugObjectFlags, &flags,
                                                sizeof(flags), nullptr));
        GUEST_EQUAL(
            STATUS_INFO_LENGTH_MISMATCH,
            NtSetInformationDebugObject(debugger.Object(), DEBUGOBJECTINFOCLASS::DebugObjectFlags, &flags, 2, nullptr));
        GUEST_EQUAL(STATUS_INVALID_INFO_CLASS, NtSetInformationDebugObject(debugger.Object(), DEBUGOBJECTINFOCLASS(7),
                                                                           &flags, sizeof(flags), nullptr));
        GUEST_EQUAL(STATUS_SUCCESS, NtDebugActiveProcess(program.Handle(), debugger.Object()));
        GUEST_TRUE(debugger.Expect(DBG_STATE::DbgCreateProcessStateChange));
        GUEST_EQUAL(STATUS_TIMEOUT, debugger.Wait(0)); // one event of a process at a time
        debugger.Continue();
        GUEST_EQUAL(
            STATUS_INVALID_PARAMETER,
            NtDebugContinue(debugger.Object(), const_cast<CLIENT_ID*>(&debugger.Event().AppClientId), DBG_CONTINUE));
    }
    GUEST_EQUAL(STATUS_SUCCESS, ZwTerminateProcess(program.Handle(), STATUS_SUCCESS));
    GUEST_EQUAL(STATUS_SUCCESS, program.Await());
    DEBUGGER late;
    GUEST_EQUAL(STATUS_PROCESS_IS_TERMINATING, NtDebugActiveProcess(program.Handle(), late.Object()));
}

// EXC-04, PRC-12: a debugger comes and goes, and programs end, at any moment; nothing of it is left
GUEST_TEST(ADebuggerComesAndGoesAtAnyMoment) {
    PROGRAMS programs;
    constexpr PCWSTR what[] = {u"wait", u"spin", u"look", u"return", u"fault"};
    ULONG seed = 4711;
    for (ULONG round = 0; round < 60; round++) {
        PROGRAM program(programs, what[round % 5]);
        DEBUGGER debugger(round % 3 == 0 ? DEBUG_KILL_ON_CLOSE : 0);
        seed = seed * 1103515245 + 12345;
        KeStallExecutionProcessor(seed >> 16 & 0x3FF);
        const NTSTATUS status = NtDebugActiveProcess(program.Handle(), debugger.Object());
        GUEST_TRUE(status == STATUS_SUCCESS || status == STATUS_PROCESS_IS_TERMINATING);
        for (ULONG i = seed >> 20 & 7; i != 0 && debugger.Wait(1) == STATUS_SUCCESS; i--) {
            if (debugger.Event().NewState == DBG_STATE::DbgCreateProcessStateChange) {
                GUEST_EQUAL(STATUS_SUCCESS, ZwClose(debugger.Event().StateInfo.CreateProcessInfo.HandleToProcess));
                GUEST_EQUAL(STATUS_SUCCESS, ZwClose(debugger.Event().StateInfo.CreateProcessInfo.HandleToThread));
            }
            if (round % 4 == 1) (void)ZwTerminateProcess(program.Handle(), STATUS_ABANDONED);
            debugger.Continue(DBG_EXCEPTION_NOT_HANDLED);
        }
        if (round % 2 == 0) (void)NtRemoveProcessDebug(program.Handle(), debugger.Object());
        debugger.Close();
        (void)ZwTerminateProcess(program.Handle(), STATUS_ABANDONED);
        const NTSTATUS ended = program.Await();
        GUEST_TRUE(ended != STATUS_PENDING);
    }
}
