// Interlocked operations: one instruction with the LOCK prefix, over the compiler's builtins.
//
// Every operation is a full barrier, as the books' InterlockedXxx are. For aligned 32-bit words only
// (8 bytes for InterlockedCompareExchange64). Any IRQL.
// In the books: "interlocked operations" (synchronization at high IRQL). SYH-03, EXE-02
#pragma once

#include "nt/types.h"

/// @returns the incremented value.
inline LONG InterlockedIncrement(volatile LONG* addend) { return __atomic_add_fetch(addend, 1, __ATOMIC_SEQ_CST); }

/// @returns the decremented value.
inline LONG InterlockedDecrement(volatile LONG* addend) { return __atomic_sub_fetch(addend, 1, __ATOMIC_SEQ_CST); }

/// @returns the value before the addition.
inline LONG InterlockedExchangeAdd(volatile LONG* addend, LONG value) {
    return __atomic_fetch_add(addend, value, __ATOMIC_SEQ_CST);
}

/// @returns the value before the exchange.
inline LONG InterlockedExchange(volatile LONG* target, LONG value) {
    return __atomic_exchange_n(target, value, __ATOMIC_SEQ_CST);
}

/// Stores `exchange` if the target equals `comparand`. @returns the value before.
inline LONG InterlockedCompareExchange(volatile LONG* target, LONG exchange, LONG comparand) {
    __atomic_compare_exchange_n(target, &comparand, exchange, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return comparand;
}

/// As InterlockedCompareExchange, 8 bytes (cmpxchg8b). @returns the value before.
inline LONGLONG InterlockedCompareExchange64(volatile LONGLONG* target, LONGLONG exchange, LONGLONG comparand) {
    return __sync_val_compare_and_swap(target, comparand, exchange);
}

/// @returns the value before.
inline LONG InterlockedOr(volatile LONG* target, LONG value) {
    return __atomic_fetch_or(target, value, __ATOMIC_SEQ_CST);
}

/// @returns the value before.
inline LONG InterlockedAnd(volatile LONG* target, LONG value) {
    return __atomic_fetch_and(target, value, __ATOMIC_SEQ_CST);
}

/// @returns the pointer before the exchange.
template <typename T> T* InterlockedExchangePointer(T* volatile* target, T* value) {
    return __atomic_exchange_n(target, value, __ATOMIC_SEQ_CST);
}

/// @returns the pointer before.
template <typename T> T* InterlockedCompareExchangePointer(T* volatile* target, T* exchange, T* comparand) {
    __atomic_compare_exchange_n(target, &comparand, exchange, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return comparand;
}

/// Tells the processor that this is a spin-wait loop.
inline void YieldProcessor() { __asm__ __volatile__("pause" ::: "memory"); }

/// Keeps the compiler from moving memory accesses across this point.
inline void KeCompilerBarrier() { __asm__ __volatile__("" ::: "memory"); }
