// The kernel layer: scheduling, dispatcher objects, interrupts, processors. One header a concept, all of them here.
// In the books: the chapters on system mechanisms and on processes and threads. ARC-03, ARC-05
#pragma once

#include "ke/apc.h"
#include "ke/bugcheck.h"
#include "ke/bugcheckcallback.h"
#include "ke/devicequeue.h"
#include "ke/dispatcher.h"
#include "ke/dpc.h"
#include "ke/floatstate.h"
#include "ke/gate.h"
#include "ke/interrupt.h"
#include "ke/ipi.h"
#include "ke/irql.h"
#include "ke/lockgraph.h"
#include "ke/policy.h"
#include "ke/processor.h"
#include "ke/queuedlock.h"
#include "ke/queue.h"
#include "ke/spinlock.h"
#include "ke/startup.h"
#include "ke/thread.h"
#include "nt/atomic.h"
