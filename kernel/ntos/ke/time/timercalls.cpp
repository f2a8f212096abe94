// The timer routines' older names: notification timers that run once.
//
// IRQL: <= DISPATCH_LEVEL. In the books: "timer processing". DSP-09
#include "ke/dpc.h"

extern "C" {

BOOLEAN NTAPI KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc) {
    return KeSetTimerEx(Timer, DueTime, 0, Dpc);
}

void NTAPI KeInitializeTimer(PKTIMER Timer) { KeInitializeTimerEx(Timer, NotificationTimer); }
}
