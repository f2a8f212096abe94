// The last error of a thread, and what every routine needs: statuses, texts, handles. Contract: kernel32.h.
#include "k32.h"

BOOL BaseSucceeded(NTSTATUS status) {
    if (NT_SUCCESS(status)) return TRUE;
    SetLastError(RtlNtStatusToDosError(status));
    return FALSE;
}

BASE_WIDE::BASE_WIDE(PCSTR text) {
    if (!text) return;
    STRING narrow;
    m_status = RtlInitAnsiStringEx(&narrow, text);
    if (NT_SUCCESS(m_status)) m_status = RtlAnsiStringToUnicodeString(&m_wide, &narrow, TRUE);
}

extern "C" {

DWORD NTAPI GetLastError() { return NtCurrentTeb()->LastErrorValue; }
void NTAPI SetLastError(DWORD Error) { NtCurrentTeb()->LastErrorValue = Error; }

LONG NTAPI DllMain(PVOID DllHandle, ULONG Reason, PVOID) {
    if (Reason == DLL_PROCESS_ATTACH) (void)LdrDisableThreadCalloutsForDll(DllHandle);
    return TRUE;
}
}
