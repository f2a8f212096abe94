// Spin locks from below DISPATCH_LEVEL: raise, then the kernel's own acquisition, which spins and, in checked builds,
// checks ranks and holders (ke/locks/spinlock.cpp). SYH-05, HAL-08
#include "ke/spinlock.h"

// The annotations are on the declarations; the bodies are below the analysis.
extern "C" {

KIRQL FASTCALL KfAcquireSpinLock(PKSPIN_LOCK SpinLock) IMPLEMENTS_LOCK {
    const KIRQL oldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    KefAcquireSpinLockAtDpcLevel(SpinLock);
    return oldIrql;
}

void FASTCALL KfReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL OldIrql) IMPLEMENTS_LOCK {
    KefReleaseSpinLockFromDpcLevel(SpinLock);
    KfLowerIrql(OldIrql);
}
}
