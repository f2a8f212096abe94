// The debugging port: COM1, polled, 115200 baud, 8N1; mirrored to the emulators' debug port where there is one.
//
// No lock: DbgPrint keeps the texts of several processors apart. Any IRQL. TOL-06
#include "halp.h"

namespace {

constexpr USHORT COM1 = 0x3F8;
constexpr USHORT DIVISOR_LOW = COM1 + 0, DIVISOR_HIGH = COM1 + 1, DATA = COM1 + 0, INTERRUPT_ENABLE = COM1 + 1;
constexpr USHORT FIFO_CONTROL = COM1 + 2, LINE_CONTROL = COM1 + 3, MODEM_CONTROL = COM1 + 4, LINE_STATUS = COM1 + 5;
constexpr UCHAR DIVISOR_ACCESS = 0x80, EIGHT_BITS = 0x03, FIFO_ON_AND_CLEAR = 0x07, DTR_RTS_OUT2 = 0x0B;
constexpr UCHAR RECEIVED_DATA = 0x01; ///< of INTERRUPT_ENABLE
constexpr UCHAR DATA_READY = 0x01, HOLDING_REGISTER_EMPTY = 0x20;
constexpr ULONG PATIENCE = 100'000; ///< polls after which a line that takes nothing is given up

constexpr USHORT DEBUG_PORT = 0xE9; ///< reads back its own number where an emulator provides it
bool DebugPortPresent;

void PutRaw(CHAR character) {
    for (ULONG i = 0; i < PATIENCE && !(READ_PORT_UCHAR(LINE_STATUS) & HOLDING_REGISTER_EMPTY); ++i)
        YieldProcessor();
    WRITE_PORT_UCHAR(DATA, UCHAR(character));
    if (DebugPortPresent) WRITE_PORT_UCHAR(DEBUG_PORT, UCHAR(character));
}

} // namespace

void HalpInitializeSerial() {
    WRITE_PORT_UCHAR(INTERRUPT_ENABLE, 0);
    WRITE_PORT_UCHAR(LINE_CONTROL, DIVISOR_ACCESS);
    WRITE_PORT_UCHAR(DIVISOR_LOW, 1);
    WRITE_PORT_UCHAR(DIVISOR_HIGH, 0);
    WRITE_PORT_UCHAR(LINE_CONTROL, EIGHT_BITS);
    WRITE_PORT_UCHAR(FIFO_CONTROL, FIFO_ON_AND_CLEAR);
    WRITE_PORT_UCHAR(MODEM_CONTROL, DTR_RTS_OUT2);
    DebugPortPresent = READ_PORT_UCHAR(DEBUG_PORT) == DEBUG_PORT;
}

extern "C" {

void NTAPI HalDebugPutString(PCSTR Text) {
    for (; *Text; ++Text) {
        if (*Text == '\n') PutRaw('\r');
        PutRaw(*Text);
    }
}

void NTAPI HalEnableDebugPortInterrupt(BOOLEAN Enable) {
    WRITE_PORT_UCHAR(INTERRUPT_ENABLE, Enable ? RECEIVED_DATA : 0);
}

LONG NTAPI HalDebugGetChar() {
    const UCHAR status = READ_PORT_UCHAR(LINE_STATUS);
    constexpr UCHAR noPort = 0xFF;
    return status != noPort && (status & DATA_READY) ? READ_PORT_UCHAR(DATA) : -1;
}
}
