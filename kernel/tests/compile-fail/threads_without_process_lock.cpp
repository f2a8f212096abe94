// The threads of a process, walked under the lock of another process. SYH-05, KPR-01
// Expect: requires holding spin lock 'process->ProcessLock'
#include "ke.h"

ULONG Count(KPROCESS* process, [[maybe_unused]] KPROCESS* other) {
    ULONG count = 0;
#ifndef VIOLATION
    nt::SpinLockGuard guard(process->ProcessLock);
#else
    nt::SpinLockGuard guard(other->ProcessLock);
#endif
    for ([[maybe_unused]] KTHREAD* thread : nt::List<&KTHREAD::ThreadListEntry>(process->ThreadListHead))
        count++;
    return count;
}
