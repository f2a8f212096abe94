// The screen: VGA text mode, 80 by 25, as the firmware left it. Any IRQL; no lock, as the debugging port.
#include "halp.h"

namespace {

constexpr ULONG COLUMNS = 80, ROWS = 25;
constexpr USHORT CRTC_INDEX = 0x3D4, CRTC_DATA = 0x3D5;
constexpr UCHAR CURSOR_HIGH = 0x0E, CURSOR_LOW = 0x0F;
constexpr ULONG TEXT_BUFFER = 0xB8000;

ULONG Column, Row;
UCHAR Attribute = 0x07;

volatile USHORT* Cells() { return reinterpret_cast<volatile USHORT*>(ULONG_PTR(LDR_SYSTEM_SPACE + TEXT_BUFFER)); }

USHORT Cell(CHAR character) { return USHORT(Attribute << 8 | UCHAR(character)); }

void ClearRow(ULONG row) {
    for (ULONG i = 0; i < COLUMNS; ++i)
        Cells()[row * COLUMNS + i] = Cell(' ');
}

void NewLine() {
    Column = 0;
    if (++Row < ROWS) return;
    for (ULONG i = 0; i < (ROWS - 1) * COLUMNS; ++i)
        Cells()[i] = Cells()[i + COLUMNS];
    Row = ROWS - 1;
    ClearRow(Row);
}

void Put(CHAR character) {
    switch (character) {
    case '\n': return NewLine();
    case '\r': Column = 0; return;
    case '\b':
        if (Column) --Column;
        return;
    default: break;
    }
    Cells()[Row * COLUMNS + Column] = Cell(character);
    if (++Column == COLUMNS) NewLine();
}

void WriteCrtc(UCHAR index, UCHAR value) {
    WRITE_PORT_UCHAR(CRTC_INDEX, index);
    WRITE_PORT_UCHAR(CRTC_DATA, value);
}

void ShowCursor() {
    const ULONG position = Row * COLUMNS + Column;
    WriteCrtc(CURSOR_HIGH, UCHAR(position >> 8));
    WriteCrtc(CURSOR_LOW, UCHAR(position));
}

} // namespace

extern "C" {

void NTAPI HalClearDisplay(UCHAR NewAttribute) {
    Attribute = NewAttribute;
    for (ULONG row = 0; row < ROWS; ++row)
        ClearRow(row);
    Column = Row = 0;
    ShowCursor();
}

void NTAPI HalDisplayString(PCSTR Text) {
    for (; *Text; ++Text)
        Put(*Text);
    ShowCursor();
}
}
