// nt::ReadTimeStamp: the processor's time-stamp counter, for events and measurements. Any IRQL.
//
// Host tests have no such clock: there it counts its own calls.
// In the books: "processor time-stamp counter". EXE-03
#pragma once

#include "nt/types.h"

namespace nt {

inline ULONGLONG ReadTimeStamp() {
#if defined(__i386__)
    return __builtin_ia32_rdtsc();
#else
    static ULONGLONG calls;
    return ++calls;
#endif
}

} // namespace nt
