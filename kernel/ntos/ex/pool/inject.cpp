// Allocations that fail on request: the n-th from now on. Checked builds ask here at every allocation.
//
// A host, a test or the option /POOLFAIL=n says which. So every allocation site is tried in turn: run the same work with n = 1, 2, ...
// until none fails any more. ExpPoolInjection.Caller names the site.
// Locks: none. IRQL: any.
// In the books: "driver verifier: low resources simulation". POL-05, ERR-10
#include "ex/pool/expool.h"
#include "nt/atomic.h"

POOL_INJECTION ExpPoolInjection;

bool ExpInjectFailure(ULONG_PTR caller) {
    (void)InterlockedIncrement(&ExpPoolInjection.Attempts);
    for (;;) {
        const LONG left = ExpPoolInjection.FailAfter;
        if (left <= 0) return false;
        if (InterlockedCompareExchange(&ExpPoolInjection.FailAfter, left - 1, left) != left) continue;
        if (left > 1) return false;
        (void)InterlockedIncrement(&ExpPoolInjection.Failed);
        ExpPoolInjection.Caller = caller;
        return true;
    }
}
