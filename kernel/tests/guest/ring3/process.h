// A process with threads in user mode, for tests: its code is programs.S, its data a page that the test reads.
#pragma once

#include "attached.h"
#include "ke/service.h"
#include "ke/usermode.h"
#include "rtl/string.h"

constexpr ULONG_PTR USER_CODE_ADDRESS = 0x00400000;
constexpr ULONG_PTR USER_DATA_ADDRESS = 0x00500000;
constexpr ULONG USER_DATA_PAGES = 64;

extern "C" {
extern const UCHAR UserCode[], UserCodeEnd[];
}
#define USER_PROGRAM(name) extern "C" const UCHAR User##name[]

USER_PROGRAM(FastSystemCall);
USER_PROGRAM(FastSystemCallRet);
USER_PROGRAM(IntSystemCall);
USER_PROGRAM(ApcDispatcher);
USER_PROGRAM(ExceptionDispatcher);
USER_PROGRAM(RaiseDispatcher);

constexpr ULONG USER_CALL_ARGUMENTS = 16;
/// A call that the program Calls makes.
struct USER_CALL {
    ULONG Number;
    ULONG ByGate; ///< 0: sysenter, with Arguments on the stack; 1: int 2Eh, with ArgumentPointer
    ULONG ArgumentPointer;
    ULONG Status; ///< what it returned
    ULONG Arguments[USER_CALL_ARGUMENTS];
};
static_assert(sizeof(USER_CALL) == 80);
constexpr ULONG_PTR USER_CALLS_ADDRESS = USER_DATA_ADDRESS + 0x1000;

/// A process with the programs and a range of data. The test's thread is attached to it.
class USER_PROCESS {
public:
    USER_PROCESS() {
        Reserve(USER_CODE_ADDRESS, ULONG(UserCodeEnd - UserCode), PAGE_EXECUTE_READWRITE);
        Reserve(USER_DATA_ADDRESS, USER_DATA_PAGES * PAGE_SIZE, PAGE_READWRITE);
        memcpy(reinterpret_cast<PVOID>(USER_CODE_ADDRESS), UserCode, SIZE_T(UserCodeEnd - UserCode));
    }
    /// The next test finds no entry points, as at boot: a handler that it did not ask for may go on for good.
    ~USER_PROCESS() {
        constexpr KUSER_ENTRY_POINTS none{};
        KeSetUserEntryPoints(&none);
    }
    EPROCESS* Get() { return m_process.Get(); }

    /// Where a program lies in the process.
    static ULONG Address(const UCHAR* program) { return ULONG(USER_CODE_ADDRESS + ULONG_PTR(program - UserCode)); }

    /// Starts a program, on a stack and with a TEB of its own. @param ecx given to it; edx is the TEB.
    PETHREAD Start(const UCHAR* program, ULONG ecx = 0, KPRIORITY priority = 8) {
        PVOID stack = nullptr;
        GUEST_EQUAL(STATUS_SUCCESS, MmCreateUserStack(64 * 1024, PAGE_SIZE, &stack));
        auto* const teb = reinterpret_cast<ULONG*>(Allocate(1));
        teb[0x18 / 4] = ULONG(reinterpret_cast<ULONG_PTR>(teb)); // NT_TIB::Self
        CONTEXT context{};
        context.Eip = Address(program);
        context.Esp = ULONG(reinterpret_cast<ULONG_PTR>(stack));
        context.Ecx = ecx;
        context.Edx = teb[0x18 / 4];
        PETHREAD thread = nullptr;
        GUEST_EQUAL(STATUS_SUCCESS, PspStartUserThread(&thread, Get(), "Ring3", priority, &context, teb));
        return thread;
    }
    /// Waits until a thread has ended. @returns its exit status
    static NTSTATUS Await(PETHREAD thread) {
        (void)KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        const NTSTATUS status = thread->ExitStatus;
        PsDereferenceThread(thread);
        return status;
    }
    NTSTATUS Run(const UCHAR* program, ULONG ecx = 0) { return Await(Start(program, ecx)); }

    /// Makes the programs' part of the system library known to the kernel.
    static void SetEntryPoints(bool exceptions = false) {
        const KUSER_ENTRY_POINTS points = {
            .KiUserApcDispatcher = Address(UserApcDispatcher),
            .KiUserExceptionDispatcher = exceptions ? Address(UserExceptionDispatcher) : 0,
            .KiRaiseUserExceptionDispatcher = Address(UserRaiseDispatcher),
            .KiFastSystemCall = Address(UserFastSystemCall),
            .KiIntSystemCall = Address(UserIntSystemCall),
            .KiFastSystemCallRet = Address(UserFastSystemCallRet),
        };
        KeSetUserEntryPoints(&points);
    }
    static USER_CALL& Call(ULONG index) { return reinterpret_cast<USER_CALL*>(USER_CALLS_ADDRESS)[index]; }

    static ULONG Data(ULONG word) { return reinterpret_cast<const volatile ULONG*>(USER_DATA_ADDRESS)[word]; }
    static void SetData(ULONG word, ULONG value) { reinterpret_cast<volatile ULONG*>(USER_DATA_ADDRESS)[word] = value; }

private:
    static void Reserve(ULONG_PTR address, SIZE_T size, ULONG protect) {
        auto base = reinterpret_cast<PVOID>(address);
        GUEST_EQUAL(STATUS_SUCCESS,
                    ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, protect));
    }
    ATTACHED_PROCESS m_process;
};
