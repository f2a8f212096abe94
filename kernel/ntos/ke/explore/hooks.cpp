// The compiler's hooks: a load or store of an instrumented source is about to be made.
//
// The compiler calls them by these names, with the address as the only argument.
// Locks: none. IRQL: any.
// In the books: none. SYH-01
#include "kx.h"

// The hook of a load or store of `size` bytes: returns at once outside a run.
#define HOOK(what, kind, size)                                                                       \
    NTKERNELAPI void CDECL __sanitizer_cov_##what##size(const volatile void* address) {              \
        if (KxActive == 0) return;                                                                   \
        const auto pc = reinterpret_cast<ULONG_PTR>(__builtin_return_address(0));                    \
        const auto frame = reinterpret_cast<ULONG_PTR>(__builtin_frame_address(0));                  \
        if (!KxPassQuickly(kind, address, size, pc, frame)) KxReach(kind, address, size, pc, frame); \
    }

extern "C" {
HOOK(load, KX_POINT::Load, 1)
HOOK(load, KX_POINT::Load, 2)
HOOK(load, KX_POINT::Load, 4)
HOOK(load, KX_POINT::Load, 8)
HOOK(load, KX_POINT::Load, 16)
HOOK(store, KX_POINT::Store, 1)
HOOK(store, KX_POINT::Store, 2)
HOOK(store, KX_POINT::Store, 4)
HOOK(store, KX_POINT::Store, 8)
HOOK(store, KX_POINT::Store, 16)
}
