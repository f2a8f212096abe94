// Spin locks as exports: what ke/spinlock.h does in place, other compilers call by name.
//
// The asm label gives each export its own name, which in C++ is the inline routine's. No header of Mica declares these.
// In the books: "spin locks" (synchronization at high IRQL). SYH-05
#include "ke/spinlock.h"

#define STANDARD(name, bytes) __asm__("_" #name "@" #bytes)

extern "C" {
void NTAPI KiAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock) STANDARD(KeAcquireSpinLockAtDpcLevel, 4);
void NTAPI KiReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock) STANDARD(KeReleaseSpinLockFromDpcLevel, 4);

void NTAPI KiAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock) IMPLEMENTS_LOCK { KefAcquireSpinLockAtDpcLevel(SpinLock); }
void NTAPI KiReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock) IMPLEMENTS_LOCK {
    KefReleaseSpinLockFromDpcLevel(SpinLock);
}
}
