// Which process a command is about, and holding what is read of its address space.
//
// Locks: those of the address space, in their order (mm/addressspace.h); in a stopped kernel none, as in threadview.h.
// In the books: "process internals". TOL-06
#pragma once

#include "ex/fastmutex.h"
#include "ps.h"
#include "session.h"

/// The process that the command's next word names, by its ID or its address; without a word the current one.
/// @returns nullptr if there is none; that is said to the user.
EPROCESS* KdpNextProcess(KD_SESSION& session);

/// A mutex, unless the kernel stands still.
class KdpMutex {
public:
    KdpMutex(const KD_SESSION& session, FAST_MUTEX& mutex);
    ~KdpMutex();
    KdpMutex(const KdpMutex&) = delete;
    KdpMutex& operator=(const KdpMutex&) = delete;

private:
    FAST_MUTEX* const m_mutex;
};

/// What a protection is called, MM_PROTECTION.
PCSTR KdpProtectionName(ULONG protection);
