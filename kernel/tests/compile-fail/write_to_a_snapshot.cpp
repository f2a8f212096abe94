// A field that is read without its lock, as a snapshot, and then written. SYH-05
// Expect: writing variable 'NextThread' requires holding spin lock 'prcb->PrcbLock' exclusively
#include "ke.h"

bool IsChosen(KPRCB* prcb) {
    nt::AssumeSnapshot(prcb->PrcbLock); // a hint
#ifdef VIOLATION
    prcb->NextThread = nullptr;
#endif
    return prcb->NextThread != nullptr;
}
