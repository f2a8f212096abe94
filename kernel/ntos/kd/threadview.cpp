// Taking copies of threads.
#include "threadview.h"
#include "nt/list.h"
#include "rtl/string.h"

namespace {

constexpr ULONG VIEWS = 128;
KD_THREAD_VIEW Views[VIEWS]; ///< the monitor is used by one person at a time

/// The only thread that can signal the object.
const KTHREAD* OwnerOf(const DISPATCHER_HEADER* object) REQUIRES_(KiDispatcherLock) {
    if (object->Type == KOBJECTS::MutantObject) return CONTAINING_RECORD(object, const KMUTANT, Header)->OwnerThread;
    if (object->Type == KOBJECTS::ThreadObject) return CONTAINING_RECORD(object, const KTHREAD, Header);
    return nullptr;
}

void CopyWaits(const KD_SESSION& session, const KTHREAD& thread, KD_THREAD_VIEW& view) REQUIRES_(KiDispatcherLock) {
    view.WaitCount = 0;
    view.Lock = {};
    const bool waits = thread.State == KTHREAD_STATE::Waiting || thread.State == KTHREAD_STATE::GateWait;
    if (!waits || !thread.WaitBlockList) return;
    if (KLOCK_NOTE note; KeQueryLockWait(&thread, &note)) {
        view.Lock = {.Lock = note.Lock, .Kind = note.Kind, .Exclusive = note.Exclusive};
        KdpFindLockOwners(session, view.Lock);
    }
    const KWAIT_BLOCK* block = thread.WaitBlockList;
    view.WaitType = block->WaitType;
    do {
        if (view.WaitCount <= THREAD_WAIT_OBJECTS)
            view.Waits[view.WaitCount] = {block->Object, block->Object->Type, block->Object->SignalState,
                                          OwnerOf(block->Object)};
        view.WaitCount++;
        block = block->NextWaitBlock;
    } while (block && block != thread.WaitBlockList && view.WaitCount <= MAXIMUM_WAIT_OBJECTS);
}

void Copy(const KD_SESSION& session, const KTHREAD& thread, KD_THREAD_VIEW& view) REQUIRES_(KiDispatcherLock) {
    view.Thread = &thread;
    view.State = thread.State;
    view.StackResident = thread.KernelStackResident;
    view.Priority = thread.Priority;
    view.BasePriority = thread.BasePriority;
    view.Quantum = thread.Quantum;
    view.Processor = thread.NextProcessor;
    view.ContextSwitches = thread.ContextSwitches;
    view.WaitTime = thread.WaitTime;
    view.WaitReason = thread.WaitReason;
    CopyWaits(session, thread, view);
    const ETHREAD* const outer = CONTAINING_RECORD(&thread, const ETHREAD, Tcb);
    view.Id = outer->UniqueThreadId;
    memcpy(view.Name, outer->ThreadName, sizeof(view.Name));
    view.Name[sizeof(view.Name) - 1] = 0;
}

} // namespace

ULONG KdpViewThreads(const KD_SESSION& session, KD_THREAD_VIEW* views, ULONG limit) {
    ULONG count = 0;
    for (const KPRCB* prcb : KiProcessorBlock) { // idle threads are on no list
        if (!prcb || !prcb->IdleThread || count == limit) continue;
        KdpLock states(session, KiDispatcherLock);
        Copy(session, *prcb->IdleThread, views[count++]);
    }
    for (EPROCESS* process : nt::List<&EPROCESS::ActiveProcessLinks>(PsActiveProcessHead)) {
        KdpLock threads(session, process->Pcb.ProcessLock);
        KdpLock states(session, KiDispatcherLock);
        for (const KTHREAD* thread : nt::List<&KTHREAD::ThreadListEntry>(process->Pcb.ThreadListHead)) {
            if (count == limit) return count;
            Copy(session, *thread, views[count++]);
        }
    }
    return count;
}

ULONG KdpViewThreads(const KD_SESSION& session, const KD_THREAD_VIEW** views) {
    *views = Views;
    return KdpViewThreads(session, Views, VIEWS);
}

const KD_THREAD_VIEW* KdpFindThread(KD_SESSION& session, ULONG idOrAddress) {
    const KD_THREAD_VIEW* views;
    const ULONG count = KdpViewThreads(session, &views);
    for (ULONG i = 0; i < count; i++) {
        const auto address = static_cast<ULONG>(reinterpret_cast<ULONG_PTR>(views[i].Thread));
        if (views[i].Id == idOrAddress || address == idOrAddress) return &views[i];
    }
    session.Print("no thread %u (0x%08x)\n", idOrAddress, idOrAddress);
    return nullptr;
}
