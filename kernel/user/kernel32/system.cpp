// The machine, as programs ask for it; the debugger that there may be. Contract: kernel32.h.
#include "k32.h"

#include "ex/features.h"
#include "ke/shareddata.h"
#include "mm/layout.h"

extern "C" {

void NTAPI GetSystemInfo(SYSTEM_INFO* SystemInfo) {
    constexpr ULONG_PTR lowest = 0x10000, highest = 0x7FFEFFFF; // documented, of a 2 GB address space
    constexpr DWORD intelPentium = 586;
    *SystemInfo = {};
    SystemInfo->dwPageSize = PAGE_SIZE;
    SystemInfo->lpMinimumApplicationAddress = reinterpret_cast<LPVOID>(lowest);
    SystemInfo->lpMaximumApplicationAddress = reinterpret_cast<LPVOID>(highest);
    SystemInfo->dwNumberOfProcessors = NtCurrentPeb()->NumberOfProcessors;
    SystemInfo->dwActiveProcessorMask = (ULONGLONG(1) << SystemInfo->dwNumberOfProcessors) - 1;
    SystemInfo->dwProcessorType = intelPentium;
    SystemInfo->dwAllocationGranularity = MM_ALLOCATION_GRANULARITY;
}

BOOL NTAPI IsProcessorFeaturePresent(DWORD Feature) {
    const auto* const shared = reinterpret_cast<const KUSER_SHARED_DATA*>(MM_SHARED_USER_DATA);
    return Feature < PROCESSOR_FEATURE_MAX && shared->ProcessorFeatures[Feature];
}

BOOL NTAPI IsDebuggerPresent() { return NtCurrentPeb()->BeingDebugged; }

void NTAPI OutputDebugStringA(PCSTR OutputString) { (void)DbgPrint("%s", OutputString); }

/// What COMPUTERNAME says; no registry keeps a name yet. @param Size room in characters; receives those of the name
BOOL NTAPI GetComputerNameW(PWSTR Buffer, DWORD* Size) {
    constexpr WCHAR usual[] = u"MICA";
    constexpr DWORD ERROR_BUFFER_OVERFLOW = 111;
    WCHAR name[16] = {}; // documented: a name has 15 characters at most
    if (GetEnvironmentVariableW(u"COMPUTERNAME", name, 16) == 0) RtlCopyMemory(name, usual, sizeof(usual));
    const DWORD length = DWORD(wcslen(name)), room = *Size;
    *Size = length < room ? length : length + 1;
    if (length >= room) {
        SetLastError(ERROR_BUFFER_OVERFLOW);
        return FALSE;
    }
    RtlCopyMemory(Buffer, name, (length + 1) * sizeof(WCHAR));
    return TRUE;
}
}
