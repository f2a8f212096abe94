// Device registers in port space and in memory space: buffers, widths, order. HAL-03
#include "ex.h"
#include "guest_main.h"
#include "hal.h"
#include "mm.h"

namespace {

constexpr USHORT UART_SCRATCH = 0x3FF; // of COM1: a byte that the device keeps
constexpr USHORT VGA_INDEX = 0x3D4;    // a word here is an index and its data
constexpr USHORT VGA_DATA = 0x3D5;
constexpr USHORT PCI_ADDRESS = 0xCF8; // a dword that the bridge keeps
constexpr USHORT PCI_DATA = 0xCFC;
constexpr ULONG PCI_ENABLE = 0x80000000;
constexpr ULONG VGA_TEXT = 0xB8000;
constexpr ULONG BEHIND_THE_SCREEN = 0xFA0; // 80 * 25 characters of two bytes end here

UCHAR ReadCrtc(UCHAR index) {
    WRITE_PORT_UCHAR(VGA_INDEX, index);
    return READ_PORT_UCHAR(VGA_DATA);
}

} // namespace

// HAL-03
GUEST_TEST(BytesGoToAPortOneAfterTheOther) {
    const UCHAR out[] = {0x11, 0x22, 0x5A};
    WRITE_PORT_BUFFER_UCHAR(UART_SCRATCH, out, 3);
    GUEST_EQUAL(0x5A, READ_PORT_UCHAR(UART_SCRATCH));
    WRITE_PORT_BUFFER_UCHAR(UART_SCRATCH, out, 0); // nothing
    UCHAR in[5] = {0, 0, 0, 0, 0xEE};
    READ_PORT_BUFFER_UCHAR(UART_SCRATCH, in, 4);
    for (ULONG i = 0; i < 4; i++)
        GUEST_EQUAL(0x5A, in[i]);
    GUEST_EQUAL(0xEE, in[4]);
}

// HAL-03: the cursor's place is two registers, each written by one word
GUEST_TEST(WordsGoToAPortOneAfterTheOther) {
    const UCHAR high = ReadCrtc(0x0E);
    const UCHAR low = ReadCrtc(0x0F);
    const USHORT out[] = {0x030E, 0x450F};
    WRITE_PORT_BUFFER_USHORT(VGA_INDEX, out, 2);
    GUEST_EQUAL(0x03, ReadCrtc(0x0E));
    GUEST_EQUAL(0x45, ReadCrtc(0x0F));
    WRITE_PORT_UCHAR(VGA_INDEX, 0x0F);
    USHORT in[3] = {0, 0, 0xEEEE};
    READ_PORT_BUFFER_USHORT(VGA_INDEX, in, 2);
    GUEST_TRUE(in[0] >> 8 == 0x45 && in[1] == in[0] && in[2] == 0xEEEE);
    const USHORT back[] = {USHORT(high << 8 | 0x0E), USHORT(low << 8 | 0x0F)};
    WRITE_PORT_BUFFER_USHORT(VGA_INDEX, back, 2);
}

// HAL-03
GUEST_TEST(DoubleWordsGoToAPortOneAfterTheOther) {
    const ULONG out[] = {PCI_ENABLE | 0x100, PCI_ENABLE};
    WRITE_PORT_BUFFER_ULONG(PCI_ADDRESS, out, 2);
    ULONG in[4] = {0, 0, 0, 0xEEEEEEEE};
    READ_PORT_BUFFER_ULONG(PCI_ADDRESS, in, 3);
    for (ULONG i = 0; i < 3; i++)
        GUEST_TRUE(in[i] == PCI_ENABLE);
    GUEST_TRUE(in[3] == 0xEEEEEEEE);
    READ_PORT_BUFFER_ULONG(PCI_DATA, in, 1);
    GUEST_EQUAL(0x8086, in[0] & 0xFFFF); // the host bridge's vendor
}

// HAL-03: the display's memory behind the last line of the screen
GUEST_TEST(RegistersInMemoryAreReadAndWrittenInTheirWidth) {
    PHYSICAL_ADDRESS physical = {};
    physical.LowPart = VGA_TEXT;
    auto* const base = static_cast<UCHAR*>(MmMapIoSpace(physical, PAGE_SIZE, MmNonCached));
    if (!GUEST_TRUE(base != nullptr)) return;
    auto* const bytes = base + BEHIND_THE_SCREEN;
    auto* const words = reinterpret_cast<USHORT*>(bytes);
    auto* const doubles = reinterpret_cast<ULONG*>(bytes);
    WRITE_REGISTER_ULONG(doubles, 0x44332211);
    GUEST_EQUAL(0x11, READ_REGISTER_UCHAR(bytes));
    WRITE_REGISTER_UCHAR(bytes + 1, 0xAA);
    GUEST_TRUE(READ_REGISTER_ULONG(doubles) == 0x4433AA11);
    WRITE_REGISTER_USHORT(words + 1, 0xBBCC);
    GUEST_EQUAL(0xBBCC, READ_REGISTER_USHORT(words + 1));
    GUEST_TRUE(READ_REGISTER_ULONG(doubles) == 0xBBCCAA11);
    const ULONG out[] = {1, 0x20000, 0x3000000};
    WRITE_REGISTER_BUFFER_ULONG(doubles, out, 3);
    USHORT middle[2];
    READ_REGISTER_BUFFER_USHORT(words + 2, middle, 2);
    GUEST_TRUE(middle[0] == 0 && middle[1] == 2);
    UCHAR in[13] = {};
    in[12] = 0xEE;
    READ_REGISTER_BUFFER_UCHAR(bytes, in, 12);
    GUEST_TRUE(in[0] == 1 && in[6] == 2 && in[11] == 3 && in[12] == 0xEE);
    const USHORT pair[] = {7, 8};
    WRITE_REGISTER_BUFFER_USHORT(words, pair, 2);
    const UCHAR single[] = {9};
    WRITE_REGISTER_BUFFER_UCHAR(bytes, single, 1);
    ULONG seen[2];
    READ_REGISTER_BUFFER_ULONG(doubles, seen, 2);
    GUEST_TRUE(seen[0] == 0x00080009 && seen[1] == 0x20000);
}

// HAL-03
GUEST_TEST(AStallTakesItsTime) {
    LARGE_INTEGER frequency;
    const LONGLONG before = KeQueryPerformanceCounter(&frequency).QuadPart;
    KeStallExecutionProcessor(2000);
    const LONGLONG counts = KeQueryPerformanceCounter(nullptr).QuadPart - before;
    GUEST_TRUE(frequency.QuadPart > 0 && counts * 1000 >= frequency.QuadPart * 19 / 10); // 1.9 ms at least
}
