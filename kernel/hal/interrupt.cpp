// Device interrupts under the lazy IRQL: beginning, holding back, replaying, ending.
//
// The controller is told nothing when the IRQL is raised. If an interrupt then comes whose level is not above the IRQL,
// it is premature: the controller is acknowledged and the level's bit goes to KPCR::IRR, until the IRQL falls below.
// A latched (edge-triggered) interrupt was an event: it is replayed with `int vector`; edges that come meanwhile merge
// in the bit. A level-sensitive one is a state: its source is masked, and unmasked later, and the controller sends the
// interrupt again if the device still asks for it. It is masked while it is in service, too: the line stays up until
// the device is served.
// The routine that replays looks again when the replayed interrupt has ended. That one delivers nothing itself: interrupts
// that keep coming are served one after the other, and not one on top of the other.
// In the books: "lazy IRQL", "level-sensitive and latched interrupts". INT-02, INT-04, HAL-05
#include "halp.h"

/// Levels whose source is level-sensitive. Written while no source of that level is enabled.
static volatile ULONG HalpLevelSensitive;

static bool IsLevelSensitive(KIRQL level) { return (HalpLevelSensitive & HalpBit(level)) != 0; }

static void HoldBack(KIRQL level, ULONG vector) {
    if (IsLevelSensitive(level)) HalpController->Mask(level);
    HalpController->Acknowledge(vector);
    HalpSetPending(level);
}

/// What the controller has sent: @returns whether it is served now.
static bool Accept(KIRQL level, ULONG vector, KIRQL current) {
    if (HalpController->IsSpurious(vector)) return false;
    if (current >= level) {
        HoldBack(level, vector);
        return false;
    }
    if (IsLevelSensitive(level)) HalpController->Mask(level);
    HalpController->Acknowledge(vector);
    return true;
}

/// Takes the note that HalpReplayInterrupt left.
static bool IsReplayed(KPCR& pcr, KIRQL level) {
    if (pcr.HalReserved[HALP_REPLAYED_LEVEL] != HalpNumber(level)) return false;
    pcr.HalReserved[HALP_REPLAYED_LEVEL] = 0;
    pcr.HalReserved[HALP_REPLAYS_ACTIVE] |= HalpBit(level);
    return true;
}

void HalpReplayInterrupt(KIRQL level) {
    if (IsLevelSensitive(level)) return HalpController->Unmask(level);
    HalpSetIrql(static_cast<KIRQL>(HalpNumber(level) - 1)); // lower levels stay pending until this one is served
    KeGetPcr()->HalReserved[HALP_REPLAYED_LEVEL] = HalpNumber(level);
    HalpRaiseVector(HalpController->VectorOf(level));
}

extern "C" {

BOOLEAN NTAPI HalBeginSystemInterrupt(KIRQL Irql, ULONG Vector, KIRQL* OldIrql) {
    KPCR& pcr = *KeGetPcr(); // interrupts are off: the processor cannot change
    const KIRQL current = HalpGetIrql();
    const KIRQL level = HalpController->LevelOf(Vector);
    if (level == PASSIVE_LEVEL) {
        if (!HalpController->IsSpurious(Vector)) HalpController->Acknowledge(Vector); // a stray one, not software's own
    } else {
        if (!IsReplayed(pcr, level) && !Accept(level, Vector, current)) return FALSE;
        pcr.IrrActive |= HalpBit(level);
    }
    *OldIrql = current;
    if (Irql > current) HalpSetIrql(Irql);
    nt::cpu::EnableInterrupts();
    return TRUE;
}

void NTAPI HalEndSystemInterrupt(KIRQL OldIrql, ULONG Vector) {
    nt::cpu::DisableInterrupts();
    const KIRQL level = HalpController->LevelOf(Vector);
    if (level != PASSIVE_LEVEL) {
        KPCR& pcr = *KeGetPcr();
        pcr.IrrActive &= ~HalpBit(level);
        if (IsLevelSensitive(level)) HalpController->Unmask(level);
        if (pcr.HalReserved[HALP_REPLAYS_ACTIVE] & HalpBit(level)) {
            pcr.HalReserved[HALP_REPLAYS_ACTIVE] &= ~HalpBit(level);
            return HalpSetIrql(OldIrql); // back to HalpReplayInterrupt
        }
    }
    HalpDeliverPending(OldIrql);
}

ULONG NTAPI HalGetInterruptVector(INTERFACE_TYPE InterfaceType, ULONG BusNumber, ULONG BusInterruptLevel,
                                  ULONG BusInterruptVector, KIRQL* Irql, KAFFINITY* Affinity) {
    *Irql = BusInterruptLevel == HALP_CASCADE_LINE ? PASSIVE_LEVEL : HalpIrqlOfLine(BusInterruptLevel);
    *Affinity = 1; // lines are routed to the first processor
    return *Irql == PASSIVE_LEVEL ? 0 : HalpController->VectorOf(*Irql);
}

BOOLEAN NTAPI HalEnableSystemInterrupt(ULONG Vector, KIRQL Irql, KINTERRUPT_MODE Mode) {
    const nt::InterruptsOff off;
    const KIRQL level = HalpController->LevelOf(Vector);
    if (level == PASSIVE_LEVEL) return TRUE; // a vector without a source: software may raise it
    if (level != Irql) return FALSE;
    if (KeGetPcr()->Number != 0) return FALSE; // lines lead to the first processor: HalGetInterruptVector says so
    if (Mode == KINTERRUPT_MODE::LevelSensitive) {
        HalpLevelSensitive = HalpLevelSensitive | HalpBit(level);
    } else {
        HalpLevelSensitive = HalpLevelSensitive & ~HalpBit(level);
    }
    KeGetPcr()->IDR &= ~HalpBit(level);
    return HalpController->Enable(level, Mode);
}

void NTAPI HalDisableSystemInterrupt(ULONG Vector, KIRQL Irql) {
    const nt::InterruptsOff off;
    const KIRQL level = HalpController->LevelOf(Vector);
    if (level == PASSIVE_LEVEL) return;
    HalpController->Disable(level);
    HalpController->Unmask(level);
    HalpClearPending(level); // no routine is left to take it
    KeGetPcr()->IDR |= HalpBit(level);
}
}
