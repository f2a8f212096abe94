// A user APC that comes before all others: how a thread of user mode begins and ends.
//
// The thread queues it itself, at APC_LEVEL or in a kernel routine; it is delivered when the thread leaves for user mode, whatever else waits.
// Locks: ApcQueueLock. IRQL: <= APC_LEVEL. In the books: "user-mode APCs", "thread creation", "thread termination". INT-13, PRC-12
#include "ke/ki.h"
#include "ke/usermode.h"

void NTAPI KeForceUserApc(PKAPC Apc, PVOID SystemArgument1) {
    KTHREAD* const thread = KeGetCurrentThread();
    NT_ASSERT(Apc->Thread == thread && !Apc->Inserted && Apc->ApcMode == UserMode);
    KiApcQueueGuard guard(thread->ApcQueueLock);
    if (!thread->ApcQueueable) return; // it ends, and does not go to user mode again
    KAPC_STATE* const state = thread->ApcStatePointer[ULONG(OriginalApcEnvironment)];
    Apc->SystemArgument1 = SystemArgument1;
    Apc->Inserted = TRUE;
    InsertHeadList(&state->ApcListHead[ULONG(UserMode)], &Apc->ApcListEntry);
    state->UserApcPending = TRUE;
}
