// Words for the numbers in the kernel's structures, as the monitor prints them.
#pragma once

#include "ke/dispatcher.h"
#include "ke/thread.h"

PCSTR KdpStateName(KTHREAD_STATE state);
PCSTR KdpWaitReasonName(KWAIT_REASON reason);
PCSTR KdpLockName(KLOCK_KIND kind);
PCSTR KdpObjectName(KOBJECTS type);
PCSTR KdpEventName(UCHAR event);
