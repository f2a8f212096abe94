// The PCI bus, by its two configuration ports.
#include "pci.h"
#include "hal.h"

namespace {
constexpr USHORT CONFIG_ADDRESS = 0xCF8, CONFIG_DATA = 0xCFC;
constexpr ULONG CONFIG_ENABLE = 1u << 31, FUNCTION_SHIFT = 8;
constexpr ULONG NO_FUNCTION = 0xFFFFFFFF;
} // namespace

PciFunction::PciFunction(ULONG number) : m_address(CONFIG_ENABLE | number << FUNCTION_SHIFT) {}

bool PciFunction::IsPresent() const { return Read(PCI_ID) != NO_FUNCTION; }

ULONG PciFunction::Read(UCHAR where) const {
    WRITE_PORT_ULONG(CONFIG_ADDRESS, m_address | where);
    return READ_PORT_ULONG(CONFIG_DATA);
}

void PciFunction::Write(UCHAR where, ULONG value) const {
    WRITE_PORT_ULONG(CONFIG_ADDRESS, m_address | where);
    WRITE_PORT_ULONG(CONFIG_DATA, value);
}

void PciFunction::Enable(ULONG bits) const {
    // The upper half is the status register, in which a 0 changes nothing.
    Write(PCI_COMMAND, (Read(PCI_COMMAND) & 0xFFFF) | bits);
}
