// What scheduler and swapper share about threads and processes that are not in memory.
//
//     Waiting, on WaitListHead --- swapper: waits long ---> Waiting, stack out --- wait ends ---> Transition
//                                                                                                    |
//     DeferredReady <--- swapper: stack is in memory again --- KiStackInSwapListHead <--- in memory -+
//                                                                      ^                             | process is out
//                          swapper: process is in memory again ---- KPROCESS ReadyListHead <---------'
//
// Invariants: a thread on a WaitListHead is Waiting, its WaitMode is UserMode, and its stack is in memory. KernelStackResident is
// clear for threads that wait off these lists and for threads in Transition only; no other code touches such a stack.
// StackCount of a process is the number of its threads whose stack is in memory or on its way there (KiCheckStackCount); a
// thread on ReadyListHead does not count. A process whose State is not ProcessInMemory has the StackCount 0.
// The swapper alone takes anything out or in, so a stack never goes in both directions.
// Lock: KiDispatcherLock for all of it. In the books: "thread states: transition", "swapper". SCH-09, SYS-15, KPR-08, KPR-09, KPR-16, KPR-21
#pragma once

#include "ke.h"

constexpr ULONG KI_SWAP_PERIOD = 4; ///< seconds from one look at long waits to the next (documented)
constexpr ULONG KI_LONG_WAIT =
    700; ///< clock ticks (10 ms each) after which a thread waits long (documented: 7 seconds)

extern "C" {
extern SINGLE_LIST_ENTRY KiStackInSwapListHead GUARDED_BY(KiDispatcherLock);    ///< of KTHREAD::SwapListEntry
extern SINGLE_LIST_ENTRY KiProcessInSwapListHead GUARDED_BY(KiDispatcherLock);  ///< of KPROCESS::SwapListEntry
extern SINGLE_LIST_ENTRY KiProcessOutSwapListHead GUARDED_BY(KiDispatcherLock); ///< of KPROCESS::SwapListEntry
}

/// Part of KiInitializeDispatcher, once: nothing is out, and there is no swapper yet.
void KiInitializeSwapper();
/// Wakes the swapper: something has come to one of the three lists. It exists, or nothing could be out.
void KiWakeSwapper() REQUIRES_(KiDispatcherLock, AtDispatchLevel);
/// Writes KPROCESS::State and the event.
void KiSetProcessState(KPROCESS* Process, KPROCESS_STATE State) REQUIRES_(KiDispatcherLock);

// inswap.cpp
/// A thread begins a wait in user mode's name: it is the last one of this processor's WaitListHead. The dispatcher lock is held.
void KiEnterWaitList(KTHREAD* Thread) REQUIRES_(AtDispatchLevel);
/// The wait of a thread with UserWait ends. The dispatcher lock is held. @returns false: its stack is out; it is in Transition, and the
/// swapper brings it in
bool KiEndUserWait(KTHREAD* Thread) REQUIRES_(AtDispatchLevel);
/// A thread is ready and its process is not in memory: it is in Transition on the process's ReadyListHead.
void KiAwaitProcess(KTHREAD* Thread) REQUIRES_(KiDispatcherLock, AtDispatchLevel);
/// The process is in memory: its ready threads go on.
void KiAdmitProcess(KPROCESS* Process) REQUIRES_(KiDispatcherLock, AtDispatchLevel);
/// The swapper's two steps inwards.
void KiInSwapProcesses();
void KiInSwapKernelStacks(const KSWAP_CALLS& Calls);

// outswap.cpp
/// May the thread, which is on a WaitListHead, lose its stack?
bool KiMayLoseStack(const KTHREAD* Thread) REQUIRES_(KiDispatcherLock);
/// A stack of the process is not in memory any more, or not needed: its thread ends. @param last it has no threads any more.
void KiReleaseStack(KPROCESS* Process, bool last) REQUIRES_(KiDispatcherLock, AtDispatchLevel);
/// The swapper's two steps outwards.
void KiOutSwapKernelStacks(const KSWAP_CALLS& Calls, ULONG MinimumWait);
void KiOutSwapProcesses(const KSWAP_CALLS& Calls);

/// Checked builds: StackCount of a process against its threads. No lock is held.
void KiCheckStackCount(KPROCESS* Process);
