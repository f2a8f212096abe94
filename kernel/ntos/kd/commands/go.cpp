// go: leave the monitor.
#include "kd/commands.h"
#include "ke/bugcheck.h"

KD_COMMAND(go, "", "go on, after a breakpoint") {
    if (KiBugCheckData[0]) {
        session.Print("there is no way on after a bugcheck\n");
    } else {
        session.Leave();
    }
}
