// KiDebugRoutine: the debugger's look at every exception.
//
// The exception dispatcher asks KiDebugRoutine before the frame handlers, and again when none of them handled it. Without
// /DEBUG, and with /TEST, where a host drives the machine from outside, that is a routine that passes everything on. With
// /DEBUG it is the monitor: at the first chance it takes breakpoints, and everything else if `sx on` was said; at the
// second chance it takes whatever comes, and `go` leads to the bugcheck.
// In the books: "exception dispatching: kernel debugger, first and second chance". EXC-02, TOL-06
#include "kdp.h"
#include "ke/options.h"

namespace {

constexpr UCHAR BREAKPOINT_INSTRUCTION = 0xCC; ///< int3

bool StopAtFirstChance; ///< shared: no, set by the person at the monitor

constinit WCHAR NoName[] = u"";

/// The name of the image that holds an address; empty: none does.
UNICODE_STRING ModuleAt(ULONG_PTR address, ULONG_PTR* offset) {
    *offset = address;
    PCUNICODE_STRING const name = KdpFindModule(address, offset);
    return name ? *name : UNICODE_STRING{0, 0, NoName};
}

void Describe(const EXCEPTION_RECORD& record, const CONTEXT& context, PCSTR chance) {
    ULONG_PTR offset;
    const UNICODE_STRING module = ModuleAt(context.Eip, &offset);
    DbgPrint("Exception 0x%08x at %wZ+0x%x (%s chance)\n", static_cast<ULONG>(record.ExceptionCode), &module,
             static_cast<ULONG>(offset), chance);
}

BOOLEAN TakeBreakpoint(CONTEXT* context) {
    ULONG_PTR offset;
    const UNICODE_STRING module = ModuleAt(context->Eip, &offset);
    DbgPrint("Breakpoint at %wZ+0x%x\n", &module, static_cast<ULONG>(offset));
    KdEnterMonitor(context);
    if (*reinterpret_cast<const UCHAR*>(context->Eip) == BREAKPOINT_INSTRUCTION) context->Eip++; // go on behind it
    return TRUE;
}

/// No debugger.
BOOLEAN NTAPI KdpStub(KTRAP_FRAME*, EXCEPTION_RECORD*, CONTEXT*, BOOLEAN) { return FALSE; }

/// The monitor debugs.
BOOLEAN NTAPI KdpTrap(KTRAP_FRAME*, EXCEPTION_RECORD* record, CONTEXT* context, BOOLEAN secondChance) {
    if (!secondChance && record->ExceptionCode == STATUS_BREAKPOINT) return TakeBreakpoint(context);
    if (!secondChance && !StopAtFirstChance) return FALSE;
    Describe(*record, *context, secondChance ? "second" : "first");
    KdEnterMonitor(context);
    return FALSE; // seen, not handled: on to the frames, or to the bugcheck
}

} // namespace

extern "C" constinit PKDEBUG_ROUTINE KiDebugRoutine = KdpStub; // shared: set at boot

extern "C" void NTAPI KdInitSystem(LOADER_PARAMETER_BLOCK* LoaderBlock) {
    if (KeLoaderOptions.Debug && !KeLoaderOptions.Test) KiDebugRoutine = KdpTrap;
}

void KdpStopAtFirstChance(bool stop) { StopAtFirstChance = stop; }

extern "C" void NTAPI DbgBreakPoint() { __debugbreak(); }
