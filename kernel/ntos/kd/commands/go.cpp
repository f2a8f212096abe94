// go: leave the monitor.
#include "kd/commands.h"
#include "ke/bugcheck.h"

static void GoOn(KD_SESSION& session) {
    if (KiBugCheckData[0]) {
        session.Print("there is no way on after a bugcheck\n");
    } else {
        session.Leave();
    }
}

KD_COMMAND(go, "", "go on, after a breakpoint; back to the console") { GoOn(session); }
KD_COMMAND(g, "", "the same as go") { GoOn(session); }
