// The tables of protections. What each routine promises: protect.h.
//
// In the books: "protecting memory". POL-06
#include "mm/protect.h"

namespace {

constexpr ULONG ADDITIONS = PAGE_GUARD | PAGE_NOCACHE;

/// By the lower three bits of an MM_PROTECTION: the PAGE_* value of the same use.
constexpr ULONG PageValue[8] = {
    0,
    PAGE_READONLY,
    PAGE_EXECUTE,
    PAGE_EXECUTE_READ,
    PAGE_READWRITE,
    PAGE_WRITECOPY,
    PAGE_EXECUTE_READWRITE,
    PAGE_EXECUTE_WRITECOPY,
};

/// Bits of a PTE: MMPTE_HARDWARE's Write, CopyOnWrite, and WriteThrough with CacheDisable.
constexpr ULONG WRITE = 1u << 1, COPY = 1u << 9, UNCACHED = 1u << 3 | 1u << 4;

} // namespace

const ULONG MmProtectToPteMask[MM_PROTECTION_MASK + 1] = {
    // none, read, execute, execute+read, write, copy, execute+write, execute+copy
    0, 0, 0, 0, WRITE, COPY, WRITE, COPY,
    // the same, not cached
    0, UNCACHED, UNCACHED, UNCACHED, WRITE | UNCACHED, COPY | UNCACHED, WRITE | UNCACHED, COPY | UNCACHED,
    // guard pages, and pages without access: never valid
};

ULONG MiMakeProtectionMask(ULONG protect) {
    const ULONG additions = protect & ADDITIONS;
    if (protect == PAGE_NOACCESS) return MM_NOACCESS;
    if (additions == ADDITIONS) return MM_INVALID_PROTECTION;

    const ULONG added = additions == PAGE_GUARD ? MM_GUARD_PAGE : additions == PAGE_NOCACHE ? MM_NOCACHE : 0;
    for (ULONG use = MM_READONLY; use <= MM_USE_MASK; use++) {
        if ((protect & ~ADDITIONS) == PageValue[use]) return use | added;
    }
    return MM_INVALID_PROTECTION;
}

ULONG MiPageProtection(ULONG protection) {
    if (protection == MM_NOACCESS) return PAGE_NOACCESS;
    const ULONG use = PageValue[protection & MM_USE_MASK];
    if (use == 0) return 0;
    return use | (protection & MM_GUARD_PAGE ? PAGE_GUARD : 0) | (protection & MM_NOCACHE ? PAGE_NOCACHE : 0);
}

bool MiIsAccessAllowed(ULONG protection, MI_ACCESS access) {
    if ((protection & MM_ADDED_MASK) == MM_NOACCESS) return false;
    const ULONG use = protection & MM_USE_MASK;
    switch (access) {
    case MI_ACCESS::Write: return use >= MM_READWRITE;
    case MI_ACCESS::Read:                                  // the processor reads what it may execute
    case MI_ACCESS::Execute: return use != MM_ZERO_ACCESS; // and executes what it may read
    }
    return false;
}

bool MiIsCopyOnWrite(ULONG protection) {
    const ULONG use = protection & MM_USE_MASK;
    return use == MM_WRITECOPY || use == MM_EXECUTE_WRITECOPY;
}

namespace {

constexpr ULONG COPY_ON_WRITE = MM_WRITECOPY - MM_READWRITE;
static_assert(MM_EXECUTE_WRITECOPY - MM_EXECUTE_READWRITE == COPY_ON_WRITE);

} // namespace

ULONG MiProtectionOfCopy(ULONG protection) {
    return MiIsCopyOnWrite(protection) ? protection - COPY_ON_WRITE : protection;
}

ULONG MiCopyOnWriteOf(ULONG protection) {
    return MiIsCopyOnWrite(protection) ? protection : protection + COPY_ON_WRITE;
}
