// The compiler's atomic builtins as preemption points: included in front of every instrumented source (build.mk).
//
// Load and store hooks do not see read-modify-write instructions. nt/atomic.h's operations are points anyway; these
// macros make points of the builtins that a source uses by itself. A macro's own name is not expanded in it again.
// In the books: "interlocked operations". SYH-03
#pragma once

#include "nt/atomic.h"

#define KX_BUILTIN_(operation, target, ...)              \
    ({                                                   \
        auto* const kxTarget_ = (target);                \
        KxPoint(KX_POINT::Interlocked, kxTarget_);       \
        operation(kxTarget_ __VA_OPT__(, ) __VA_ARGS__); \
    })

#define __atomic_exchange_n(target, ...) KX_BUILTIN_(__atomic_exchange_n, target, __VA_ARGS__)
#define __atomic_compare_exchange_n(target, ...) KX_BUILTIN_(__atomic_compare_exchange_n, target, __VA_ARGS__)
#define __atomic_add_fetch(target, ...) KX_BUILTIN_(__atomic_add_fetch, target, __VA_ARGS__)
#define __atomic_sub_fetch(target, ...) KX_BUILTIN_(__atomic_sub_fetch, target, __VA_ARGS__)
#define __atomic_and_fetch(target, ...) KX_BUILTIN_(__atomic_and_fetch, target, __VA_ARGS__)
#define __atomic_or_fetch(target, ...) KX_BUILTIN_(__atomic_or_fetch, target, __VA_ARGS__)
#define __atomic_fetch_add(target, ...) KX_BUILTIN_(__atomic_fetch_add, target, __VA_ARGS__)
#define __atomic_fetch_sub(target, ...) KX_BUILTIN_(__atomic_fetch_sub, target, __VA_ARGS__)
#define __atomic_fetch_and(target, ...) KX_BUILTIN_(__atomic_fetch_and, target, __VA_ARGS__)
#define __atomic_fetch_or(target, ...) KX_BUILTIN_(__atomic_fetch_or, target, __VA_ARGS__)
#define __atomic_test_and_set(target, ...) KX_BUILTIN_(__atomic_test_and_set, target, __VA_ARGS__)
#define __sync_val_compare_and_swap(target, ...) KX_BUILTIN_(__sync_val_compare_and_swap, target, __VA_ARGS__)
#define __sync_bool_compare_and_swap(target, ...) KX_BUILTIN_(__sync_bool_compare_and_swap, target, __VA_ARGS__)
#define __sync_lock_test_and_set(target, ...) KX_BUILTIN_(__sync_lock_test_and_set, target, __VA_ARGS__)
#define __sync_fetch_and_add(target, ...) KX_BUILTIN_(__sync_fetch_and_add, target, __VA_ARGS__)
#define __builtin_ia32_pause() (KxPoint(KX_POINT::Yield, nullptr), __builtin_ia32_pause())
