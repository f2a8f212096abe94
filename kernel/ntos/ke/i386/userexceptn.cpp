// Exceptions of user mode: which instruction did what, and which code the thread is told.
//
//     first chance: the debugger of the process, the handlers of user mode; second chance: the debugger again, the end
//
// The kernel's debugger is not asked: a program's breakpoint must not stop the system.
// In the books: "exception dispatching", "processor modes". EXC-04, TRP-02
#include "ki386.h"
#include "ke/usermode.h"
#include "rtl/useraccess.h"

// shared: both are written once, before the first thread of user mode
static KUNHANDLED_USER_EXCEPTION* KiUnhandledUserException;
static KUSER_DEBUGGER* KiUserDebugger;

namespace {

/// Instructions that only the kernel may execute, by their first byte, or by the second behind 0F.
bool IsPrivileged(UCHAR first, UCHAR second) {
    switch (first) {
    case 0xF4: // hlt
    case 0xFA: // cli
    case 0xFB: // sti
    case 0x6C: // ins, outs
    case 0x6D:
    case 0x6E:
    case 0x6F:
    case 0xE4: // in, out
    case 0xE5:
    case 0xE6:
    case 0xE7:
    case 0xEC:
    case 0xED:
    case 0xEE:
    case 0xEF: return true;
    case 0x0F: break;
    default: return false;
    }
    switch (second) {
    case 0x00: // lldt, ltr
    case 0x01: // lgdt, lidt, lmsw, invlpg
    case 0x06: // clts
    case 0x08: // invd
    case 0x09: // wbinvd
    case 0x20: // mov of control and debug registers
    case 0x21:
    case 0x22:
    case 0x23:
    case 0x30: // wrmsr
    case 0x32: // rdmsr
    case 0x35: // sysexit
        return true;
    default: return false;
    }
}

/// A byte of the program; 0 where it cannot be read.
UCHAR CodeByte(ULONG_PTR address) {
    UCHAR byte = 0;
    __try {
        CopyFromUser(&byte, reinterpret_cast<const void*>(address), sizeof(byte));
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return 0;
    }
    return byte;
}

} // namespace

bool KiIsPrivilegedInstruction(const KTRAP_FRAME& frame) {
    const UCHAR first = CodeByte(frame.Eip);
    return IsPrivileged(first, first == 0x0F ? CodeByte(frame.Eip + 1) : 0);
}

ULONG KiPushUser(KTRAP_FRAME& frame, const void* bytes, ULONG count) {
    const ULONG at = (frame.HardwareEsp - count) & ~3u;
    CopyToUser(reinterpret_cast<PVOID>(ULONG_PTR(at)), bytes, count);
    frame.HardwareEsp = at;
    return at;
}

namespace {

/// The thread goes on in KiUserExceptionDispatcher, which finds on its stack the addresses of record and context, then these.
NTSTATUS EnterDispatcher(const EXCEPTION_RECORD& record, KTRAP_FRAME& frame) {
    CONTEXT context;
    context.ContextFlags = CONTEXT_FULL;
    KeContextFromKframes(&frame, nullptr, &context);
    KiNpxToContext(context);
    const ULONG esp = frame.HardwareEsp;
    __try {
        ULONG addresses[2];
        addresses[1] = KiPushUser(frame, &context, sizeof(context));
        addresses[0] = KiPushUser(frame, &record, sizeof(record));
        (void)KiPushUser(frame, addresses, sizeof(addresses));
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        frame.HardwareEsp = esp;
        return GetExceptionCode();
    }
    frame.Eip = ULONG(KiUserEntryPoints.KiUserExceptionDispatcher);
    frame.EFlags &= ~(nt::cpu::EFLAGS_TRAP | nt::cpu::EFLAGS_DIRECTION);
    return STATUS_SUCCESS;
}

/// Asks the debugger of the process. At a breakpoint it finds the thread behind the int3, as the processor has left it. After a step it
/// finds no trap flag: a debugger that wants another step asks for it. A program that steps itself keeps its flag.
bool AskDebugger(const EXCEPTION_RECORD& record, KTRAP_FRAME& frame, BOOLEAN firstChance) {
    if (!KiUserDebugger) return false;
    const ULONG step = record.ExceptionCode == STATUS_SINGLE_STEP ? frame.EFlags & nt::cpu::EFLAGS_TRAP : 0;
    frame.EFlags &= ~step;
    const bool breakpoint =
        record.ExceptionCode == STATUS_BREAKPOINT && record.ExceptionAddress == reinterpret_cast<PVOID>(frame.Eip);
    if (breakpoint) frame.Eip++;
    if (KiUserDebugger(&record, firstChance)) return true;
    if (breakpoint) frame.Eip--;
    frame.EFlags |= step;
    return false;
}

} // namespace

void KiDispatchUserException(EXCEPTION_RECORD* Record, KTRAP_FRAME* TrapFrame, BOOLEAN FirstChance) {
    if (FirstChance) {
        if (AskDebugger(*Record, *TrapFrame, TRUE)) return;
        if (KiUserEntryPoints.KiUserExceptionDispatcher && NT_SUCCESS(EnterDispatcher(*Record, *TrapFrame))) return;
    }
    if (AskDebugger(*Record, *TrapFrame, FALSE)) return;
    NT_ASSERT(KiUnhandledUserException != nullptr);
    KiUnhandledUserException(Record);
}

extern "C" void NTAPI KeSetUnhandledUserException(KUNHANDLED_USER_EXCEPTION* Routine) {
    KiUnhandledUserException = Routine;
}

extern "C" void NTAPI KeSetUserDebugger(KUSER_DEBUGGER* Routine) { KiUserDebugger = Routine; }

extern "C" NTSTATUS NTAPI NtRaiseException(EXCEPTION_RECORD* ExceptionRecord, CONTEXT* Context, BOOLEAN FirstChance) {
    if (KeGetPreviousMode() == KernelMode) return STATUS_INVALID_PARAMETER;
    EXCEPTION_RECORD record;
    CONTEXT context;
    __try {
        CopyFromUser(&record, ExceptionRecord, sizeof(record));
        CopyFromUser(&context, Context, sizeof(context));
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return GetExceptionCode();
    }
    if (record.NumberParameters > EXCEPTION_MAXIMUM_PARAMETERS) return STATUS_INVALID_PARAMETER;
    KTRAP_FRAME* const frame = KeGetCurrentThread()->TrapFrame;
    KeContextToKframes(frame, nullptr, &context, context.ContextFlags, UserMode);
    KiNpxFromContext(context);
    KiDispatchException(&record, nullptr, frame, UserMode, FirstChance);
    KiLeaveThroughFrame(frame);
}

extern "C" NTSTATUS NTAPI KeRaiseUserException(NTSTATUS ExceptionCode) {
    constexpr ULONG tebExceptionCode = 0x1A4; // TEB::ExceptionCode (documented)
    const KTHREAD* const thread = KeGetCurrentThread();
    if (KeGetPreviousMode() == KernelMode || !thread->Teb || !KiUserEntryPoints.KiRaiseUserExceptionDispatcher)
        return ExceptionCode;
    KTRAP_FRAME& frame = *thread->TrapFrame;
    __try {
        WriteULongToUser(reinterpret_cast<ULONG*>(static_cast<UCHAR*>(thread->Teb) + tebExceptionCode),
                         static_cast<ULONG>(ExceptionCode));
        (void)KiPushUser(frame, &frame.Eip, sizeof(frame.Eip));
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        return ExceptionCode; // it has no place for the exception: the status must do
    }
    frame.Eip = ULONG(KiUserEntryPoints.KiRaiseUserExceptionDispatcher);
    return ExceptionCode;
}
