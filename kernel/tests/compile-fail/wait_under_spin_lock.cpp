// The holder of a spin lock is at DISPATCH_LEVEL, so the same rule forbids a wait there. SYH-05, INT-02
// Expect: cannot call function 'KeWaitForSingleObject' while IRQL 'AtDispatchLevel' is held
#include "ke.h"

NTSTATUS WaitHolding(KSPIN_LOCK& lock, KEVENT& event) {
    {
        nt::SpinLockGuard guard(lock);
#ifdef VIOLATION
        return KeWaitForSingleObject(&event, KWAIT_REASON::Executive, KernelMode, false, nullptr);
#endif
    }
    return KeWaitForSingleObject(&event, KWAIT_REASON::Executive, KernelMode, false, nullptr);
}
