// Local APICs with I/O APICs, behind the common interface.
//
// A vector is made from its level: 0x50 + 4 * IRQL, so the local APIC, which serves the highest vector first, agrees
// with the IRQL about which interrupt is next. Acknowledgement is early (see interrupt.cpp): the local APIC's own
// priorities never block anything for long. The clock is each processor's local timer.
// HAL-02 (APIC), HAL-05, HAL-07
#include "firmwaretables.h"
#include "halp.h"
#include "ioapic.h"
#include "localapic.h"

namespace {

constexpr ULONG VECTOR_BASE = 0x50;
constexpr ULONG VECTORS_A_LEVEL = 4;
constexpr ULONG CLOCK_HERTZ = 100;
constexpr ULONG CLOCK_INCREMENT = 100'000; ///< 10 ms in 100 ns
constexpr ULONG CPUID_APIC = 1u << 9;
constexpr ULONG MSR_APIC_BASE = 0x1B;
constexpr ULONGLONG APIC_BASE_ENABLED = 1u << 11;
constexpr USHORT IMCR_INDEX = 0x22, IMCR_DATA = 0x23;
constexpr UCHAR IMCR_SELECT = 0x70, IMCR_THROUGH_APIC = 0x01;

/// The local APIC withdrew an interrupt while it was delivering it; there is nothing to acknowledge.
void NTAPI IgnoreSpurious(KTRAP_FRAME*, ULONG) {}

class Apic final : public HalpInterruptController {
public:
    bool Detect(LOADER_PARAMETER_BLOCK& block) {
        if (!(KeGetCurrentPrcb()->CpuFeatures & CPUID_APIC)) return false;
        if (!(nt::cpu::ReadMsr(MSR_APIC_BASE) & APIC_BASE_ENABLED)) return false;
        return HalpReadApicTables(block, m_info) && HalpMapLocalApic(m_info.LocalApicAddress) &&
               HalpInitializeIoApics(m_info);
    }

    [[nodiscard]] PCSTR Name() const override { return "APIC"; }

    void InitializeProcessor() override {
        if (m_info.HasImcr && KeGetPcr()->Number == 0) {
            WRITE_PORT_UCHAR(IMCR_INDEX, IMCR_SELECT);
            WRITE_PORT_UCHAR(IMCR_DATA, IMCR_THROUGH_APIC);
        }
        KiSetInterruptHandler(LOCAL_APIC_SPURIOUS_VECTOR, IgnoreSpurious);
        KiSetInterruptHandler(VectorOf(IPI_LEVEL), HalpIpiInterrupt);
        HalpInitializeLocalApic();
        m_apicId[KeGetPcr()->Number] = HalpLocalApicId();
        if (m_timerHertz == 0) {
            HalpStartLocalApicCounter();
            m_timerHertz = HalpMeasureFrequencies(HalpReadLocalApicCounter).Other;
        }
    }

    [[nodiscard]] ULONG VectorOf(KIRQL level) const override {
        const bool local = level == CLOCK_LEVEL || level == IPI_LEVEL;
        const bool exists = local || HalpIoApicHasInput(RouteOf(level).Input);
        return exists ? VECTOR_BASE + VECTORS_A_LEVEL * HalpNumber(level) : 0;
    }

    [[nodiscard]] KIRQL LevelOf(ULONG vector) const override {
        const ULONG distance = vector - VECTOR_BASE;
        if (distance % VECTORS_A_LEVEL != 0 || distance / VECTORS_A_LEVEL > HalpNumber(HIGH_LEVEL))
            return PASSIVE_LEVEL;
        const auto level = static_cast<KIRQL>(distance / VECTORS_A_LEVEL);
        return level == IPI_LEVEL || HalpLineOfIrql(level) < HALP_LINES ? level : PASSIVE_LEVEL;
    }

    bool Enable(KIRQL level, KINTERRUPT_MODE mode) override {
        if (level == CLOCK_LEVEL) return true; // the timer runs since StartClock
        HALP_LINE_ROUTE route = RouteOf(level);
        if (!HalpIoApicHasInput(route.Input)) return false;
        route.LevelSensitive = mode == KINTERRUPT_MODE::LevelSensitive;
        HalpRouteIoApicInput(route, VectorOf(level), m_apicId[0]); // HalGetInterruptVector says so
        m_enabled |= HalpBit(level);
        UpdateMask(level);
        return true;
    }
    void Disable(KIRQL level) override {
        m_enabled &= ~HalpBit(level);
        UpdateMask(level);
    }
    void Mask(KIRQL level) override {
        m_masked |= HalpBit(level);
        UpdateMask(level);
    }
    void Unmask(KIRQL level) override {
        m_masked &= ~HalpBit(level);
        UpdateMask(level);
    }

    bool IsSpurious(ULONG vector) override { return !HalpLocalApicInService(vector); }
    void Acknowledge(ULONG) override { HalpLocalApicEndOfInterrupt(); }

    ULONG StartClock() override {
        HalpStartLocalApicTimer(VectorOf(CLOCK_LEVEL), (m_timerHertz + CLOCK_HERTZ / 2) / CLOCK_HERTZ);
        return CLOCK_INCREMENT;
    }

    [[nodiscard]] ULONG OtherProcessors() const override { return HalpCountOtherProcessors(m_info, m_apicId[0]); }

    void ResetProcessor(ULONG index, ULONG number) override {
        const nt::InterruptsOff off;
        m_apicId[number] = HalpOtherProcessor(m_info, m_apicId[0], index);
        HalpSendLocalApicCommand(m_apicId[number], LOCAL_APIC_INIT);
    }

    void StartProcessor(ULONG number, ULONG startPage) override {
        const nt::InterruptsOff off;
        HalpSendLocalApicCommand(m_apicId[number], LOCAL_APIC_STARTUP | startPage);
    }

    void SendIpi(KAFFINITY processors) override {
        const nt::InterruptsOff off;
        for (; processors; processors &= processors - 1)
            HalpSendLocalApicCommand(m_apicId[__builtin_ctz(processors)], LOCAL_APIC_FIXED | VectorOf(IPI_LEVEL));
    }

private:
    [[nodiscard]] HALP_LINE_ROUTE RouteOf(KIRQL level) const {
        const ULONG line = HalpLineOfIrql(level);
        if (line < HALP_ISA_LINES) return m_info.IsaLine[line];
        return {.Input = line, .ActiveLow = true, .LevelSensitive = true}; // as PCI lines are wired
    }

    void UpdateMask(KIRQL level) {
        HalpMaskIoApicInput(RouteOf(level).Input, (m_masked & HalpBit(level)) || !(m_enabled & HalpBit(level)));
    }

    HALP_APIC_INFO m_info{};
    UCHAR m_apicId[HALP_MAXIMUM_PROCESSORS] = {}; // by processor number; written while that processor starts
    ULONG m_timerHertz = 0;
    ULONG m_enabled = 0; // bits of levels; changed with interrupts off, by the processor that takes the lines
    ULONG m_masked = 0;
};

constinit Apic TheApic;

} // namespace

HalpInterruptController* HalpDetectApic(LOADER_PARAMETER_BLOCK& block) {
    return TheApic.Detect(block) ? &TheApic : nullptr;
}
