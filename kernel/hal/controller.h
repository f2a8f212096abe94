// The one interface to an interrupt controller, implemented for PIC and for local APIC with I/O APIC.
//
// A source is named by its level (irqlmap.h: every line has its own). Routines are called with interrupts off.
// "Enabled" is the owner's wish, "masked" is the lazy IRQL's: a source is heard if it is enabled and not masked.
// In the books: "interrupt controllers". HAL-05, INT-02
#pragma once

#include "irqlmap.h"
#include "ke/interrupt.h"

/// The board's interrupt controllers behind one interface: APICs, or the two 8259s.
class HalpInterruptController {
public:
    [[nodiscard]] virtual PCSTR Name() const = 0;
    /// Prepares this processor's part; every source is disabled.
    virtual void InitializeProcessor() = 0;
    /// The IDT vector of a source, 0 if there is none.
    [[nodiscard]] virtual ULONG VectorOf(KIRQL level) const = 0;
    /// The source of a vector; PASSIVE_LEVEL if the vector is not this controller's.
    [[nodiscard]] virtual KIRQL LevelOf(ULONG vector) const = 0;
    virtual bool Enable(KIRQL level, KINTERRUPT_MODE mode) = 0;
    virtual void Disable(KIRQL level) = 0;
    virtual void Mask(KIRQL level) = 0;
    virtual void Unmask(KIRQL level) = 0;
    /// Whether the vector came without a request behind it; nothing may be acknowledged then.
    virtual bool IsSpurious(ULONG vector) = 0;
    /// End of interrupt: the controller may send the next one.
    virtual void Acknowledge(ULONG vector) = 0;
    /// Starts the clock interrupt of this processor at CLOCK_LEVEL. @returns its interval in 100 ns.
    virtual ULONG StartClock() = 0;

    // ---- several processors; a controller that knows only one says so ----

    /// Processors that can be started beside the one that booted.
    [[nodiscard]] virtual ULONG OtherProcessors() const { return 0; }
    /// Puts the `index`-th of them (0 ..) into the state after reset; it is called by `number` from now on.
    virtual void ResetProcessor(ULONG index, ULONG number) {}
    /// Lets it begin at a physical page below 1 MB.
    virtual void StartProcessor(ULONG number, ULONG startPage) {}
    /// Sends the interrupt of IPI_LEVEL to processors by number.
    virtual void SendIpi(KAFFINITY processors) {}

protected:
    ~HalpInterruptController() = default;
};
