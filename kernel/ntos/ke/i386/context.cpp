// CONTEXT and KTRAP_FRAME: two forms of the same registers.
//
// A trap frame of kernel mode has no room for a stack pointer: the interrupted one is where HardwareEsp would be, and a
// changed one goes to TempEsp, from where KiTrapExit takes it.
// In the books: "trap frame", "thread context". EXC-01
#include "ki386.h"

namespace {

/// Flags that a debugger or a handler may change; the rest (I/O privilege, virtual interrupts...) stays.
constexpr ULONG CHANGEABLE_EFLAGS = 0x00240FD5;
constexpr ULONG USER_CODE = KGDT_R3_CODE | RPL_MASK;
constexpr ULONG USER_DATA = KGDT_R3_DATA | RPL_MASK;
constexpr ULONG USER_TEB = KGDT_R3_TEB | RPL_MASK;

bool Has(ULONG flags, ULONG part) { return (flags & part) == part; }

bool IsKernelFrame(const KTRAP_FRAME& frame) { return KiPreviousMode(frame) == KernelMode; }

ULONG InterruptedEsp(const KTRAP_FRAME& frame) {
    if (!IsKernelFrame(frame)) return frame.HardwareEsp;
    return frame.TempEsp ? frame.TempEsp : ULONG(reinterpret_cast<ULONG_PTR>(&frame.HardwareEsp));
}

} // namespace

extern "C" {

void NTAPI KeContextFromKframes(KTRAP_FRAME* TrapFrame, KEXCEPTION_FRAME* ExceptionFrame, CONTEXT* Context) {
    const KTRAP_FRAME& frame = *TrapFrame;
    const ULONG flags = Context->ContextFlags;
    if (Has(flags, CONTEXT_CONTROL)) {
        Context->Ebp = frame.Ebp;
        Context->Eip = frame.Eip;
        Context->SegCs = USHORT(frame.SegCs); // a processor may leave the upper half of a pushed selector as it was
        Context->EFlags = frame.EFlags;
        Context->Esp = InterruptedEsp(frame);
        Context->SegSs = IsKernelFrame(frame) ? KGDT_R0_DATA : USHORT(frame.HardwareSegSs);
    }
    if (Has(flags, CONTEXT_INTEGER)) {
        Context->Edi = frame.Edi;
        Context->Esi = frame.Esi;
        Context->Ebx = frame.Ebx;
        Context->Edx = frame.Edx;
        Context->Ecx = frame.Ecx;
        Context->Eax = frame.Eax;
    }
    if (Has(flags, CONTEXT_SEGMENTS)) {
        Context->SegGs = USHORT(frame.SegGs);
        Context->SegFs = USHORT(frame.SegFs);
        Context->SegEs = USHORT(frame.SegEs);
        Context->SegDs = USHORT(frame.SegDs);
    }
}

void NTAPI KeContextToKframes(KTRAP_FRAME* TrapFrame, KEXCEPTION_FRAME* ExceptionFrame, CONTEXT* Context,
                              ULONG ContextFlags, KPROCESSOR_MODE PreviousMode) {
    KTRAP_FRAME& frame = *TrapFrame;
    if (Has(ContextFlags, CONTEXT_CONTROL)) {
        frame.Ebp = Context->Ebp;
        frame.Eip = Context->Eip;
        frame.EFlags = (frame.EFlags & ~CHANGEABLE_EFLAGS) | (Context->EFlags & CHANGEABLE_EFLAGS);
        if (IsKernelFrame(frame)) {
            if (Context->Esp != InterruptedEsp(frame)) {
                NT_ASSERT(Context->Esp > reinterpret_cast<ULONG_PTR>(&frame.HardwareEsp));
                frame.TempEsp = Context->Esp;
            }
        } else {
            frame.HardwareEsp =
                Context->Esp; // the rest is what user mode always has: with another, the way there would fault
            frame.HardwareSegSs = USER_DATA;
            frame.SegCs = USER_CODE;
            frame.EFlags |= nt::cpu::EFLAGS_INTERRUPT | nt::cpu::EFLAGS_FIXED;
        }
    }
    if (Has(ContextFlags, CONTEXT_INTEGER)) {
        frame.Edi = Context->Edi;
        frame.Esi = Context->Esi;
        frame.Ebx = Context->Ebx;
        frame.Edx = Context->Edx;
        frame.Ecx = Context->Ecx;
        frame.Eax = Context->Eax;
    }
    if (Has(ContextFlags, CONTEXT_SEGMENTS) && !IsKernelFrame(frame)) { // segments of kernel code never change
        frame.SegDs = frame.SegEs = USER_DATA;
        frame.SegFs = USER_TEB;
        frame.SegGs = 0;
    }
}
}
