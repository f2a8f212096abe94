// Slim reader/writer locks: many threads that read, or one that writes. One word, no preparation, no end.
//
// Free or taken without a rival, a lock costs one interlocked instruction. A thread that must wait meets the one that lets it in at a
// keyed event, so no memory is needed. No thread takes a lock twice. A lock is given on to a thread that waits, and never free meanwhile.
// In the books: "slim reader/writer locks". DSP-22
#pragma once

#include "ntstatus.h"

/// A slim reader/writer lock (documented layout). Zero: free.
/// shared: interlocked
struct RTL_SRWLOCK {
    PVOID Ptr;
};
using PRTL_SRWLOCK = RTL_SRWLOCK*;
PUBLIC_SIZE(RTL_SRWLOCK, 4);
constexpr RTL_SRWLOCK RTL_SRWLOCK_INIT = {nullptr};

extern "C" {
NTKERNELAPI void NTAPI RtlInitializeSRWLock(PRTL_SRWLOCK SRWLock);
/// Takes the lock for writing: no other thread has it.
NTKERNELAPI void NTAPI RtlAcquireSRWLockExclusive(PRTL_SRWLOCK SRWLock);
/// Takes it for reading: no thread that writes has it. A thread that waits to write goes first.
NTKERNELAPI void NTAPI RtlAcquireSRWLockShared(PRTL_SRWLOCK SRWLock);
/// Give it back. Raise STATUS_RESOURCE_NOT_OWNED if no thread has it so.
NTKERNELAPI void NTAPI RtlReleaseSRWLockExclusive(PRTL_SRWLOCK SRWLock);
NTKERNELAPI void NTAPI RtlReleaseSRWLockShared(PRTL_SRWLOCK SRWLock);
/// Take it if that needs no waiting. @returns whether the caller has it now
NTKERNELAPI BOOLEAN NTAPI RtlTryAcquireSRWLockExclusive(PRTL_SRWLOCK SRWLock);
NTKERNELAPI BOOLEAN NTAPI RtlTryAcquireSRWLockShared(PRTL_SRWLOCK SRWLock);
}
