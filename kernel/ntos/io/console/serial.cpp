// COM1 as a keyboard: its interrupt says that a character has come. Nothing polls while nobody types.
//
// The service routine takes the characters off the port, and a DPC gives them to the console. While the monitor has the port, its
// interrupt is off; what is typed then is the monitor's.
// Locks: SerialMutex for who has the port. In the books: "interrupt objects", "DPCs". SYS-05, INT-03
#include "hal.h"
#include "io/console/typing.h"
#include "ke/interrupt.h"

namespace {

constexpr ULONG COM1_LINE = 4;

constinit FAST_MUTEX SerialMutex = {};
bool Begun;           // under SerialMutex
bool Connected;       // the same
bool Lent;            // the same
KINTERRUPT Interrupt; ///< fixed once it is connected
IOP_TYPING Typing;

BOOLEAN NTAPI SerialService(PKINTERRUPT, PVOID) {
    bool any = false;
    for (LONG character = HalDebugGetChar(); character >= 0; character = HalDebugGetChar()) {
        any = true;
        Typing.Put(CHAR(character));
    }
    if (any) Typing.Request();
    return any;
}

bool Connect() {
    Typing.Initialize();
    return IopConnectLine(&Interrupt, COM1_LINE, SerialService);
}

} // namespace

bool IopConnectLine(PKINTERRUPT interrupt, ULONG line, PKSERVICE_ROUTINE service) {
    KIRQL irql;
    KAFFINITY affinity;
    const ULONG vector = HalGetInterruptVector(INTERFACE_TYPE::Isa, 0, line, line, &irql, &affinity);
    CHAR processor = 0;
    while ((affinity & 1u << processor) == 0)
        processor++;
    KeInitializeInterrupt(interrupt, service, nullptr, nullptr, vector, irql, irql, KINTERRUPT_MODE::Latched, FALSE,
                          processor);
    return KeConnectInterrupt(interrupt);
}

void IopInitializeConsolePort() { ExInitializeFastMutex(&SerialMutex); }

void IopEnableConsoleInput() {
    const nt::FastMutexGuard guard(SerialMutex);
    if (Begun) return;
    Begun = true;
    Connected = Connect();
    IopConnectKeyboard();
    if (Connected && !Lent) HalEnableDebugPortInterrupt(TRUE);
}

extern "C" void NTAPI IoLendConsoleInput(BOOLEAN Lend) {
    const nt::FastMutexGuard guard(SerialMutex);
    Lent = Lend;
    if (Connected) HalEnableDebugPortInterrupt(!Lend);
}
