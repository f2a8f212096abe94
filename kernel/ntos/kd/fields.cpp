// The types that KdFieldTable describes to tools, which read memory from outside.
// build: -fstandalone-debug
//
// This file lists the types. The build compiles it, reads their fields, sizes and values from the object's debug information
// and makes the table of them (grader/images/fieldtable.py), so a layout is written in one place, its header. A tool that
// looks a field up there keeps working when a structure grows. KD_FIELD (kd.h) says how a row reads.
// Constant data in the image: a host reads it from the file, so that a kernel cannot forge it.
// In the books: "symbols", "kernel debugging". TOL-07
#include "etw.h"
#include "ex.h"
#include "i386/trap.h"
#include "kd.h"
#include "ke.h"
#include "ke/startup.h"
#include "ldr.h"
#include "mm/layout.h"
#include "mm/pfn.h"
#include "mm/vad.h"
#include "mm/wsl.h"
#include "ps.h"

extern "C" const FIELD_TABLE_OF<
    // objects that threads wait for, and the waits
    DISPATCHER_HEADER, KWAIT_BLOCK, KEVENT, KSEMAPHORE, KMUTANT, KTIMER, KQUEUE, KGATE,
    // threads, processes, processors
    KTHREAD, ETHREAD, KPROCESS, EPROCESS, KPCR, KPRCB, NT_TIB, KTRAP_FRAME,
    // address spaces
    MM_ADDRESS_SPACE, MMSUPPORT, MM_AVL_TABLE, MMADDRESS_NODE, MMVAD, MMWSL, MMWSLE_HASH, MM_REGION,
    // physical memory, pools
    MMPFN, MMPFNLIST, POOL_TRACKER_TABLE,
    // what runs in another thread's context
    KDPC, KDPC_DATA, KAPC, KAPC_STATE, KINTERRUPT,
    // locks
    KSPIN_LOCK, KSPIN_LOCK_QUEUE, ERESOURCE, OWNER_ENTRY, FAST_MUTEX, KGUARDED_MUTEX, EX_PUSH_LOCK,
    EX_PUSH_LOCK_WAIT_BLOCK, EX_RUNDOWN_REF,
    // lists, time, images, events
    LIST_ENTRY, SINGLE_LIST_ENTRY, KSYSTEM_TIME, LDR_DATA_TABLE_ENTRY, ETW_RECORD, ETW_RING,
    // values
    KOBJECTS, WAIT_TYPE, KWAIT_REASON, EVENT_TYPE, TIMER_TYPE, KTHREAD_STATE, ADJUST_REASON, KDPC_IMPORTANCE, ETW_EVENT,
    KLOCK_KIND, MMLISTS>
    KdFieldTableTypes{};
