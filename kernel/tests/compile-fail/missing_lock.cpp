// A field guarded by a spin lock, touched without the lock. SYH-05
// Expect: (reading|writing) variable 'Count' requires holding spin lock
#include "ke.h"

struct Counter {
    KSPIN_LOCK Lock;
    ULONG Count GUARDED_BY(Lock);
};

void Add(Counter& counter) {
#ifndef VIOLATION
    nt::SpinLockGuard guard(counter.Lock);
#endif
    counter.Count = counter.Count + 1;
}
