// Who is debugging: the debugger's look at every exception.
//
// Two debuggers exist. With /TEST a host drives the machine from outside through gdb, and the monitor keeps quiet.
// With /DEBUG the monitor takes breakpoints as soon as KdInitSystem has run; every other exception is left to the frames
// and, if nobody handles it, to the bugcheck, which ends at the monitor's prompt.
// In the books: "exception dispatching: kernel debugger, first and second chance". EXC-02, TOL-06
#include "kdp.h"
#include "ke/options.h"

namespace {

bool KdpDebuggerEnabled;

constexpr UCHAR BREAKPOINT_INSTRUCTION = 0xCC; ///< int3

} // namespace

extern "C" void NTAPI KdInitSystem(LOADER_PARAMETER_BLOCK* LoaderBlock) {
    KdpDebuggerEnabled = KeLoaderOptions.Debug && !KeLoaderOptions.Test;
}

extern "C" void NTAPI DbgBreakPoint() { __debugbreak(); }

extern "C" BOOLEAN NTAPI KdTrap(KTRAP_FRAME* TrapFrame, EXCEPTION_RECORD* ExceptionRecord, CONTEXT* Context,
                                BOOLEAN SecondChance) {
    if (!KdpDebuggerEnabled || SecondChance || ExceptionRecord->ExceptionCode != STATUS_BREAKPOINT) return FALSE;
    ULONG_PTR offset = Context->Eip;
    const PCSTR module = KdpFindModule(Context->Eip, &offset);
    DbgPrint("Breakpoint at %s+0x%x\n", module ? module : "", static_cast<ULONG>(offset));
    KdEnterMonitor(Context);
    if (*reinterpret_cast<const UCHAR*>(Context->Eip) == BREAKPOINT_INSTRUCTION) Context->Eip++; // go on behind it
    return TRUE;
}
