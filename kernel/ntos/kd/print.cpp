// DbgPrint: the kernel's voice, on COM1 and on the screen.
//
// One lock keeps the texts of several processors apart. It spins with interrupts off, because there is no IRQL at which
// printing is forbidden; a processor that comes back to it (a fault while it prints) passes.
// In the books: "kernel debugging: DbgPrint". TOL-06
#include "kdp.h"
#include "hal.h"
#include "nt/atomic.h"
#include "nt/interrupts.h"
#include "rtl/string.h"

namespace {

constexpr SIZE_T DBG_PRINT_SIZE = 512 + 1;

/// 0: free, else the number of the processor that prints, plus 1.
volatile LONG KdpPrintOwner;

class PrintGuard {
public:
    PrintGuard() {
        const LONG self = static_cast<LONG>(KeGetCurrentProcessorNumber()) + 1;
        for (;;) {
            const LONG owner = InterlockedCompareExchange(&KdpPrintOwner, self, 0);
            m_owns = owner == 0;
            if (m_owns || owner == self) return;
            YieldProcessor();
        }
    }
    ~PrintGuard() {
        if (m_owns) InterlockedExchange(&KdpPrintOwner, 0);
    }
    PrintGuard(const PrintGuard&) = delete;
    PrintGuard& operator=(const PrintGuard&) = delete;

private:
    nt::InterruptsOff m_interrupts;
    bool m_owns = false;
};

} // namespace

void KdpPutString(PCSTR Text) {
    PrintGuard guard;
    HalDebugPutString(Text);
    HalDisplayString(Text);
}

extern "C" void NTAPI KdPrintText(PCSTR Text) { KdpPutString(Text); }

extern "C" ULONG CDECL DbgPrint(PCSTR Format, ...) {
    CHAR text[DBG_PRINT_SIZE];
    va_list arguments;
    va_start(arguments, Format);
    const NTSTATUS status = RtlStringCbVPrintf(text, sizeof(text), Format, arguments);
    va_end(arguments);
    KdpPutString(text);
    return static_cast<ULONG>(status);
}
