// Stack traces of threads that do not run.
//
// Such a thread has its registers on its stack, where the context switch put them; KernelStack points there. Its EBP is
// the link to its callers. A stack that is not in memory is left alone: the dispatcher lock keeps one where it is while it is read.
// In the books: "context switching", "stack traces". TOL-06
#include "kdp.h"
#include "rtl/exception.h"
#include "session.h"
#include "threadview.h"

namespace {

constexpr ULONG FRAMES = 32;

/// Where a thread will go on, and which routines called each other up to there.
struct SAVED_STACK {
    ULONG Count; ///< of Frames; 0: the saved stack pointer is not on the stack
    bool Absent; ///< the stack is not in memory
    ULONG_PTR Frames[FRAMES + 1];
};

void Copy(const KTHREAD& thread, SAVED_STACK& stack) REQUIRES_(KiDispatcherLock) {
    stack.Absent = !thread.KernelStackResident;
    if (stack.Absent) return;
    const auto low = reinterpret_cast<ULONG_PTR>(thread.StackLimit);
    const auto high = reinterpret_cast<ULONG_PTR>(thread.InitialStack);
    const auto saved = reinterpret_cast<ULONG_PTR>(thread.KernelStack);
    if (saved < low || saved + (KD_SWITCH_FRAME_EBP + 2) * sizeof(ULONG_PTR) > high) return;
    const auto* const words = reinterpret_cast<const ULONG_PTR*>(saved);
    PVOID callers[FRAMES];
    const ULONG count = RtlWalkFrames(callers, FRAMES, words[KD_SWITCH_FRAME_EBP], low, high);
    stack.Frames[stack.Count++] = words[KD_SWITCH_FRAME_EBP + 1];
    for (ULONG i = 0; i < count && callers[i]; i++)
        stack.Frames[stack.Count++] = reinterpret_cast<ULONG_PTR>(callers[i]);
}

void Print(KD_SESSION& session, const SAVED_STACK& stack) {
    if (stack.Absent) return session.Print("its kernel stack is not in memory\n");
    if (stack.Count == 0) session.Print("its saved stack pointer is not on its stack\n");
    for (ULONG i = 0; i < stack.Count; i++)
        KdpPrintFrame(session, i, stack.Frames[i]);
}

/// Copies the stack of a thread that is on a process's list, and so has not ended. @returns false if it is on none
bool Find(const KD_SESSION& session, const KTHREAD* wanted, SAVED_STACK& stack) {
    for (EPROCESS* process : nt::List<&EPROCESS::ActiveProcessLinks>(PsActiveProcessHead)) {
        KdpLock threads(session, process->Pcb.ProcessLock);
        for (const KTHREAD* thread : nt::List<&KTHREAD::ThreadListEntry>(process->Pcb.ThreadListHead)) {
            if (thread != wanted) continue;
            KdpLock states(session, KiDispatcherLock);
            Copy(*thread, stack);
            return true;
        }
    }
    return false;
}

} // namespace

void KdpPrintChain(KD_SESSION& session, ULONG_PTR eip, ULONG_PTR frame, ULONG_PTR low, ULONG_PTR high) {
    PVOID callers[FRAMES];
    const ULONG count = RtlWalkFrames(callers, FRAMES, frame, low, high);
    KdpPrintFrame(session, 0, eip);
    for (ULONG i = 0; i < count && callers[i]; i++)
        KdpPrintFrame(session, i + 1, reinterpret_cast<ULONG_PTR>(callers[i]));
}

void KdpPrintSavedStack(KD_SESSION& session, const KTHREAD& thread) {
    SAVED_STACK stack = {};
    nt::AssumeHeld(KiDispatcherLock); // while deadlocks are looked for
    Copy(thread, stack);
    Print(session, stack);
}

void KdpPrintStackOf(KD_SESSION& session, const KTHREAD* thread) {
    SAVED_STACK stack = {};
    if (!Find(session, thread, stack)) return session.Print("it has ended\n");
    Print(session, stack);
}
