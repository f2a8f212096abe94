// Finding a process by what was typed, and the names of protections.
#include "processview.h"
#include "mm/i386/pte.h"
#include "nt/list.h"

EPROCESS* KdpNextProcess(KD_SESSION& session) {
    if (!session.HasWord()) return PsGetCurrentProcess();
    ULONG wanted;
    if (!session.NextNumber(&wanted)) return nullptr;
    for (EPROCESS* process : nt::List<&EPROCESS::ActiveProcessLinks>(PsActiveProcessHead)) {
        if (process->UniqueProcessId == wanted || ULONG(reinterpret_cast<ULONG_PTR>(process)) == wanted) return process;
    }
    session.Print("no process %u (0x%08x)\n", wanted, wanted);
    return nullptr;
}

KdpMutex::KdpMutex(const KD_SESSION& session, FAST_MUTEX& mutex) : m_mutex(session.Stopped() ? nullptr : &mutex) {
    if (m_mutex) ExAcquireFastMutex(m_mutex);
}

KdpMutex::~KdpMutex() {
    if (m_mutex) ExReleaseFastMutex(m_mutex);
}

PCSTR KdpProtectionName(ULONG protection) {
    static constexpr PCSTR names[] = {"none",
                                      "read",
                                      "execute",
                                      "execute read",
                                      "read write",
                                      "copy on write",
                                      "execute read write",
                                      "execute copy on write"};
    if (protection == MM_NOACCESS) return "no access";
    return names[protection & 7];
}
