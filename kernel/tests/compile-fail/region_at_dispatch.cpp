// A critical region says nothing at DISPATCH_LEVEL, where no APC comes anyway, and its end could not deliver. INT-15
// Expect: cannot call function 'KeEnterCriticalRegion' while IRQL 'AtDispatchLevel' is held
#include "ke.h"

void Enter() {
#ifdef VIOLATION
    nt::DispatchLevelGuard guard;
#endif
    KeEnterCriticalRegion();
}
