// Who is debugging: boot options, breakpoints, and the debugger's look at every exception.
//
// Two debuggers exist. With /TEST a host drives the machine from outside through gdb; the monitor keeps quiet then.
// Otherwise the monitor is there (/DEBUG: it takes breakpoints as soon as the kernel runs; without, only a bugcheck and
// the end of the boot lead to its prompt).
// In the books: "exception dispatching: kernel debugger, first and second chance". EXC-02, TOL-06
#include "kdp.h"
#include "ldr.h"
#include "rtl/string.h"

namespace {

bool KdpHostDrives;     ///< /TEST
bool KdpMonitorEnabled; ///< /DEBUG and not /TEST

constexpr UCHAR BREAKPOINT_INSTRUCTION = 0xCC; ///< int3

} // namespace

extern "C" void NTAPI KdInitSystem(LOADER_PARAMETER_BLOCK* LoaderBlock) {
    KdpHostDrives = RtlFindOption(LoaderBlock->LoadOptions, "TEST", nullptr, 0);
    KdpMonitorEnabled = !KdpHostDrives && RtlFindOption(LoaderBlock->LoadOptions, "DEBUG", nullptr, 0);
}

extern "C" void NTAPI DbgBreakPoint() { __debugbreak(); }

extern "C" BOOLEAN NTAPI KdTrap(KTRAP_FRAME* TrapFrame, EXCEPTION_RECORD* ExceptionRecord, CONTEXT* Context,
                                BOOLEAN SecondChance) {
    if (!KdpMonitorEnabled || SecondChance || ExceptionRecord->ExceptionCode != STATUS_BREAKPOINT) return FALSE;
    ULONG_PTR offset = 0;
    const PCSTR module = KdpFindModule(Context->Eip, &offset);
    DbgPrint("Breakpoint at %s+0x%x\n", module ? module : "?", static_cast<ULONG>(offset));
    KdEnterMonitor(Context);
    if (*reinterpret_cast<const UCHAR*>(Context->Eip) == BREAKPOINT_INSTRUCTION) Context->Eip++; // go on behind it
    return TRUE;
}
