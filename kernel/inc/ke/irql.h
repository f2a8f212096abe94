// IRQL: the interrupt request level of a processor, and the types that make it a contract.
//
// Invariant: a processor takes an interrupt only if the interrupt's level is above the processor's IRQL; the rest
// stays pending. Code at DISPATCH_LEVEL or above is not preempted and must not wait or touch pageable memory.
// Raising is lazy: only KPCR::Irql changes; the interrupt controller is programmed when an interrupt really comes.
//
// For the compiler, "at DISPATCH_LEVEL or above" is a capability of no size: a guard takes it, a routine requires
// or excludes it, and a wait inside a DispatchLevelGuard does not compile.
// In the books: "interrupt request levels (IRQLs)", "trap dispatching". INT-01, INT-02, SYH-02; levels from ERR-01.
#pragma once

#include "nt/annotations.h"
#include "nt/explore.h"
#include "nt/types.h"

/// An interrupt request level: what a processor lets itself be interrupted by.
enum class KIRQL : UCHAR {};

inline constexpr KIRQL PASSIVE_LEVEL{0};
inline constexpr KIRQL APC_LEVEL{1};
inline constexpr KIRQL DISPATCH_LEVEL{2};
inline constexpr KIRQL DEVICE_LEVEL_FIRST{3};
inline constexpr KIRQL DEVICE_LEVEL_LAST{26};
inline constexpr KIRQL PROFILE_LEVEL{27};
inline constexpr KIRQL CLOCK_LEVEL{28};
inline constexpr KIRQL IPI_LEVEL{29};
inline constexpr KIRQL POWER_LEVEL{30};
inline constexpr KIRQL HIGH_LEVEL{31};
/// The level at which the dispatcher database is held.
inline constexpr KIRQL SYNCH_LEVEL = DISPATCH_LEVEL;

namespace nt {
/// What the compiler's thread-safety analysis knows an IRQL as: something that code holds.
class CAPABILITY("IRQL") IrqlCapability {};
} // namespace nt

/// Held by code that runs at DISPATCH_LEVEL or above. Has no storage: only its name is used, in annotations.
extern nt::IrqlCapability AtDispatchLevel;

extern "C" {

/// @returns the IRQL of this processor. @irql any
NTHALAPI KIRQL NTAPI KeGetCurrentIrql();

/// Raises the IRQL to `NewIrql`, which must not be below the current one. @returns the old IRQL. @irql any
NTHALAPI KIRQL FASTCALL KfRaiseIrql(KIRQL NewIrql);

/// Lowers the IRQL to `NewIrql` and delivers what became deliverable, highest first: held-back device interrupts,
/// then DPCs and dispatching at DISPATCH_LEVEL, then APCs. @irql any, not below `NewIrql`
NTHALAPI void FASTCALL KfLowerIrql(KIRQL NewIrql);

/// KfRaiseIrql(DISPATCH_LEVEL). @irql <= DISPATCH_LEVEL
NTHALAPI KIRQL NTAPI KeRaiseIrqlToDpcLevel() ACQUIRE_(AtDispatchLevel);
}

inline KIRQL KeRaiseIrqlToSynchLevel() ACQUIRE_(AtDispatchLevel) { return KeRaiseIrqlToDpcLevel(); }

/// Lowers from DISPATCH_LEVEL and gives the capability back.
inline void KeLowerIrql(KIRQL NewIrql) RELEASE_(AtDispatchLevel) IMPLEMENTS_LOCK { KfLowerIrql(NewIrql); }

/// Tells the analysis (and, in checked builds, verifies) that the code runs at DISPATCH_LEVEL or above: for interrupt
/// and DPC routines, which are called through pointers.
inline void KeAssertDispatchLevel() ASSERT_CAPABILITY_(AtDispatchLevel);

namespace nt {

/// Holds the processor at DISPATCH_LEVEL for the guard's life.
class SCOPED_CAPABILITY DispatchLevelGuard {
public:
    DispatchLevelGuard() ACQUIRE_(AtDispatchLevel) : m_oldIrql(KeRaiseIrqlToDpcLevel()) {}
    ~DispatchLevelGuard() RELEASE_() { KfLowerIrql(m_oldIrql); }
    DispatchLevelGuard(const DispatchLevelGuard&) = delete;
    DispatchLevelGuard& operator=(const DispatchLevelGuard&) = delete;

private:
    const KIRQL m_oldIrql;
};

/// Holds the processor at a device level (or any other) for the guard's life.
class SCOPED_CAPABILITY IrqlGuard {
public:
    explicit IrqlGuard(KIRQL level) ACQUIRE_(AtDispatchLevel) : m_oldIrql(KfRaiseIrql(level)) {}
    ~IrqlGuard() RELEASE_() { KfLowerIrql(m_oldIrql); }
    IrqlGuard(const IrqlGuard&) = delete;
    IrqlGuard& operator=(const IrqlGuard&) = delete;

private:
    const KIRQL m_oldIrql;
};

} // namespace nt

#include "nt/assert.h"

inline void KeAssertDispatchLevel() { NT_ASSERT(KeGetCurrentIrql() >= DISPATCH_LEVEL); }
