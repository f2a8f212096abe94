// A deadlock in words: what each thread waits for, which has it, and the code that did both.
//
// The addresses are printed as in every stack trace, so that the host puts names to them.
// In the books: "driver verifier: deadlock detection". TOL-06, DSP-20
#include "kdp.h"
#include "names.h"
#include "ps.h"
#include "session.h"

namespace {

constexpr ULONG PATIENCE = 1'000'000; ///< turns of waiting for a thread that is leaving its processor

void PrintThread(KD_SESSION& session, const KTHREAD* thread) {
    const auto* const outer = CONTAINING_RECORD(thread, const ETHREAD, Tcb);
    session.Print("thread %u %s (%p)", outer->UniqueThreadId, outer->ThreadName, static_cast<const void*>(thread));
}

/// @param here the thread that runs this
void PrintWaitStack(KD_SESSION& session, const KTHREAD* thread, const KTHREAD* here) {
    if (thread == here) {
        ULONG_PTR low;
        ULONG_PTR high;
        const auto frame = reinterpret_cast<ULONG_PTR>(__builtin_frame_address(0));
        KeQueryStackBounds(frame, &low, &high);
        const auto* const words = reinterpret_cast<const ULONG_PTR*>(frame); // the caller's EBP, the way back to it
        KdpPrintChain(session, words[1], words[0], low, high);
        return;
    }
    for (ULONG turn = 0; thread->SwapBusy && turn < PATIENCE; turn++)
        YieldProcessor();
    KdpPrintSavedStack(session, *thread);
}

void PrintStep(KD_SESSION& session, const KLOCK_WAIT& wait, const KTHREAD* owner, const KTHREAD* here) {
    PrintThread(session, wait.Thread);
    session.Print(" waits for %s %p%s, at\n", KdpLockName(wait.Kind), wait.Lock,
                  wait.Exclusive ? "" : " (to share it)");
    PrintWaitStack(session, wait.Thread, here);
    if (wait.Kind == KLOCK_KIND::Thread) return; // the thread is its own owner
    session.Print("  which is held%s by ", wait.HeldExclusive ? "" : " (shared)");
    PrintThread(session, owner);
    session.Print("%s\n", wait.AcquiredFrom && wait.AcquiredFrom[0] ? ", acquired at" : "");
    for (ULONG i = 0; wait.AcquiredFrom && i < LOCK_STACK_FRAMES && wait.AcquiredFrom[i]; i++)
        KdpPrintFrame(session, i, wait.AcquiredFrom[i]);
}

} // namespace

extern "C" void NTAPI KdPrintDeadlock(const KLOCK_WAIT* Waits, ULONG Count) {
    KD_SESSION session(nullptr);
    if (Count == 1) {
        session.Print("\n*** deadlock: a thread waits for itself\n");
    } else {
        session.Print("\n*** deadlock: %u threads wait for each other\n", Count);
    }
    for (ULONG i = 0; i < Count; i++)
        PrintStep(session, Waits[i], Waits[(i + 1) % Count].Thread, Waits[0].Thread);
}
