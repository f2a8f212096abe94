// The keyboard: COM1, whose interrupt says that a character has come. Nothing polls while nobody types.
//
// The service routine takes the characters off the port, and a DPC gives them to the console. While the monitor has the port, its
// interrupt is off; what is typed then is the monitor's.
// Locks: SerialMutex for who has the port; TakeLock for the ring's reader. In the books: "interrupt objects", "DPCs". SYS-05, INT-03
#include "hal.h"
#include "io/console/console.h"
#include "ke/dpc.h"
#include "ke/interrupt.h"

namespace {

constexpr ULONG COM1_LINE = 4;
constexpr LONG RING_SIZE = 64; ///< a power of two

constinit FAST_MUTEX SerialMutex = {};
bool Connected;       // under SerialMutex
bool Lent;            // the same
KINTERRUPT Interrupt; ///< fixed once it is connected
KDPC Dpc;

/// Characters between the service routine and the DPC. Written at the interrupt's IRQL alone, read by one run of the DPC at a time.
CHAR Ring[RING_SIZE];
volatile LONG Typed, Taken;         // how many ever; they may wrap round
constinit KSPIN_LOCK TakeLock = {}; ///< one run of the DPC at a time: it may run on two processors

BOOLEAN NTAPI SerialService(PKINTERRUPT, PVOID) {
    bool any = false;
    for (LONG character = HalDebugGetChar(); character >= 0; character = HalDebugGetChar()) {
        any = true;
        if (Typed - Taken == RING_SIZE) continue; // lost
        Ring[Typed & (RING_SIZE - 1)] = CHAR(character);
        WriteRelease(&Typed, Typed + 1);
    }
    if (any) (void)KeInsertQueueDpc(&Dpc, nullptr, nullptr);
    return any;
}

void NTAPI SerialDpc(PKDPC, PVOID, PVOID, PVOID) {
    const nt::SpinLockGuard guard(TakeLock);
    while (Taken != ReadAcquire(&Typed)) {
        const CHAR character = Ring[Taken & (RING_SIZE - 1)];
        WriteRelease(&Taken, Taken + 1);
        IoTypeCharacter(character);
    }
}

bool Connect() {
    KIRQL irql;
    KAFFINITY affinity;
    const ULONG vector = HalGetInterruptVector(INTERFACE_TYPE::Isa, 0, COM1_LINE, COM1_LINE, &irql, &affinity);
    CHAR processor = 0;
    while ((affinity & 1u << processor) == 0)
        processor++;
    KeInitializeSpinLock(&TakeLock, KLOCK_RANK::None);
    KeInitializeDpc(&Dpc, SerialDpc, nullptr);
    KeInitializeInterrupt(&Interrupt, SerialService, nullptr, nullptr, vector, irql, irql, KINTERRUPT_MODE::Latched,
                          FALSE, processor);
    return KeConnectInterrupt(&Interrupt);
}

} // namespace

void IopInitializeConsolePort() { ExInitializeFastMutex(&SerialMutex); }

void IopEnableConsoleInput() {
    const nt::FastMutexGuard guard(SerialMutex);
    if (Connected) return;
    Connected = Connect();
    if (Connected && !Lent) HalEnableDebugPortInterrupt(TRUE);
}

extern "C" void NTAPI IoLendConsoleInput(BOOLEAN Lend) {
    const nt::FastMutexGuard guard(SerialMutex);
    Lent = Lend;
    if (Connected) HalEnableDebugPortInterrupt(!Lend);
}
