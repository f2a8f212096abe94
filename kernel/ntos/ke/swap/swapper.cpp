// The swapper: one thread that takes kernel stacks and processes out of memory and brings them in.
//
// Whatever ends the wait of a thread whose stack is out holds the dispatcher lock, perhaps in the middle of a walk over waiting
// threads. So it sets no event: it queues a DPC that does.
// The swapper waits in kernel mode only, so its own stack stays. It holds no lock while it waits for pages or for a read.
// Locks: KiDispatcherLock. IRQL: PASSIVE_LEVEL. In the books: "balance set manager and swapper". SYS-15
#include "ke/ki.h"

extern "C" {
constinit SINGLE_LIST_ENTRY KiStackInSwapListHead = {nullptr};
constinit SINGLE_LIST_ENTRY KiProcessInSwapListHead = {nullptr};
constinit SINGLE_LIST_ENTRY KiProcessOutSwapListHead = {nullptr};
}

namespace {

constexpr LONG NO_REQUEST = -1;
constexpr ULONG LONGEST_WAIT = 0x7FFF'FFFF; ///< ticks

KEVENT SwapEvent;          ///< synchronization: there is work. shared: the dispatcher lock's
KDPC SwapDpc;              ///< sets it. shared: the DPC queue's lock
volatile LONG Running;     ///< there is a swapper. shared: interlocked
volatile LONG OutSwapWait; ///< MinimumWait of a request, or NO_REQUEST. shared: interlocked

void NTAPI SetSwapEvent(PKDPC, PVOID, PVOID, PVOID) { (void)KeSetEvent(&SwapEvent, 0, FALSE); }

} // namespace

void KiInitializeSwapper() {
    nt::AssumeHeld(KiDispatcherLock); // before the first thread: nothing is shared yet
    KiStackInSwapListHead.Next = KiProcessInSwapListHead.Next = KiProcessOutSwapListHead.Next = nullptr;
    Running = FALSE;
    OutSwapWait = NO_REQUEST;
}

void KiWakeSwapper() {
    NT_ASSERT(Running);
    (void)KeInsertQueueDpc(&SwapDpc, nullptr, nullptr);
}

void KiSetProcessState(KPROCESS* Process, KPROCESS_STATE State) {
    EtwTraceEvent(ETW_EVENT::ProcessSwap, reinterpret_cast<ULONG_PTR>(Process), ULONG_PTR(Process->State),
                  ULONG_PTR(State), 0);
    Process->State = State;
}

extern "C" {

void NTAPI KeRequestStackOutSwap(ULONG MinimumWait) {
    if (!Running) return;
    InterlockedExchange(&OutSwapWait, LONG(MinimumWait < LONGEST_WAIT ? MinimumWait : LONGEST_WAIT));
    (void)KeSetEvent(&SwapEvent, 0, FALSE);
}

BOOLEAN NTAPI KeSetKernelStackSwapEnable(BOOLEAN Enable) {
    KTHREAD* const thread = KeGetCurrentThread();
    const BOOLEAN before = thread->EnableStackSwap;
    thread->EnableStackSwap = Enable;
    return before;
}

void NTAPI KeSwapProcessOrStack(PVOID StartContext) {
    const auto& calls = *static_cast<const KSWAP_CALLS*>(StartContext);
    KeInitializeEvent(&SwapEvent, SynchronizationEvent, FALSE);
    KeInitializeDpc(&SwapDpc, SetSwapEvent, nullptr);
    InterlockedExchange(&Running, TRUE);
    for (;;) {
        (void)KeWaitForSingleObject(&SwapEvent, KWAIT_REASON::Executive, KernelMode, FALSE, nullptr);
        const LONG wait = InterlockedExchange(&OutSwapWait, NO_REQUEST);
        if (wait != NO_REQUEST) KiOutSwapKernelStacks(calls, ULONG(wait));
        KiOutSwapProcesses(calls);
        KiInSwapProcesses();
        KiInSwapKernelStacks(calls);
    }
}
}
