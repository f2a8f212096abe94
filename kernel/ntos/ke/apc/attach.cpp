// Attaching: a thread goes on in another process's address space, and its APCs with it.
//
// An APC belongs to an address space. While a thread is attached, APCs for its own process wait in SavedApcState (or in
// the state of the attachment that this one interrupted) and the queues of ApcState are those of the other process; when
// it detaches, the queues change back and what waited is delivered.
// Invariant: ApcStatePointer[OriginalApcEnvironment] is the state of the thread's own process, wherever that is kept.
// Locks: ApcQueueLock. IRQL: <= DISPATCH_LEVEL, not in a DPC.
// In the books: "attaching to a process", "asynchronous procedure calls: APC environments". KPR-06, INT-10
#include "ke/ki.h"

namespace {

/// KAPC_STATE::Process of an attachment to the process in which the thread was already.
KPROCESS* NothingToUndo() { return reinterpret_cast<KPROCESS*>(1); }

bool IsAttached(const KTHREAD* thread) { return thread->ApcStateIndex != OriginalApcEnvironment; }

void MoveList(LIST_ENTRY* from, LIST_ENTRY* to) {
    InitializeListHead(to);
    if (IsListEmpty(from)) return;
    LIST_ENTRY* const first = from->Flink;
    RemoveEntryList(from);
    InsertTailList(first, to); // the head joins the ring before the first entry
    InitializeListHead(from);
}

/// What `from` was, `to` becomes.
void MoveState(KAPC_STATE* from, KAPC_STATE* to) {
    for (ULONG mode = 0; mode < 2; mode++)
        MoveList(&from->ApcListHead[mode], &to->ApcListHead[mode]);
    to->Process = from->Process;
    to->KernelApcInProgress = from->KernelApcInProgress;
    to->KernelApcPending = from->KernelApcPending;
    to->UserApcPending = from->UserApcPending;
}

/// From which of its states the thread's own process and the one it is attached to are served.
void SetEnvironment(KTHREAD* thread, KAPC_ENVIRONMENT environment) {
    const bool original = environment == OriginalApcEnvironment;
    thread->ApcStatePointer[0] = original ? &thread->ApcState : &thread->SavedApcState;
    thread->ApcStatePointer[1] = original ? &thread->SavedApcState : &thread->ApcState;
    thread->ApcStateIndex = environment;
}

/// This processor goes on in `process`.
void SwitchAddressSpace(KPROCESS* oldProcess, KPROCESS* process) REQUIRES_(AtDispatchLevel) {
    const LONG processor = LONG(KeGetCurrentPrcb()->SetMember);
    InterlockedAnd(&oldProcess->ActiveProcessors, ~processor);
    InterlockedOr(&process->ActiveProcessors, processor);
    KiLoadDirectoryTable(process);
}

void CheckAttach(const KTHREAD* thread, const KPROCESS* process, bool allowed) {
    // Below DISPATCH_LEVEL this is no DPC, and the thread may go on elsewhere at any moment.
    const bool inDpc = KeGetCurrentIrql() >= DISPATCH_LEVEL && KeGetCurrentPrcb()->DpcRoutineActive;
    if (allowed && !inDpc) return;
    KeBugCheckEx(INVALID_PROCESS_ATTACH_ATTEMPT, reinterpret_cast<ULONG_PTR>(process),
                 reinterpret_cast<ULONG_PTR>(thread->ApcState.Process), ULONG_PTR(thread->ApcStateIndex), inDpc);
}

/// @param saved where the present state goes
void Attach(KTHREAD* thread, KPROCESS* process, KAPC_STATE* saved) {
    KiApcQueueGuard guard(thread->ApcQueueLock);
    KAPC_STATE& state = thread->ApcState;
    KPROCESS* const oldProcess = state.Process;
    MoveState(&state, saved);
    state.Process = process;
    state.KernelApcInProgress = FALSE;
    state.KernelApcPending = FALSE;
    state.UserApcPending = FALSE;
    if (saved == &thread->SavedApcState) SetEnvironment(thread, AttachedApcEnvironment);
    SwitchAddressSpace(oldProcess, process);
}

/// An APC of the address space that the thread is about to leave would never run.
void CheckDetach(const KTHREAD* thread) {
    const KAPC_STATE& state = thread->ApcState;
    const bool idle = IsListEmpty(&state.ApcListHead[0]) && IsListEmpty(&state.ApcListHead[1]);
    if (IsAttached(thread) && idle && !state.KernelApcInProgress) return;
    KeBugCheckEx(INVALID_PROCESS_DETACH_ATTEMPT, reinterpret_cast<ULONG_PTR>(state.Process),
                 ULONG_PTR(thread->ApcStateIndex), 0, 0);
}

/// Goes back to the state in `saved`, unless an APC of this address space shall run first. @returns whether it went
bool TryDetach(KTHREAD* thread, KAPC_STATE* saved) {
    const bool delivers = KeGetCurrentIrql() < APC_LEVEL && thread->SpecialApcDisable == 0;
    KiApcQueueGuard guard(thread->ApcQueueLock);
    KAPC_STATE& state = thread->ApcState;
    if (state.KernelApcPending && delivers) {
        KiRequestApcDelivery(thread); // comes when the guard lowers the IRQL
        return false;
    }
    CheckDetach(thread);
    KPROCESS* const oldProcess = state.Process;
    MoveState(saved, &state);
    if (saved == &thread->SavedApcState) SetEnvironment(thread, OriginalApcEnvironment);
    SwitchAddressSpace(oldProcess, state.Process);
    if (!IsListEmpty(&state.ApcListHead[ULONG(KernelMode)])) KiRequestApcDelivery(thread);
    return true;
}

void Detach(KAPC_STATE* saved) {
    KTHREAD* const thread = KeGetCurrentThread();
    while (!TryDetach(thread, saved)) {}
}

} // namespace

void NTAPI KeStackAttachProcess(PKPROCESS Process, PRKAPC_STATE ApcState) {
    KTHREAD* const thread = KeGetCurrentThread();
    CheckAttach(thread, Process, true);
    if (thread->ApcState.Process == Process) {
        ApcState->Process = NothingToUndo();
    } else if (IsAttached(thread)) {
        Attach(thread, Process, ApcState); // on top of another attachment, which the caller keeps for us
    } else {
        ApcState->Process = nullptr; // the thread has a place of its own for this one
        Attach(thread, Process, &thread->SavedApcState);
    }
}

void NTAPI KeUnstackDetachProcess(PRKAPC_STATE ApcState) {
    if (ApcState->Process == NothingToUndo()) return;
    Detach(ApcState->Process ? ApcState : &KeGetCurrentThread()->SavedApcState);
}

void NTAPI KeAttachProcess(PKPROCESS Process) {
    KTHREAD* const thread = KeGetCurrentThread();
    if (thread->ApcState.Process == Process) return;
    CheckAttach(thread, Process, !IsAttached(thread));
    Attach(thread, Process, &thread->SavedApcState);
}

void NTAPI KeDetachProcess() {
    KTHREAD* const thread = KeGetCurrentThread();
    if (IsAttached(thread)) Detach(&thread->SavedApcState);
}

BOOLEAN NTAPI KeIsAttachedProcess() { return IsAttached(KeGetCurrentThread()); }
