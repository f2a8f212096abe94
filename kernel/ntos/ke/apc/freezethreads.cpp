// Freezing a process: all its threads but the caller stand still, as if suspended once more.
//
// Locks: ProcessLock, so that no thread comes or goes meanwhile, under it each thread's ApcQueueLock. IRQL: <= APC_LEVEL.
// In the books: "process and thread internals". KPR-12, INT-14
#include "ke/ki.h"

namespace {

template <typename Action> void ForOtherThreads(Action action) {
    KTHREAD* const self = KeGetCurrentThread();
    KPROCESS* const process = self->Process;
    nt::SpinLockGuard guard(process->ProcessLock);
    for (KTHREAD* thread : nt::List<&KTHREAD::ThreadListEntry>(process->ThreadListHead)) {
        if (thread != self) action(thread);
    }
}

} // namespace

void NTAPI KeFreezeAllThreads() {
    KeEnterCriticalRegion();
    ForOtherThreads(KiFreezeThread);
}

void NTAPI KeThawAllThreads() {
    ForOtherThreads(KiThawThread);
    KeLeaveCriticalRegion();
}
