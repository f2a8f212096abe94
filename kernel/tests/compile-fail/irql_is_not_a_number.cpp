// An IRQL is not a priority and not a number. INT-01
// Expect: no matching function for call to 'KfRaiseIrql'|cannot initialize a parameter of type 'KIRQL'
#include "ke.h"

KIRQL Raise(KPRIORITY priority) {
#ifdef VIOLATION
    return KfRaiseIrql(priority);
#else
    return KfRaiseIrql(static_cast<KIRQL>(priority));
#endif
}
