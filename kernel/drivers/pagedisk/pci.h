// The PCI bus, as far as this driver needs it: who is there. Private to the driver.
//
// By the two configuration ports. IRQL: PASSIVE_LEVEL, at boot: nobody else uses these ports.
// (PCI Local Bus Specification 3.0, 3.2.2.3 and chapter 6)
#pragma once

#include "nt/types.h"

// Registers of a function, and bits of theirs.
constexpr UCHAR PCI_ID = 0x00, PCI_COMMAND = 0x04, PCI_CLASS = 0x08, PCI_BAR0 = 0x10;
constexpr ULONG PCI_COMMAND_IO = 1, PCI_COMMAND_MEMORY = 2, PCI_COMMAND_BUS_MASTER = 4;
constexpr ULONG PCI_BAR_IS_IO = 1, PCI_BAR_IO_FLAGS = 3, PCI_BAR_MEMORY_FLAGS = 15;

/// A function of a device on bus 0.
class PciFunction {
public:
    /// @param number 8 times the device's plus the function's
    explicit PciFunction(ULONG number);
    [[nodiscard]] bool IsPresent() const;
    [[nodiscard]] ULONG Read(UCHAR where) const;
    void Write(UCHAR where, ULONG value) const;
    /// Sets bits of the command register.
    void Enable(ULONG bits) const;

private:
    ULONG m_address;
};
constexpr ULONG PCI_FUNCTIONS = 256; ///< of bus 0
