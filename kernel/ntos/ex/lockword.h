// The word of a push lock or of a rundown reference: flags, and above them a number or an address. It changes by
// compare-exchange only. Private to ex.
//
// Invariant: what a thread read of the word is true only if the thread's Replace of it succeeds.
// Locks: none. IRQL: any. In the books: "push locks", "rundown protection". DSP-21
#pragma once

#include "ke.h"

namespace nt::lockword {

template <typename LOCK> ULONG_PTR Read(const LOCK* lock) { return reinterpret_cast<ULONG_PTR>(lock->Ptr); }

/// Changes the word from `expected` to `value`. @returns whether it still was `expected`.
template <typename LOCK> bool Replace(LOCK* lock, ULONG_PTR expected, ULONG_PTR value) {
    PVOID const old = reinterpret_cast<PVOID>(expected);
    return InterlockedCompareExchangePointer<void>(&lock->Ptr, reinterpret_cast<PVOID>(value), old) == old;
}

} // namespace nt::lockword
