// bugcheck: stops the system, to see what a crash looks like.
#include "kd/commands.h"
#include "ke/bugcheck.h"

KD_COMMAND(bugcheck, "[code]", "stop the system") {
    ULONG code = MANUALLY_INITIATED_CRASH;
    (void)session.NextNumber(&code);
    KeBugCheckEx(code, 0, 0, 0, 0);
}
