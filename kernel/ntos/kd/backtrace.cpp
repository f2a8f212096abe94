// KdPrintBacktrace: a stack trace that a host can put names to.
//
// The kernel has no symbols; it prints `image+offset`, which is the same in every run however images are placed. The
// host looks the offset up in the image's symbols (grader/images/symbols.py).
// In the books: "crash dump analysis: stack traces". TRP-09, TOL-07
#include "kdp.h"
#include "ldr.h"
#include "nt/list.h"
#include "ps.h"
#include "rtl/exception.h"
#include "session.h"

namespace {

constexpr ULONG BACKTRACE_FRAMES = 32;

void PrintRepeated(KD_SESSION& session, ULONG count) {
    if (count) session.Print("  ... %u more of these\n", count);
}

} // namespace

PCUNICODE_STRING KdpFindModule(ULONG_PTR Address, ULONG_PTR* Offset) {
    if (!PsLoadedModuleList.Flink) return nullptr; // before the list is made
    for (const LDR_DATA_TABLE_ENTRY* module : nt::List<&LDR_DATA_TABLE_ENTRY::InLoadOrderLinks>(PsLoadedModuleList)) {
        const auto base = reinterpret_cast<ULONG_PTR>(module->DllBase);
        if (Address - base >= module->SizeOfImage) continue;
        *Offset = Address - base;
        return &module->BaseDllName;
    }
    return nullptr;
}

void KdpPrintFrame(KD_SESSION& session, ULONG number, ULONG_PTR address) {
    ULONG_PTR offset = 0;
    PCUNICODE_STRING const module = KdpFindModule(address, &offset);
    if (module) {
        session.Print("  #%u %wZ+0x%x\n", number, module, static_cast<ULONG>(offset));
    } else {
        session.Print("  #%u 0x%08x\n", number, static_cast<ULONG>(address));
    }
}

extern "C" void NTAPI KdPrintBacktrace(ULONG_PTR Eip, ULONG_PTR Frame) {
    ULONG_PTR low;
    ULONG_PTR high;
    KeQueryStackBounds(Frame, &low, &high);
    PVOID callers[BACKTRACE_FRAMES];
    const ULONG count = RtlWalkFrames(callers, BACKTRACE_FRAMES, Frame, low, high);

    KD_SESSION session(nullptr);
    ULONG number = 0;
    ULONG repeated = 0; // of the frame printed last: an endless recursion shall not push everything else off the screen
    if (Eip) KdpPrintFrame(session, number++, Eip);
    for (ULONG i = 0; i < count && callers[i]; i++, number++) { // the first frame of a stack returns to nowhere
        if (i > 0 && callers[i] == callers[i - 1]) {
            repeated++;
            continue;
        }
        PrintRepeated(session, repeated);
        repeated = 0;
        KdpPrintFrame(session, number, reinterpret_cast<ULONG_PTR>(callers[i]));
    }
    PrintRepeated(session, repeated);
}
