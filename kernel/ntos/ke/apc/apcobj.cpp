// APC objects: made, taken back, flushed, run down; and a new thread's APC state.
//
// Locks: ApcQueueLock. IRQL: <= DISPATCH_LEVEL, if a routine says nothing else.
// In the books: "asynchronous procedure calls". INT-10, INT-14
#include "ke/ki.h"
#include "rtl/string.h"

namespace {

constexpr UCHAR ApcObjectType = 18; ///< KAPC::Type, as debuggers show it

/// A queue has become empty: there is nothing left to look at.
void ForgetPending(KAPC_STATE* state, KPROCESSOR_MODE mode) {
    if (mode == KernelMode) {
        state->KernelApcPending = FALSE;
    } else {
        state->UserApcPending = FALSE;
    }
}

void RunDown(LIST_ENTRY* first, PKRUNDOWN_ROUTINE free) {
    if (!first) return;
    LIST_ENTRY* entry = first;
    do {
        KAPC* const apc = CONTAINING_RECORD(entry, KAPC, ApcListEntry);
        entry = entry->Flink; // first: the routine may free the APC
        PKRUNDOWN_ROUTINE const routine = apc->RundownRoutine ? apc->RundownRoutine : free;
        if (routine) routine(apc);
    } while (entry != first);
}

} // namespace

void KiInitializeThreadApcs(PKTHREAD Thread, PKPROCESS Process) {
    KeInitializeSpinLock(&Thread->ApcQueueLock, KLOCK_RANK::ApcQueue);
    for (LIST_ENTRY& list : Thread->ApcState.ApcListHead)
        InitializeListHead(&list);
    for (LIST_ENTRY& list : Thread->SavedApcState.ApcListHead)
        InitializeListHead(&list);
    Thread->ApcState.Process = Process;
    Thread->ApcStatePointer[0] = &Thread->ApcState;
    Thread->ApcStatePointer[1] = &Thread->SavedApcState;
    Thread->ApcStateIndex = OriginalApcEnvironment;
    Thread->ApcQueueable = TRUE;
}

void NTAPI KeInitializeApc(PKAPC Apc, PKTHREAD Thread, KAPC_ENVIRONMENT Environment, PKKERNEL_ROUTINE KernelRoutine,
                           PKRUNDOWN_ROUTINE RundownRoutine, PKNORMAL_ROUTINE NormalRoutine, KPROCESSOR_MODE ApcMode,
                           PVOID NormalContext) {
    RtlZeroMemory(Apc, sizeof(*Apc));
    Apc->Type = ApcObjectType;
    Apc->Size = sizeof(KAPC);
    Apc->Thread = Thread;
    Apc->KernelRoutine = KernelRoutine;
    Apc->RundownRoutine = RundownRoutine;
    Apc->NormalRoutine = NormalRoutine;
    Apc->ApcStateIndex = Environment == CurrentApcEnvironment ? Thread->ApcStateIndex : Environment;
    Apc->ApcMode = NormalRoutine ? ApcMode : KernelMode; // a special APC is a kernel one
    Apc->NormalContext = NormalRoutine ? NormalContext : nullptr;
}

BOOLEAN NTAPI KeRemoveQueueApc(PKAPC Apc) {
    KTHREAD* const thread = Apc->Thread;
    KiApcQueueGuard guard(thread->ApcQueueLock);
    if (!Apc->Inserted) return FALSE;
    Apc->Inserted = FALSE;
    RemoveEntryList(&Apc->ApcListEntry);
    // Not "if its list is empty": it may have been on that of an attachment which another one has interrupted.
    KAPC_STATE* const state = thread->ApcStatePointer[ULONG(Apc->ApcStateIndex)];
    if (IsListEmpty(&state->ApcListHead[ULONG(Apc->ApcMode)])) ForgetPending(state, Apc->ApcMode);
    return TRUE;
}

PLIST_ENTRY NTAPI KeFlushQueueApc(PKTHREAD Thread, KPROCESSOR_MODE ApcMode) {
    KiApcQueueGuard guard(Thread->ApcQueueLock);
    LIST_ENTRY* const head = &Thread->ApcState.ApcListHead[ULONG(ApcMode)];
    if (IsListEmpty(head)) return nullptr;
    LIST_ENTRY* const first = head->Flink;
    for (KAPC* apc : nt::List<&KAPC::ApcListEntry>(*head))
        apc->Inserted = FALSE;
    RemoveEntryList(head); // the others stay a ring
    InitializeListHead(head);
    ForgetPending(&Thread->ApcState, ApcMode);
    return first;
}

BOOLEAN NTAPI KeDisableApcQueuingThread(PKTHREAD Thread) {
    KiApcQueueGuard guard(Thread->ApcQueueLock);
    const BOOLEAN old = Thread->ApcQueueable;
    Thread->ApcQueueable = FALSE;
    return old;
}

void NTAPI KeRundownApcQueues(PKRUNDOWN_ROUTINE Free) {
    KTHREAD* const thread = KeGetCurrentThread();
    (void)KeDisableApcQueuingThread(thread);
    RunDown(KeFlushQueueApc(thread, KernelMode), Free);
    RunDown(KeFlushQueueApc(thread, UserMode), Free);
}
