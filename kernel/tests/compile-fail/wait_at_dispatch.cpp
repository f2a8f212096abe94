// A thread that waits at DISPATCH_LEVEL would never be switched away from. INT-02, DSP-14
// Expect: cannot call function 'KeWaitForSingleObject' while IRQL 'AtDispatchLevel' is held
#include "ke.h"

NTSTATUS Wait(KEVENT& event) {
#ifdef VIOLATION
    nt::DispatchLevelGuard guard;
#endif
    return KeWaitForSingleObject(&event, KWAIT_REASON::Executive, KernelMode, false, nullptr);
}
