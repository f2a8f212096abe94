// A lock taken without raising the IRQL, by code that is not at DISPATCH_LEVEL. SYH-02, SYH-05
// Expect: requires holding IRQL 'AtDispatchLevel'|'AtDispatchLevel' is still held at the end
#include "ke.h"

void Touch(KSPIN_LOCK& lock, ULONG& count) {
#ifdef VIOLATION
    nt::SpinLockAtDpcGuard guard(lock);
#else
    nt::SpinLockGuard guard(lock);
#endif
    count = count + 1;
}
