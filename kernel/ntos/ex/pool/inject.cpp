// Allocations that fail on request. What each word means: ex/inject.h.
//
// In the books: "driver verifier: low resources simulation". POL-05, ERR-10
#include "ex/inject.h"
#include "nt/atomic.h"
#include "rtl/exception.h"

EX_INJECTION ExpInjection = {.Kinds = ExInjectionMask(EX_ALLOCATION::Pool)};

#if defined(MICA_CHECKED) || defined(MICA_HOST)

namespace {

/// Notes the allocation that fails, for those who look for its site.
void Note(EX_ALLOCATION kind) {
    ExpInjection.Kind = kind;
#if !defined(MICA_HOST)
    ExpInjection.CallerCount = RtlWalkFrameChain(ExpInjection.Callers, EX_INJECTION_CALLERS, 0);
#endif
    (void)InterlockedIncrement(&ExpInjection.Failed);
}

} // namespace

bool ExInjectFailure(EX_ALLOCATION kind) {
    if (!(ExpInjection.Kinds & ExInjectionMask(kind))) return false;
    (void)InterlockedIncrement(&ExpInjection.Attempts);
    for (;;) {
        const LONG left = ExpInjection.FailAfter;
        if (left <= 0) return false;
        if (InterlockedCompareExchange(&ExpInjection.FailAfter, left - 1, left) != left) continue;
        if (left > 1) return false;
        Note(kind);
        return true;
    }
}

#endif
