// Allocations that fail on request, so that the way of each error is tried.
//
// A checked build asks ExInjectFailure at every allocation of these kinds whether it is to fail. A host or a test writes FailAfter = n:
// the n-th allocation from now on fails. So every site is tried in turn: the same work is done with n = 1, 2, ... until none fails
// any more. The option /POOLFAIL=n does the same for the pool, from the boot on. Free builds do not ask.
// Locks: none. IRQL: any. In the books: "driver verifier: low resources simulation". POL-05, ERR-10
#pragma once

#include "nt/types.h"

/// What is allocated.
enum class EX_ALLOCATION : ULONG {
    Pool,       ///< a block or pages of a pool
    Page,       ///< a page of memory. A fault does not fail for it: it waits for a page, and is tried again
    Commitment, ///< a promise of pages
    SystemPtes, ///< addresses of the system
    Kinds
};

constexpr ULONG EX_INJECTION_CALLERS = 16;
constexpr ULONG ExInjectionMask(EX_ALLOCATION kind) { return 1u << ULONG(kind); }
constexpr ULONG EX_INJECT_ALL = ExInjectionMask(EX_ALLOCATION::Kinds) - 1;

/// Which allocation fails, and which did last.
/// shared: interlocked; a host writes it while the kernel stands
struct EX_INJECTION {
    volatile LONG FailAfter; ///< n: the n-th allocation from now on fails, and those behind it do not; 0: none fails
    volatile ULONG Kinds;    ///< bit EX_ALLOCATION: such allocations count, and may fail
    volatile LONG Attempts;  ///< allocations that counted, since boot
    volatile LONG Failed;    ///< of these, made to fail
    EX_ALLOCATION Kind;      ///< of the last of them
    ULONG CallerCount;
    PVOID Callers[EX_INJECTION_CALLERS]; ///< its return addresses, the innermost first
};

extern EX_INJECTION ExpInjection;

#if defined(MICA_CHECKED) || defined(MICA_HOST)
/// Counts an allocation. @returns whether it is to fail. @irql any
bool ExInjectFailure(EX_ALLOCATION kind);
#else
constexpr bool ExInjectFailure(EX_ALLOCATION) { return false; }
#endif
