// IRQL and spin locks as exports: what ke/irql.h and ke/spinlock.h do in place, other compilers call by name.
//
// The public headers make most of these calls of the Kf routines; the import libraries have them all. The asm label gives each
// export its own name, which in C++ is the inline routine's. No header of Mica declares these.
// In the books: "interrupt request levels", "spin locks". INT-02, SYH-05
#include "ke/spinlock.h"

#define FAST(name, bytes) __asm__("@" #name "@" #bytes)
#define STANDARD(name, bytes) __asm__("_" #name "@" #bytes)

extern "C" {
void NTAPI HalpRaiseIrql(KIRQL NewIrql, KIRQL* OldIrql) STANDARD(KeRaiseIrql, 8);
KIRQL NTAPI HalpRaiseIrqlToSynchLevel() STANDARD(KeRaiseIrqlToSynchLevel, 0);
void NTAPI HalpLowerIrql(KIRQL NewIrql) STANDARD(KeLowerIrql, 4);
void NTAPI HalpAcquireSpinLock(PKSPIN_LOCK SpinLock, KIRQL* OldIrql) STANDARD(KeAcquireSpinLock, 8);
KIRQL FASTCALL HalpAcquireSpinLockRaiseToSynch(PKSPIN_LOCK SpinLock) FAST(KeAcquireSpinLockRaiseToSynch, 4);
void NTAPI HalpReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql) STANDARD(KeReleaseSpinLock, 8);
void NTAPI HalpFlushWriteBuffer() STANDARD(KeFlushWriteBuffer, 0);

void NTAPI HalpRaiseIrql(KIRQL NewIrql, KIRQL* OldIrql) { *OldIrql = KfRaiseIrql(NewIrql); }
KIRQL NTAPI HalpRaiseIrqlToSynchLevel() { return KfRaiseIrql(SYNCH_LEVEL); }
void NTAPI HalpLowerIrql(KIRQL NewIrql) { KfLowerIrql(NewIrql); }

void NTAPI HalpAcquireSpinLock(PKSPIN_LOCK SpinLock, KIRQL* OldIrql) IMPLEMENTS_LOCK {
    *OldIrql = KfAcquireSpinLock(SpinLock);
}
KIRQL FASTCALL HalpAcquireSpinLockRaiseToSynch(PKSPIN_LOCK SpinLock) IMPLEMENTS_LOCK {
    return KfAcquireSpinLock(SpinLock);
}
void NTAPI HalpReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql) IMPLEMENTS_LOCK {
    KfReleaseSpinLock(SpinLock, NewIrql);
}

/// An x86 processor shows its writes in their order; what its store buffer holds is out after a locked instruction.
void NTAPI HalpFlushWriteBuffer() { __sync_synchronize(); }
}
