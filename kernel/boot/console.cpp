// console.cpp - VGA text and COM1 output, the end of a failed start. Contract: console.h.
#include "console.h"
#include "ports.h"

namespace boot {

namespace {

constexpr USHORT COM1 = 0x3f8;
constexpr USHORT COM1_STATUS = COM1 + 5;
constexpr UCHAR STATUS_HOLDING_EMPTY = 0x20;
constexpr UCHAR STATUS_ALL_SENT = 0x40;
constexpr ULONG SERIAL_PATIENCE = 100'000; // status reads; a port that is not there reads 0xFF, "ready"

constexpr ULONG COLUMNS = 80;
constexpr ULONG ROWS = 25;
constexpr USHORT WHITE_ON_BLUE = 0x1f00;

constexpr USHORT DEBUG_EXIT_PORT = 0xf4;
constexpr UCHAR DEBUG_EXIT_LOADER = 0x7f;

ULONG g_row;
ULONG g_column;
bool g_screen; // output goes to the screen too

volatile USHORT* Cell(ULONG row, ULONG column) {
    return reinterpret_cast<volatile USHORT*>(0xb8000) + row * COLUMNS + column;
}

void SerialWait(UCHAR mask) {
    for (ULONG tries = SERIAL_PATIENCE; tries != 0 && (ReadPort(COM1_STATUS) & mask) == 0; tries--) {}
}

void SerialPut(char c) {
    SerialWait(STATUS_HOLDING_EMPTY);
    WritePort(COM1, static_cast<UCHAR>(c));
}

void ClearScreen() {
    for (ULONG row = 0; row < ROWS; row++) {
        for (ULONG column = 0; column < COLUMNS; column++) {
            *Cell(row, column) = WHITE_ON_BLUE | ' ';
        }
    }
    g_row = g_column = 1;
}

void ScreenPut(char c) {
    if (c == '\n' || g_column >= COLUMNS - 1) {
        g_row += 1;
        g_column = 1;
    }
    if (c != '\n' && g_row < ROWS) {
        *Cell(g_row, g_column++) = static_cast<USHORT>(WHITE_ON_BLUE | static_cast<UCHAR>(c));
    }
}

void Put(char c) {
    if (c == '\n') {
        SerialPut('\r');
    }
    SerialPut(c);
    if (g_screen) {
        ScreenPut(c);
    }
}

void PutNumber(ULONG value, ULONG base, ULONG width) {
    char digits[10];
    ULONG count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0 || count < width);
    while (count != 0) {
        Put(digits[--count]);
    }
}

void PutFormatted(const char* format, va_list arguments) {
    for (; *format != 0; format++) {
        if (*format != '%') {
            Put(*format);
            continue;
        }
        switch (*++format) {
        case 's':
            for (const char* text = va_arg(arguments, const char*); *text != 0; text++) {
                Put(*text);
            }
            break;
        case 'c': Put(static_cast<char>(va_arg(arguments, int))); break;
        case 'u': PutNumber(va_arg(arguments, ULONG), 10, 1); break;
        case 'x': PutNumber(va_arg(arguments, ULONG), 16, 1); break;
        case 'X': PutNumber(va_arg(arguments, ULONG), 16, 8); break;
        default: Put(*format); break;
        }
    }
}

void Print(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    PutFormatted(format, arguments);
    va_end(arguments);
}

} // namespace

void ConsoleInitialize() {
    WritePort(COM1 + 1, 0);    // no interrupts
    WritePort(COM1 + 3, 0x80); // divisor access
    WritePort(COM1 + 0, 1);    // 115200 baud
    WritePort(COM1 + 1, 0);
    WritePort(COM1 + 3, 3); // 8 bits, no parity, one stop bit
    WritePort(COM1 + 2, 7); // FIFO on and empty
    WritePort(COM1 + 4, 3); // DTR, RTS
}

void SerialPrint(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    PutFormatted(format, arguments);
    va_end(arguments);
}

void Fail(const char* advice, const char* format, ...) {
    ClearScreen();
    g_screen = true;
    Print("\nMica cannot start.\n\n");
    va_list arguments;
    va_start(arguments, format);
    PutFormatted(format, arguments);
    va_end(arguments);
    Print("\n\nWhat to do: %s\n", advice);
    SerialWait(STATUS_ALL_SENT);
    WritePort(DEBUG_EXIT_PORT, DEBUG_EXIT_LOADER);
    for (;;) {
        asm volatile("cli; hlt");
    }
}

} // namespace boot
