// The PS/2 keyboard, beside COM1: the controller's interrupt says that a code has come.
//
// The firmware leaves keyboard and controller on, and the codes translated to set 1. A machine without a controller answers all ones.
// Locks: the interrupt's, for the state of the keys. In the books: "interrupt objects", "keyboard driver". SYS-05, INT-03
#include "hal.h"
#include "io/console/keymap.h"
#include "io/console/typing.h"
#include "ke/interrupt.h"

namespace {

constexpr ULONG KEYBOARD_LINE = 1;
constexpr USHORT DATA = 0x60, STATUS = 0x64;
constexpr UCHAR OUTPUT_FULL = 0x01, FROM_MOUSE = 0x20, NO_CONTROLLER = 0xFF;
constexpr ULONG MOST_CODES = 16; ///< of one interrupt: the controller has fewer

IOP_TYPING Typing;
nt::KeyMap Keys;      // the service routine's
KINTERRUPT Interrupt; // fixed once it is connected

BOOLEAN NTAPI KeyboardService(PKINTERRUPT, PVOID) {
    bool any = false;
    for (ULONG i = 0; i < MOST_CODES; i++) {
        const UCHAR status = READ_PORT_UCHAR(STATUS);
        if (status == NO_CONTROLLER || (status & OUTPUT_FULL) == 0) break;
        const UCHAR code = READ_PORT_UCHAR(DATA);
        any = true;
        if ((status & FROM_MOUSE) != 0) continue;
        CHAR typed[nt::KeyMap::MOST];
        Keys.Take(code, typed);
        for (PCSTR at = typed; *at; at++)
            Typing.Put(*at);
    }
    if (any) Typing.Request();
    return any;
}

} // namespace

void IopConnectKeyboard() {
    if (READ_PORT_UCHAR(STATUS) == NO_CONTROLLER) return;
    Typing.Initialize();
    if (!IopConnectLine(&Interrupt, KEYBOARD_LINE, KeyboardService)) return;
    while ((READ_PORT_UCHAR(STATUS) & OUTPUT_FULL) != 0)
        (void)READ_PORT_UCHAR(DATA); // typed before anybody listened: it would keep the line
}
