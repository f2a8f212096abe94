// The monitor: a prompt on COM1 through which one looks at the running or the crashed kernel.
#include "kdp.h"

extern "C" void NTAPI KdEnterMonitor(CONTEXT*) { KdpPutString("kd> \n"); }
