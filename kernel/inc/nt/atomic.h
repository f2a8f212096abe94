// Interlocked operations: one instruction with the LOCK prefix, over the compiler's builtins.
//
// Every InterlockedXxx is a full barrier, as the books' are. For aligned 32-bit words, for words of a pointer's size, and
// (the names that end in 64) for aligned 8-byte words, by cmpxchg8b. ReadXxxAcquire and WriteXxxRelease are ordinary
// accesses that later ones, respectively earlier ones, do not pass. All of them are preemption points of an explored kernel.
// Any IRQL.
// In the books: "interlocked operations" (synchronization at high IRQL). SYH-03, EXE-02
#pragma once

#include "nt/explore.h"
#include "nt/types.h"

/// @returns the incremented value.
inline LONG InterlockedIncrement(volatile LONG* addend) {
    KxPoint(KX_POINT::Interlocked, addend);
    return __atomic_add_fetch(addend, 1, __ATOMIC_SEQ_CST);
}

/// @returns the decremented value.
inline LONG InterlockedDecrement(volatile LONG* addend) {
    KxPoint(KX_POINT::Interlocked, addend);
    return __atomic_sub_fetch(addend, 1, __ATOMIC_SEQ_CST);
}

/// @returns the value before the addition.
inline LONG InterlockedExchangeAdd(volatile LONG* addend, LONG value) {
    KxPoint(KX_POINT::Interlocked, addend);
    return __atomic_fetch_add(addend, value, __ATOMIC_SEQ_CST);
}

/// @returns the value before the exchange.
inline LONG InterlockedExchange(volatile LONG* target, LONG value) {
    KxPoint(KX_POINT::Interlocked, target);
    return __atomic_exchange_n(target, value, __ATOMIC_SEQ_CST);
}
inline ULONG_PTR InterlockedExchange(volatile ULONG_PTR* target, ULONG_PTR value) {
    KxPoint(KX_POINT::Interlocked, target);
    return __atomic_exchange_n(target, value, __ATOMIC_SEQ_CST);
}

/// Stores `exchange` if the target equals `comparand`. @returns the value before.
inline LONG InterlockedCompareExchange(volatile LONG* target, LONG exchange, LONG comparand) {
    KxPoint(KX_POINT::Interlocked, target);
    __atomic_compare_exchange_n(target, &comparand, exchange, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return comparand;
}

inline ULONG_PTR InterlockedCompareExchange(volatile ULONG_PTR* target, ULONG_PTR exchange, ULONG_PTR comparand) {
    KxPoint(KX_POINT::Interlocked, target);
    __atomic_compare_exchange_n(target, &comparand, exchange, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return comparand;
}

/// As InterlockedCompareExchange, 8 bytes (cmpxchg8b). @returns the value before.
inline LONGLONG InterlockedCompareExchange64(volatile LONGLONG* target, LONGLONG exchange, LONGLONG comparand) {
    KxPoint(KX_POINT::Interlocked, target);
    return __sync_val_compare_and_swap(target, comparand, exchange);
}

/// @returns the value before the exchange.
inline LONGLONG InterlockedExchange64(volatile LONGLONG* target, LONGLONG value) {
    LONGLONG seen = *target; // may be torn: then the comparison fails and tells the truth
    for (LONGLONG found; (found = InterlockedCompareExchange64(target, value, seen)) != seen;)
        seen = found;
    return seen;
}

/// @returns the value before the addition.
inline LONGLONG InterlockedExchangeAdd64(volatile LONGLONG* addend, LONGLONG value) {
    LONGLONG seen = *addend;
    for (LONGLONG found; (found = InterlockedCompareExchange64(addend, seen + value, seen)) != seen;)
        seen = found;
    return seen;
}

/// @returns the incremented value.
inline LONGLONG InterlockedIncrement64(volatile LONGLONG* addend) { return InterlockedExchangeAdd64(addend, 1) + 1; }

/// @returns the decremented value.
inline LONGLONG InterlockedDecrement64(volatile LONGLONG* addend) { return InterlockedExchangeAdd64(addend, -1) - 1; }

/// @returns the value before.
inline LONG InterlockedOr(volatile LONG* target, LONG value) {
    KxPoint(KX_POINT::Interlocked, target);
    return __atomic_fetch_or(target, value, __ATOMIC_SEQ_CST);
}

/// @returns the value before.
inline LONG InterlockedAnd(volatile LONG* target, LONG value) {
    KxPoint(KX_POINT::Interlocked, target);
    return __atomic_fetch_and(target, value, __ATOMIC_SEQ_CST);
}

/// @returns the value before.
inline LONG InterlockedXor(volatile LONG* target, LONG value) {
    KxPoint(KX_POINT::Interlocked, target);
    return __atomic_fetch_xor(target, value, __ATOMIC_SEQ_CST);
}

/// Sets bit `bit` (0..31). @returns the bit as it was.
inline UCHAR InterlockedBitTestAndSet(volatile LONG* base, LONG bit) {
    return UCHAR(ULONG(InterlockedOr(base, LONG(1u << bit))) >> bit & 1);
}

/// Clears bit `bit` (0..31). @returns the bit as it was.
inline UCHAR InterlockedBitTestAndReset(volatile LONG* base, LONG bit) {
    return UCHAR(ULONG(InterlockedAnd(base, LONG(~(1u << bit)))) >> bit & 1);
}

/// @returns the pointer before the exchange.
template <typename T> T* InterlockedExchangePointer(T* volatile* target, T* value) {
    KxPoint(KX_POINT::Interlocked, target);
    return __atomic_exchange_n(target, value, __ATOMIC_SEQ_CST);
}

/// @returns the pointer before.
template <typename T> T* InterlockedCompareExchangePointer(T* volatile* target, T* exchange, T* comparand) {
    KxPoint(KX_POINT::Interlocked, target);
    __atomic_compare_exchange_n(target, &comparand, exchange, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return comparand;
}

/// Nothing that follows in the program is done before this read.
inline LONG ReadAcquire(const volatile LONG* source) {
    KxPoint(KX_POINT::Interlocked, source);
    return __atomic_load_n(source, __ATOMIC_ACQUIRE);
}
inline ULONG_PTR ReadULongPtrAcquire(const volatile ULONG_PTR* source) {
    KxPoint(KX_POINT::Interlocked, source);
    return __atomic_load_n(source, __ATOMIC_ACQUIRE);
}
template <typename T> T* ReadPointerAcquire(T* const volatile* source) {
    KxPoint(KX_POINT::Interlocked, source);
    return __atomic_load_n(source, __ATOMIC_ACQUIRE);
}

/// Everything that precedes in the program is done before this write.
inline void WriteRelease(volatile LONG* destination, LONG value) {
    KxPoint(KX_POINT::Interlocked, destination);
    __atomic_store_n(destination, value, __ATOMIC_RELEASE);
}
inline void WriteULongPtrRelease(volatile ULONG_PTR* destination, ULONG_PTR value) {
    KxPoint(KX_POINT::Interlocked, destination);
    __atomic_store_n(destination, value, __ATOMIC_RELEASE);
}
template <typename T> void WritePointerRelease(T* volatile* destination, T* value) {
    KxPoint(KX_POINT::Interlocked, destination);
    __atomic_store_n(destination, value, __ATOMIC_RELEASE);
}

#if defined(MICA_HOST)
/// Host tests: the fake machine's other processors go on, for one of them has what this one spins for.
extern "C" void HostYieldProcessor();
#endif

/// Tells the processor that this is a spin-wait loop.
inline void YieldProcessor() {
    KxPoint(KX_POINT::Yield, nullptr);
    __asm__ __volatile__("pause" ::: "memory");
#if defined(MICA_HOST)
    HostYieldProcessor();
#endif
}

/// Every access before it is done, for all processors, before any after it.
inline void KeMemoryBarrier() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

/// Keeps the compiler from moving memory accesses across this point.
inline void KeCompilerBarrier() { __asm__ __volatile__("" ::: "memory"); }
