// The library's locks, by number, and DllMain, which makes them. Contract: crt.h.
#include "crt.h"

#include "user/criticalsection.h"

namespace {

RTL_CRITICAL_SECTION Locks[int(CRT_LOCK::Count)];

} // namespace

bool CrtMakeLocks() {
    for (RTL_CRITICAL_SECTION& lock : Locks)
        if (!NT_SUCCESS(RtlInitializeCriticalSection(&lock))) return false;
    return true;
}

CRT_GUARD::CRT_GUARD(CRT_LOCK lock) : m_lock(lock) { _lock(int(lock)); }
CRT_GUARD::~CRT_GUARD() { _unlock(int(m_lock)); }

extern "C" {
void CDECL _lock(int number) {
    if (number >= 0 && number < int(CRT_LOCK::Count)) (void)RtlEnterCriticalSection(&Locks[number]);
}
void CDECL _unlock(int number) {
    if (number >= 0 && number < int(CRT_LOCK::Count)) (void)RtlLeaveCriticalSection(&Locks[number]);
}

BOOLEAN NTAPI DllMain(PVOID, ULONG Reason, PVOID) {
    constexpr ULONG processDetach = 0, processAttach = 1, threadDetach = 3; // documented
    if (Reason == processAttach) {
        if (!CrtMakeLocks() || !CrtMakePerThread() || !CrtMakeEnvironment()) return FALSE;
        CrtTakeStandardHandles();
        CrtBeginClock();
        return TRUE;
    }
    if (Reason == threadDetach) CrtDropPerThread();
    if (Reason == processDetach) CrtFlushAll();
    return TRUE;
}
}
