// A spin lock acquired by its holder: it would spin for ever. SYH-05
// Expect: acquiring spin lock 'lock' that is already held
#include "ke.h"

void Twice(KSPIN_LOCK& lock, ULONG& count) {
    nt::SpinLockGuard guard(lock);
#ifdef VIOLATION
    nt::SpinLockAtDpcGuard again(lock);
#endif
    count = count + 1;
}
