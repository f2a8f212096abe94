// Private to ke: the dispatcher's locks and the routines that its files share.
//
// Lock order, that of KLOCK_RANK (checked builds refuse another): KPROCESS::ProcessLock -> Gate (a KGATE's own) ->
// KTHREAD::ThreadLock -> KTHREAD::ApcQueueLock -> KiDispatcherLock -> KTHREAD::ReadyLock -> TimeLock (time.cpp) ->
// KiLockRecordLock (checked builds) -> KPRCB::PrcbLock (lower processor number first) -> KDPC_DATA::DpcLock.
// An interrupt object's lock is held above DISPATCH_LEVEL only, where no other lock but a DpcLock is acquired.
// Routines of this folder that run under a lock say so in their declaration, and clang refuses a call without it.
// In the books: "dispatcher database", "thread scheduling".
#pragma once

#include "etw.h"
#include "hal.h"
#include "ke.h"
#include "ke/ki/apc.h"
#include "ke/ki/context.h"
#include "ke/ki/dispatcher.h"
#include "ke/ki/dpc.h"
#include "ke/ki/lockchecks.h"
#include "ke/ki/policy.h"
#include "ke/ki/scheduler.h"
#include "ke/ki/swap.h"
#include "ke/ki/time.h"
#include "ke/ki/wait.h"
