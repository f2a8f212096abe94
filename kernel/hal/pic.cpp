// Two cascaded 8259A controllers and the PIT: the standard PC's interrupts.
//
// Lines 0..7 belong to the master, 8..15 to the slave, which asks through line 2 of the master. Acknowledgement is
// specific and early: priority is the IRQL's business, so the chip's own priorities never block anything.
// HAL-02 (standard PC), HAL-05, HAL-07
#include "halp.h"
#include "pit.h"

namespace {

constexpr USHORT MASTER_COMMAND = 0x20, MASTER_DATA = 0x21;
constexpr USHORT SLAVE_COMMAND = 0xA0, SLAVE_DATA = 0xA1;
constexpr USHORT TRIGGER_CONTROL = 0x4D0;
constexpr UCHAR ICW1_CASCADE_ICW4 = 0x11;
constexpr UCHAR ICW4_8086 = 0x01;
constexpr UCHAR OCW2_SPECIFIC_EOI = 0x60;
constexpr UCHAR OCW3_READ_ISR = 0x0B;
constexpr ULONG PIC_LINES = 16;

class Pic final : public HalpInterruptController {
public:
    [[nodiscard]] PCSTR Name() const override { return "PIC"; }

    void InitializeProcessor() override {
        InitializeChip(MASTER_COMMAND, MASTER_DATA, PRIMARY_VECTOR_BASE, 1u << HALP_CASCADE_LINE);
        InitializeChip(SLAVE_COMMAND, SLAVE_DATA, PRIMARY_VECTOR_BASE + 8, HALP_CASCADE_LINE);
        m_enabled = m_masked = 0;
        WriteMasks();
    }

    [[nodiscard]] ULONG VectorOf(KIRQL level) const override {
        const ULONG line = HalpLineOfIrql(level);
        return line < PIC_LINES ? PRIMARY_VECTOR_BASE + line : 0;
    }

    [[nodiscard]] KIRQL LevelOf(ULONG vector) const override {
        const ULONG line = vector - PRIMARY_VECTOR_BASE;
        return line < PIC_LINES ? HalpIrqlOfLine(line) : PASSIVE_LEVEL;
    }

    bool Enable(KIRQL level, KINTERRUPT_MODE mode) override {
        const ULONG line = HalpLineOfIrql(level);
        if (line >= PIC_LINES) return false;
        if (line != HALP_CLOCK_LINE) SetTrigger(line, mode);
        m_enabled |= Bit(level);
        WriteMasks();
        return true;
    }
    void Disable(KIRQL level) override {
        m_enabled &= ~Bit(level);
        WriteMasks();
    }
    void Mask(KIRQL level) override {
        m_masked |= Bit(level);
        WriteMasks();
    }
    void Unmask(KIRQL level) override {
        m_masked &= ~Bit(level);
        WriteMasks();
    }

    /// A request that vanished before it was taken appears as the chip's lowest line, without its in-service bit.
    bool IsSpurious(ULONG vector) override {
        const ULONG line = vector - PRIMARY_VECTOR_BASE;
        if (line >= PIC_LINES) return true; // not from here
        if ((line & 7) != 7) return false;
        const USHORT command = line < 8 ? MASTER_COMMAND : SLAVE_COMMAND;
        WRITE_PORT_UCHAR(command, OCW3_READ_ISR);
        if (READ_PORT_UCHAR(command) & 0x80) return false;
        if (line >= 8)
            WRITE_PORT_UCHAR(MASTER_COMMAND, OCW2_SPECIFIC_EOI | HALP_CASCADE_LINE); // the master saw a real one
        return true;
    }

    void Acknowledge(ULONG vector) override {
        const ULONG line = vector - PRIMARY_VECTOR_BASE;
        if (line >= 8) WRITE_PORT_UCHAR(SLAVE_COMMAND, UCHAR(OCW2_SPECIFIC_EOI | (line & 7)));
        WRITE_PORT_UCHAR(MASTER_COMMAND, UCHAR(OCW2_SPECIFIC_EOI | (line >= 8 ? HALP_CASCADE_LINE : line)));
    }

    ULONG StartClock() override {
        HalpStartPitClock();
        return PIT_CLOCK_INCREMENT;
    }

private:
    static void InitializeChip(USHORT command, USHORT data, ULONG vectorBase, ULONG cascade) {
        WRITE_PORT_UCHAR(command, ICW1_CASCADE_ICW4);
        WRITE_PORT_UCHAR(data, UCHAR(vectorBase));
        WRITE_PORT_UCHAR(data, UCHAR(cascade));
        WRITE_PORT_UCHAR(data, ICW4_8086);
    }

    /// The chipset's edge/level control, a bit a line.
    static void SetTrigger(ULONG line, KINTERRUPT_MODE mode) {
        const USHORT port = USHORT(TRIGGER_CONTROL + line / 8);
        const ULONG bit = 1u << line % 8;
        const ULONG others = READ_PORT_UCHAR(port) & ~bit;
        WRITE_PORT_UCHAR(port, UCHAR(others | (mode == KINTERRUPT_MODE::LevelSensitive ? bit : 0)));
    }

    static ULONG Bit(KIRQL level) { return 1u << HalpLineOfIrql(level); }

    void WriteMasks() {
        ULONG heard = m_enabled & ~m_masked;
        if (heard & 0xFF00) heard |= 1u << HALP_CASCADE_LINE;
        WRITE_PORT_UCHAR(MASTER_DATA, UCHAR(~heard));
        WRITE_PORT_UCHAR(SLAVE_DATA, UCHAR(~heard >> 8));
    }

    ULONG m_enabled = 0; // a bit a line; changed with interrupts off, on the only processor that takes these lines
    ULONG m_masked = 0;
};

constinit Pic ThePic;

} // namespace

HalpInterruptController* HalpGetPic() { return &ThePic; }
