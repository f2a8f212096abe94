// Executive support: pool, locks that wait, worker threads. One header a concept, all of them here.
// In the books: "system memory pools", "synchronization at high and low IRQL", "system worker threads". ARC-08, DSP-18..21, SYH-03..06
#pragma once

#include "ex/fastmutex.h"
#include "ex/features.h"
#include "ex/guardedmutex.h"
#include "ex/handle.h"
#include "ex/inject.h"
#include "ex/interlocked.h"
#include "ex/lookaside.h"
#include "ex/pool.h"
#include "ex/slist.h"
#include "ex/spinlock.h"
#include "ex/pushlock.h"
#include "ex/quotablock.h"
#include "ex/registers.h"
#include "ex/onesecond.h"
#include "ex/resource.h"
#include "ex/rundown.h"
#include "ex/time.h"
#include "ex/worker.h"
