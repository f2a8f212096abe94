// Stack traces of threads that do not run.
//
// Such a thread has its registers on its stack, where the context switch put them; KernelStack points there. Its EBP is
// the link to its callers.
// In the books: "context switching", "stack traces". TOL-06
#include "kdp.h"
#include "rtl/exception.h"
#include "session.h"
#include "threadview.h"

namespace {

constexpr ULONG FRAMES = 32;

} // namespace

void KdpPrintChain(KD_SESSION& session, ULONG_PTR eip, ULONG_PTR frame, ULONG_PTR low, ULONG_PTR high) {
    PVOID callers[FRAMES];
    const ULONG count = RtlWalkFrameChain(callers, FRAMES, frame, low, high);
    KdpPrintFrame(session, 0, eip);
    for (ULONG i = 0; i < count && callers[i]; i++)
        KdpPrintFrame(session, i + 1, reinterpret_cast<ULONG_PTR>(callers[i]));
}

void KdpPrintSavedStack(KD_SESSION& session, const KTHREAD& thread) {
    const auto low = reinterpret_cast<ULONG_PTR>(thread.StackLimit);
    const auto high = reinterpret_cast<ULONG_PTR>(thread.InitialStack);
    const auto saved = reinterpret_cast<ULONG_PTR>(thread.KernelStack);
    if (saved < low || saved + (KD_SWITCH_FRAME_EBP + 2) * sizeof(ULONG_PTR) > high) {
        session.Print("its saved stack pointer %p is not on its stack\n", thread.KernelStack);
        return;
    }
    const auto* const words = reinterpret_cast<const ULONG_PTR*>(saved);
    KdpPrintChain(session, words[KD_SWITCH_FRAME_EBP + 1], words[KD_SWITCH_FRAME_EBP], low, high);
}
