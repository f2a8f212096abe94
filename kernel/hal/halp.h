// Private to the HAL.
#pragma once

#include "controller.h"
#include "hal.h"
#include "i386/cpu.h"
#include "i386/trap.h"
#include "ke/bugcheck.h"
#include "ke/options.h"
#include "ke/processor.h"
#include "ke/startup.h"
#include "ldr.h"
#include "mm/pages.h"
#include "nt/atomic.h"
#include "nt/explore.h"
#include "nt/interrupts.h"

/// The controller in use. The PIC until HalInitSystem has looked around.
extern HalpInterruptController* HalpController;

/// The two controllers. HalpDetectApic @returns nullptr if the machine has no usable APICs.
HalpInterruptController* HalpGetPic();
HalpInterruptController* HalpDetectApic(LOADER_PARAMETER_BLOCK& block);

// ---- this processor's KPCR, by single instructions: right even if the thread changes processors in between ----

inline KIRQL HalpGetIrql() {
    UCHAR irql;
    __asm__ __volatile__("movb %%fs:%c1, %0" : "=q"(irql) : "i"(PCR_IRQL) : "memory");
    return static_cast<KIRQL>(irql);
}
inline void HalpSetIrql(KIRQL irql) {
#if defined(MICA_EXPLORE)
    KxPoint(irql > HalpGetIrql() ? KX_POINT::RaiseIrql : KX_POINT::LowerIrql, nullptr);
#endif
    __asm__ __volatile__("movb %0, %%fs:%c1" ::"q"(static_cast<UCHAR>(irql)), "i"(PCR_IRQL) : "memory");
}
inline ULONG HalpGetPending() {
    KxPoint(KX_POINT::Pending, nullptr);
    ULONG irr;
    __asm__ __volatile__("movl %%fs:%c1, %0" : "=r"(irr) : "i"(PCR_IRR) : "memory");
    return irr;
}
inline void HalpSetPending(KIRQL level) {
    KxPoint(KX_POINT::Pending, nullptr);
    __asm__ __volatile__("orl %0, %%fs:%c1" ::"r"(HalpBit(level)), "i"(PCR_IRR) : "memory", "cc");
}
inline void HalpClearPending(KIRQL level) {
    KxPoint(KX_POINT::Pending, nullptr);
    __asm__ __volatile__("andl %0, %%fs:%c1" ::"r"(~HalpBit(level)), "i"(PCR_IRR) : "memory", "cc");
}

/// KPCR::HalReserved: what the HAL keeps for a processor.
constexpr ULONG HALP_REPLAYED_LEVEL = 0; ///< the level whose held-back interrupt is being replayed, 0: none
constexpr ULONG HALP_REPLAYS_ACTIVE = 1; ///< levels in service whose interrupt was replayed, a bit each

/// Lowers to `target` and delivers what is above it, highest first. Interrupts are off, before and after.
void HalpDeliverPending(KIRQL target);
/// Delivers a held-back device interrupt. Interrupts are off.
void HalpReplayInterrupt(KIRQL level);

/// Counts per second of the time-stamp counter and of another counter, measured against the PIT (calibrate.cpp).
struct HalpFrequencies {
    ULONG TimeStamp;
    ULONG Other;
};
using HALP_COUNTER = ULONG();
HalpFrequencies HalpMeasureFrequencies(HALP_COUNTER* other);
/// Notes for this processor what was measured on the first: they share a crystal.
void HalpSetProcessorSpeed();

void HalpInitializeSerial();
/// Notes how the firmware's tables say that the machine is switched off.
void HalpReadSoftOff(const LOADER_PARAMETER_BLOCK& block);
void HalpIdentifyProcessor(KPRCB& prcb);
/// A pointer to physical memory (tables of the firmware). @returns nullptr if it cannot be mapped.
const UCHAR* HalpMapTable(ULONG address, SIZE_T length);

extern "C" {
/// `int vector`.
void FASTCALL HalpRaiseVector(ULONG Vector);
void NTAPI HalpClockInterrupt(KTRAP_FRAME* TrapFrame, ULONG Vector);
void NTAPI HalpIpiInterrupt(KTRAP_FRAME* TrapFrame, ULONG Vector);
}

/// Starts the clock of this processor.
void HalpStartClock();
