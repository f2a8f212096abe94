// The reaper: frees the kernel stacks of ended threads, and the threads themselves when no reference is left. Then their
// process may go.
//
// An ending thread still stands on its stack, so it hands itself over and terminates; the reaper waits until the thread
// object is signaled and its last context switch is complete (SwapBusy clear), and only then frees.
#include "mm.h"
#include "nt/atomic.h"
#include "ps/psp.h"

namespace {

constinit KSPIN_LOCK ReaperLock = {};
LIST_ENTRY ReaperListHead GUARDED_BY(ReaperLock) = {&ReaperListHead, &ReaperListHead};
KEVENT ReaperEvent; // shared: its own dispatcher header
constexpr KPRIORITY ReaperPriority = 16;

PETHREAD NextDeadThread() {
    nt::SpinLockGuard guard(ReaperLock);
    return nt::List<&ETHREAD::TerminationLink>(ReaperListHead).PopFront();
}

void NTAPI Reaper(PVOID) {
    for (;;) {
        (void)KeWaitForSingleObject(&ReaperEvent, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        while (PETHREAD const thread = NextDeadThread()) {
            (void)KeWaitForSingleObject(thread, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
            while (thread->Tcb.SwapBusy)
                YieldProcessor();
            MmDeleteKernelStack(thread->Tcb.StackBase, FALSE);
            // A thread that deletes the process holds it, and waits for this release: then no reference of ours is left.
            // With an image, the thread's reference may be the last one to its process.
            EPROCESS* const process = thread->ThreadsProcess;
            const bool awaited = !process->EndsWithLastThread;
            PsDereferenceThread(thread);
            if (awaited) ExReleaseRundownProtection(&process->ThreadRundown);
        }
    }
}

} // namespace

NTSTATUS PspInitializeReaper() {
    KeInitializeSpinLock(&ReaperLock, KLOCK_RANK::Object);
    KeInitializeEvent(&ReaperEvent, SynchronizationEvent, FALSE);
    return PsStartSystemThread(nullptr, "Reaper", ReaperPriority, Reaper, nullptr);
}

void PspQueueToReaper(PETHREAD Thread) {
    {
        nt::SpinLockGuard guard(ReaperLock);
        InsertTailList(&ReaperListHead, &Thread->TerminationLink);
    }
    (void)KeSetEvent(&ReaperEvent, 0, FALSE);
}
