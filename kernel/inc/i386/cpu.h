// Instructions that C++ has no words for: flags, control registers, descriptor tables, CPUID, the time-stamp counter.
//
// Inline, any IRQL. Only code in i386/ folders and the HAL includes this file: the rest of the kernel does not know the
// processor (nt/interrupts.h has the one thing that it needs).
// In the books: the processor manual. TRP-02
#pragma once

#include "nt/types.h"

namespace nt::cpu {

constexpr ULONG EFLAGS_CARRY = 1u << 0;
constexpr ULONG EFLAGS_FIXED = 1u << 1; ///< always 1
constexpr ULONG EFLAGS_TRAP = 1u << 8;
constexpr ULONG EFLAGS_INTERRUPT = 1u << 9;
constexpr ULONG EFLAGS_DIRECTION = 1u << 10;
constexpr ULONG EFLAGS_NESTED_TASK = 1u << 14;
constexpr ULONG EFLAGS_V86 = 1u << 17;

inline ULONG ReadFlags() {
    ULONG flags;
    __asm__ __volatile__("pushfl; popl %0" : "=r"(flags)::"memory");
    return flags;
}

inline void EnableInterrupts() { __asm__ __volatile__("sti" ::: "memory"); }
inline void DisableInterrupts() { __asm__ __volatile__("cli" ::: "memory"); }
inline bool InterruptsEnabled() { return (ReadFlags() & EFLAGS_INTERRUPT) != 0; }
inline void Halt() { __asm__ __volatile__("hlt" ::: "memory"); }
/// Enables interrupts and halts: the instruction after sti still runs with interrupts off, so no wake-up is lost.
inline void EnableInterruptsAndHalt() { __asm__ __volatile__("sti; hlt" ::: "memory"); }

/// Turns interrupts off. @returns whether they were on, for RestoreInterrupts.
inline bool SaveAndDisableInterrupts() {
    const bool enabled = InterruptsEnabled();
    DisableInterrupts();
    return enabled;
}
inline void RestoreInterrupts(bool enabled) {
    if (enabled) EnableInterrupts();
}

inline ULONG ReadCr0() {
    ULONG value;
    __asm__ __volatile__("movl %%cr0, %0" : "=r"(value));
    return value;
}
inline ULONG ReadCr2() {
    ULONG value;
    __asm__ __volatile__("movl %%cr2, %0" : "=r"(value));
    return value;
}
inline ULONG ReadCr3() {
    ULONG value;
    __asm__ __volatile__("movl %%cr3, %0" : "=r"(value));
    return value;
}
inline void WriteCr3(ULONG value) { __asm__ __volatile__("movl %0, %%cr3" ::"r"(value) : "memory"); }
inline ULONG ReadCr4() {
    ULONG value;
    __asm__ __volatile__("movl %%cr4, %0" : "=r"(value));
    return value;
}
inline void WriteCr4(ULONG value) { __asm__ __volatile__("movl %0, %%cr4" ::"r"(value) : "memory"); }
inline void InvalidatePage(const volatile void* address) {
    __asm__ __volatile__("invlpg (%0)" ::"r"(address) : "memory");
}

/// The exception registration chain of this processor's current stack: fs:[0].
inline ULONG ReadExceptionList() {
    ULONG value;
    __asm__ __volatile__("movl %%fs:0, %0" : "=r"(value));
    return value;
}
inline void WriteExceptionList(ULONG value) { __asm__ __volatile__("movl %0, %%fs:0" ::"r"(value) : "memory"); }

inline ULONGLONG ReadTimeStampCounter() {
    ULONG low, high;
    __asm__ __volatile__("rdtsc" : "=a"(low), "=d"(high)::"memory");
    return ULONGLONG(high) << 32 | low;
}

inline ULONGLONG ReadMsr(ULONG number) {
    ULONG low, high;
    __asm__ __volatile__("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return ULONGLONG(high) << 32 | low;
}
inline void WriteMsr(ULONG number, ULONGLONG value) {
    __asm__ __volatile__("wrmsr" ::"c"(number), "a"(ULONG(value)), "d"(ULONG(value >> 32)) : "memory");
}

/// The registers that CPUID fills.
struct CpuIdResult {
    ULONG Eax, Ebx, Ecx, Edx;
};
inline CpuIdResult CpuId(ULONG function) {
    CpuIdResult r;
    __asm__ __volatile__("cpuid" : "=a"(r.Eax), "=b"(r.Ebx), "=c"(r.Ecx), "=d"(r.Edx) : "a"(function), "c"(0));
    return r;
}

} // namespace nt::cpu
