// Leaving: power off, restart, halt. TRP-09
#include "firmwaretables.h"
#include "halp.h"
#include "softoff.h"

namespace {

constexpr USHORT ISA_DEBUG_EXIT = 0xF4; ///< QEMU's device: ends the emulator with status 2 * value + 1
constexpr USHORT KEYBOARD_COMMAND = 0x64;
constexpr UCHAR KEYBOARD_BUSY = 0x02;
constexpr UCHAR PULSE_RESET_LINE = 0xFE;
constexpr USHORT EMULATOR_SHUTDOWN = 0x8900; ///< Bochs: "Shutdown", a letter at a time

HALP_SOFT_OFF SoftOff; ///< read in phase 0, while the firmware's tables are still there

void PowerDown() {
    if (SoftOff.Port) WRITE_PORT_USHORT(SoftOff.Port, SoftOff.Value);
    for (const CHAR* letter = "Shutdown"; *letter; ++letter)
        WRITE_PORT_UCHAR(EMULATOR_SHUTDOWN, UCHAR(*letter));
}

void Reboot() {
    constexpr ULONG patience = 100'000;
    for (ULONG i = 0; i < patience && (READ_PORT_UCHAR(KEYBOARD_COMMAND) & KEYBOARD_BUSY); ++i)
        YieldProcessor();
    WRITE_PORT_UCHAR(KEYBOARD_COMMAND, PULSE_RESET_LINE);
}

} // namespace

void HalpReadSoftOff(const LOADER_PARAMETER_BLOCK& block) {
    const nt::Span<const UCHAR> fadt = HalpFindAcpiTable(block, "FACP");
    SoftOff = HalpParseSoftOff(fadt, HalpMapAcpiTable(HalpDsdtAddress(fadt)));
}

extern "C" void NTAPI HalReturnToFirmware(FIRMWARE_REENTRY Routine) {
    nt::cpu::DisableInterrupts();
    if (Routine != FIRMWARE_REENTRY::HalRebootRoutine) WRITE_PORT_UCHAR(ISA_DEBUG_EXIT, 0);
    if (Routine == FIRMWARE_REENTRY::HalPowerDownRoutine) PowerDown();
    if (Routine == FIRMWARE_REENTRY::HalRebootRoutine) Reboot();
    for (;;)
        nt::cpu::Halt();
}
