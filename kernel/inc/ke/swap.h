// The swapper: kernel stacks and processes that leave memory, and come back.
//
// A thread that waits long in user mode's name needs no kernel stack meanwhile. The balance set manager triggers the swapper, a
// thread of its own, which takes such stacks out; a process none of whose threads has a stack in memory goes, too. A thread that
// becomes ready gets its stack back before it gets a processor.
// In the books: "balance set manager and swapper", "kernel stacks". SYS-15, SCH-09, PFN-17, KPR-16
#pragma once

#include "ke/thread.h"

constexpr KPRIORITY KE_SWAPPER_PRIORITY = 23; ///< documented

/// What the swapper asks of the memory manager. @irql PASSIVE_LEVEL
struct KSWAP_CALLS {
    /// The pages of a thread's kernel stack may leave memory. The thread does not run until InPageKernelStack has returned.
    void(NTAPI* OutPageKernelStack)(PKTHREAD Thread);
    /// They are in memory again, with what they held, and stay.
    void(NTAPI* InPageKernelStack)(PKTHREAD Thread);
    /// The pages of a process may leave memory.
    void(NTAPI* OutSwapProcess)(PKPROCESS Process);
};

extern "C" {
/// The body of the swapper. @param StartContext const KSWAP_CALLS*. @irql PASSIVE_LEVEL
void NTAPI KeSwapProcessOrStack(PVOID StartContext);
/// Has the swapper look for threads that may lose their stacks. Nothing happens while there is no swapper.
/// @param MinimumWait clock ticks that a thread has waited at least. @irql <= DISPATCH_LEVEL
NTKERNELAPI void NTAPI KeRequestStackOutSwap(ULONG MinimumWait);
/// Whether the calling thread's stack may leave memory while it waits in user mode's name. @returns whether it might before.
/// @irql <= DISPATCH_LEVEL
NTKERNELAPI BOOLEAN NTAPI KeSetKernelStackSwapEnable(BOOLEAN Enable);
}
