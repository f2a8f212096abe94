// The lock of the list of loaded images (PsLoadedModuleList, ldr.h).
//
// Invariants: code that changes the list holds the lock. Code that goes through it holds the lock too, with two exceptions: the debugger
// and the bugcheck look at a machine that has stopped; phase 0 has one processor. An entry stays where it is for good, and
// keeps its image: a pointer to it is good after the lock has been released. Kernel and HAL are the first two entries, always.
// IRQL: <= DISPATCH_LEVEL. In the books: "image loader: loaded module list". BOO-04
#pragma once

#include "ke/spinlock.h"
#include "ldr.h"

extern "C" {
NTKERNELAPI extern KSPIN_LOCK PsLoadedModuleSpinLock;
}

namespace nt {

/// The image that holds an address; nullptr: none does. @irql <= DISPATCH_LEVEL
inline LDR_DATA_TABLE_ENTRY* FindLoadedModule(const void* address) {
    SpinLockGuard guard(PsLoadedModuleSpinLock);
    for (LDR_DATA_TABLE_ENTRY* module : List<&LDR_DATA_TABLE_ENTRY::InLoadOrderLinks>(PsLoadedModuleList)) {
        const ULONG_PTR offset = reinterpret_cast<ULONG_PTR>(address) - reinterpret_cast<ULONG_PTR>(module->DllBase);
        if (offset < module->SizeOfImage) return module;
    }
    return nullptr;
}

/// The image behind another one in the order of loading; nullptr: it is the last. @irql <= DISPATCH_LEVEL
inline LDR_DATA_TABLE_ENTRY* NextLoadedModule(const LDR_DATA_TABLE_ENTRY* module) {
    SpinLockGuard guard(PsLoadedModuleSpinLock);
    LIST_ENTRY* const next = module->InLoadOrderLinks.Flink;
    return next == &PsLoadedModuleList ? nullptr : CONTAINING_RECORD(next, LDR_DATA_TABLE_ENTRY, InLoadOrderLinks);
}

} // namespace nt
