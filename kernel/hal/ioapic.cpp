// I/O APIC registers: an index and a window; two words of redirection an input.
//
// The low word is written last when an input is routed and alone when it is masked. A lock keeps index and window
// together; it is taken with interrupts off and outside the ranks of kernel locks, like the controller itself.
// HAL-05
#include "ioapic.h"
#include "halp.h"

namespace {

constexpr ULONG INDEX = 0x00, WINDOW = 0x10;
constexpr ULONG VERSION = 1, REDIRECTION = 0x10;
constexpr ULONG ACTIVE_LOW = 1u << 13, LEVEL_SENSITIVE = 1u << 15, MASKED = 1u << 16;

struct IoApic {
    volatile UCHAR* Registers;
    ULONG FirstInput;
    ULONG InputCount;

    ULONG Read(ULONG index) const {
        *reinterpret_cast<volatile ULONG*>(Registers + INDEX) = index;
        return *reinterpret_cast<volatile ULONG*>(Registers + WINDOW);
    }
    void Write(ULONG index, ULONG value) const {
        *reinterpret_cast<volatile ULONG*>(Registers + INDEX) = index;
        *reinterpret_cast<volatile ULONG*>(Registers + WINDOW) = value;
    }
};

IoApic IoApics[HALP_MAXIMUM_IOAPICS];
ULONG IoApicCount;
volatile LONG IoApicLock;

/// Holds index and window of all I/O APICs.
class RegisterGuard {
public:
    RegisterGuard() {
        while (InterlockedExchange(&IoApicLock, 1) != 0)
            YieldProcessor();
    }
    ~RegisterGuard() { InterlockedExchange(&IoApicLock, 0); }
    RegisterGuard(const RegisterGuard&) = delete;
    RegisterGuard& operator=(const RegisterGuard&) = delete;

private:
    nt::InterruptsOff m_off;
};

const IoApic* FindInput(ULONG input) {
    for (ULONG i = 0; i < IoApicCount; ++i)
        if (input - IoApics[i].FirstInput < IoApics[i].InputCount) return &IoApics[i];
    return nullptr;
}

ULONG RedirectionOf(const IoApic& apic, ULONG input) { return REDIRECTION + 2 * (input - apic.FirstInput); }

} // namespace

bool HalpInitializeIoApics(const HALP_APIC_INFO& info) {
    constexpr SIZE_T size = 0x20;
    const RegisterGuard guard;
    for (ULONG i = 0; i < info.IoApicCount; ++i) {
        const PHYSICAL_ADDRESS address{.QuadPart = info.IoApic[i].Address};
        auto* const registers = static_cast<volatile UCHAR*>(MmMapIoSpace(address, size, MmNonCached));
        if (!registers) return false;
        IoApic& apic = IoApics[i];
        apic = {registers, info.IoApic[i].InputBase, 0};
        apic.InputCount = (apic.Read(VERSION) >> 16 & 0xFF) + 1;
        for (ULONG input = 0; input < apic.InputCount; ++input)
            apic.Write(REDIRECTION + 2 * input, MASKED);
    }
    IoApicCount = info.IoApicCount;
    return true;
}

bool HalpIoApicHasInput(ULONG input) { return FindInput(input) != nullptr; }

void HalpRouteIoApicInput(const HALP_LINE_ROUTE& route, ULONG vector, UCHAR localApicId) {
    const IoApic* const apic = FindInput(route.Input);
    if (!apic) return;
    const RegisterGuard guard;
    const ULONG at = RedirectionOf(*apic, route.Input);
    apic->Write(at, MASKED);
    apic->Write(at + 1, ULONG(localApicId) << 24);
    apic->Write(at,
                vector | MASKED | (route.ActiveLow ? ACTIVE_LOW : 0) | (route.LevelSensitive ? LEVEL_SENSITIVE : 0));
}

void HalpMaskIoApicInput(ULONG input, bool masked) {
    const IoApic* const apic = FindInput(input);
    if (!apic) return;
    const RegisterGuard guard;
    const ULONG at = RedirectionOf(*apic, input);
    const ULONG entry = apic->Read(at);
    apic->Write(at, masked ? entry | MASKED : entry & ~MASKED);
}
