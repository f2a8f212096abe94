// A field of a thread that the dispatcher database lock guards, written without it. SYH-05, KPR-01
// Expect: writing variable 'Alerted' requires holding spin lock 'KiDispatcherLock'
#include "ke.h"

void Alert(KTHREAD* thread) {
#ifndef VIOLATION
    nt::SpinLockGuard guard(KiDispatcherLock);
#endif
    thread->Alerted[0] = TRUE;
}
